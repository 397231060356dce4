"""Edit a cohort's criteria: see what the edit would do, decide whether to tell of it, save."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.builder import Builder, builder_from, builder_of
from cohorts.builder.kept import say_kept
from cohorts.criteria import Criteria, CriteriaError
from cohorts.edit import DEFINITION, EditedMeanwhile, edit_definition
from cohorts.impact import impact_of
from cohorts.listing import in_words
from cohorts.models import Cohort, Evaluation
from cohorts.refresh import refresh_cohorts
from cohorts.same import is_same
from cohorts.views.access import LISTS, find_dynamic, may_change
from ingest.columns.interface import ColumnsDamaged

SILENT, TELL = "silent", "tell"
NO_CONDITIONS = "A cohort needs at least one condition."


class EditForm(forms.Form):
    """The version of the definition that the editor saw, and whether subscribers are told of the edit."""

    definition_version = forms.IntegerField(widget=forms.HiddenInput)
    tell = forms.ChoiceField(
        label="Whoever joins or leaves by this edit",
        choices=[
            (SILENT, "is not reported: the cohort starts anew in silence"),
            (TELL, "is reported to those who are notified, with the reason “definition”"),
        ],
        widget=forms.RadioSelect,
        initial=SILENT,
    )


@require_http_methods(["GET", "POST"])
@may_change
def cohort_edit(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The builder with the cohort's criteria; posted, the edit is stored and takes effect at once.

    The answer to a refused one replaces the foot of the page only: the draft stays in the builder.
    """
    cohort = find_dynamic(pk)
    if request.method == "POST":
        return _save(request, cohort, builder_from(request.POST, cohort.kind), EditForm(request.POST))
    context = {
        "title": "Edit criteria",
        "place": LISTS[cohort.kind],
        "list": LISTS[cohort.kind],
        "cohort": cohort,
        "builder": builder_of(
            cohort.kind, cohort.criteria, time_zone=cohort.time_zone, week_starts_on=cohort.week_starts_on
        ),
        "form": _fresh_form(cohort),
    }
    return render(request, "cohorts/edit/page.html", context)


@require_POST
@may_change
def cohort_impact(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who would join and leave by the definition that was posted. It only reads."""
    cohort = find_dynamic(pk)
    builder = builder_from(request.POST, cohort.kind)
    context: dict[str, Any] = {
        "cohort": cohort,
        "is_edited": any(not is_same(getattr(cohort, name), value) for name, value in _definition(builder).items()),
        "theirs": "" if _is_current(cohort, request.POST.get("definition_version")) else in_words(cohort),
    }
    if isinstance(builder.parsed, Criteria):
        try:
            found = impact_of(cohort, builder.parsed, builder.time_zone, builder.week_starts_on, timezone.now())
            context |= {"impact": found, "kept": say_kept(found.conditions)}
            context["fingerprint"] = builder.fingerprint
        except ColumnsDamaged as error:
            context["problem"] = str(error)
    return render(request, "cohorts/edit/impact.html", context)


def _save(request: HttpRequest, cohort: Cohort, builder: Builder, form: EditForm) -> HttpResponse:
    refused: dict[str, str] = {}
    if not isinstance(builder.parsed, Criteria):
        refused["problem"] = builder.fault_text or NO_CONDITIONS
    elif form.is_valid():
        tell, seen = form.cleaned_data["tell"] == TELL, form.cleaned_data["definition_version"]
        try:
            if edit_definition(cohort, _definition(builder), tell=tell, expected_version=seen):
                _report(request, cohort, tell=tell)
            else:
                messages.info(request, "Nothing differs from what was saved.")
            return HttpResponse(headers={"HX-Redirect": reverse("cohort", args=[cohort.pk])})
        except CriteriaError as error:
            refused["problem"] = str(error)
        except EditedMeanwhile:
            refused["theirs"] = in_words(cohort)
            form = _fresh_form(cohort, form.cleaned_data["tell"])
    return render(request, "cohorts/edit/save.html", {"cohort": cohort, "form": form, **refused}, status=422)


def _report(request: HttpRequest, cohort: Cohort, *, tell: bool) -> None:
    """Evaluate the edited cohort, so that its page shows what the editor was shown, and say what came of it."""
    if cohort.paused_at is not None:
        messages.info(request, "Saved. It is evaluated again when somebody resumes it.")
        return
    evaluations = refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], timezone.now())
    if not evaluations:
        messages.success(request, "Saved. The next evaluation finds the members.")
    for evaluation in evaluations:
        if evaluation.error:
            messages.error(request, "Saved, but the evaluation failed; the members stay as they were.")
        else:
            messages.success(request, _say(evaluation, tell=tell))


def _say(evaluation: Evaluation, *, tell: bool) -> str:
    if evaluation.baseline or not tell:
        return f"Saved: {evaluation.members:,} members. Nobody is told of this edit."
    return f"Saved: {evaluation.added:,} joined and {evaluation.removed:,} left by this edit; subscribers are told."


def _fresh_form(cohort: Cohort, tell: str = SILENT) -> EditForm:
    return EditForm(initial={"definition_version": cohort.definition_version, "tell": tell})


def _is_current(cohort: Cohort, version: str | None) -> bool:
    return version == str(cohort.definition_version)


def _definition(builder: Builder) -> dict[str, Any]:
    """What the builder says of the fields that decide who is a member."""
    values = (builder.document, builder.time_zone, builder.week_starts_on)
    return dict(zip(DEFINITION, values, strict=True))
