"""What can be done with a cohort from its menu. Done, the page that the menu stands on is loaded anew and says so."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from cohorts.detail_form import DetailForm, DuplicateForm
from cohorts.edit import edit_cohort, pause_time
from cohorts.listing import in_words
from cohorts.models import Cohort, Evaluation
from cohorts.references import CohortInUse, cohorts_that_use, delete_unused, lock_references
from cohorts.refresh import evaluate_now
from cohorts.views.access import LISTS, find_cohort, find_dynamic, may_add, may_change, may_delete, may_see

COPIED = ("description", "kind", "criteria", "time_zone", "week_starts_on", "period")
SUPERSEDED = "Another evaluation or an edit came first."


@require_POST
@may_change
def pause_cohort(request: HttpRequest, pk: uuid.UUID, paused: bool) -> HttpResponse:
    """Stop or resume evaluating."""
    cohort = find_cohort(pk)
    edit_cohort(cohort, {"paused_at": pause_time(paused, cohort.paused_at, timezone.now())}, tell=False)
    messages.success(request, "Paused until somebody resumes it." if paused else "Resumed: it is evaluated when due.")
    return _reload()


@require_POST
@may_change
def evaluate_cohort(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Find the members anew, due or not."""
    evaluations = evaluate_now([find_cohort(pk)], timezone.now())
    if not evaluations:
        messages.info(request, SUPERSEDED)
    for evaluation in evaluations:
        if evaluation.error:
            messages.error(request, "The evaluation failed; the members stay as they were.")
        else:
            messages.success(request, say_evaluation(evaluation))
    return _reload()


@require_http_methods(["GET", "POST"])
@may_change
def cohort_details(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog for name, description, key and period."""
    cohort = find_cohort(pk)
    form = DetailForm(request.POST or None, instance=cohort)
    if request.method == "POST" and form.is_valid():
        edit_cohort(cohort, form.edited, tell=False)
        messages.success(request, "Saved.")
        return _reload()
    context = {"cohort": cohort, "form": form}
    return render(request, "cohorts/saved/details.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
@may_add
def duplicate_cohort(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that makes a cohort with the same definition, to be edited from there. Nobody is told of it."""
    cohort = find_dynamic(pk)
    form = DuplicateForm(request.POST or None, initial={"name": f"Copy of {cohort.name}"[:200]})
    if request.method == "POST" and form.is_valid():
        made = _duplicate(pk, name=form.cleaned_data["name"], created_by_id=request.user.pk, created_at=timezone.now())
        messages.success(request, "Duplicated. Notifications are not copied: nobody is told of the copy yet.")
        return HttpResponse(headers={"HX-Redirect": reverse("cohort", args=[made.pk])})
    context = {"cohort": cohort, "form": form}
    return render(request, "cohorts/saved/duplicate.html", context, status=422 if form.is_bound else 200)


@transaction.atomic
def _duplicate(pk: uuid.UUID, **values: Any) -> Cohort:
    lock_references()
    cohort = find_dynamic(pk)
    return Cohort.objects.create(**{name: getattr(cohort, name) for name in COPIED}, **values)


@require_http_methods(["GET", "POST"])
@may_delete
def delete_cohort(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that names what goes with the cohort, and deletes it."""
    cohort = find_cohort(pk)
    if request.method == "POST":
        try:
            delete_unused(cohort)
        except CohortInUse as error:
            return render(request, "cohorts/saved/delete.html", _deletion(cohort, error.users), status=422)
        messages.success(request, "The cohort is deleted.")
        return HttpResponse(headers={"HX-Redirect": reverse(LISTS[cohort.kind])})
    return render(request, "cohorts/saved/delete.html", _deletion(cohort, cohorts_that_use(cohort)))


def _deletion(cohort: Cohort, users: Sequence[Cohort]) -> dict[str, Any]:
    """What the dialog shows of a cohort and of those that are defined by its members, which keep it."""
    return {"cohort": cohort, "cohorts": [cohort], "used_by": users, "evaluations": cohort.evaluations.count()}


@may_see
def cohort_recipe(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that tells how software reads the members and follows their changes."""
    cohort = find_cohort(pk)
    address = settings.SITE_URL.rstrip("/") + reverse("cohort-detail", args=[cohort.pk])
    context = {
        "cohort": cohort,
        "words": in_words(cohort),
        "members": _curl(f"{address}members/?limit=1000"),
        "changes": _curl(f"{address}changes/?after=CURSOR"),
    }
    return render(request, "cohorts/saved/recipe.html", context)


def say_evaluation(evaluation: Evaluation) -> str:
    """What an evaluation did, in a sentence."""
    if evaluation.baseline:
        return f"Evaluated: {evaluation.members:,} members. Nobody is told of them."
    return f"Evaluated: {evaluation.members:,} members; {evaluation.added:,} joined, {evaluation.removed:,} left."


def _curl(address: str) -> str:
    return f"curl -H 'Authorization: Bearer YOUR_API_KEY' \\\n  '{address}'"


def _reload() -> HttpResponse:
    return HttpResponse(headers={"HX-Refresh": "true"})
