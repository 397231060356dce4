"""Save what was looked up as a cohort: the dialog, and what it answers."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from cohorts.models import Cohort
from cohorts.page_forms import DefinitionForm, SaveForm
from ingest.models import CustomerKind


@require_http_methods(["GET", "POST"])
@permission_required("cohorts.add_cohort", raise_exception=True)
def save_cohort(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The dialog that saves a definition as a cohort.

    Saved, it gives way to the one for notifications if these were asked for; the page it stands on then says what
    was made, with links.
    """
    may_subscribe = request.user.has_perm("notifications.add_subscription")
    definition = DefinitionForm(kind, request.POST or request.GET)
    definition.is_valid()
    if request.method == "POST":
        form = SaveForm(kind, request.POST, may_subscribe=may_subscribe)
        with transaction.atomic():
            if form.is_valid():
                return _saved(request, form)
    else:
        given = {name: value for name, value in definition.cleaned_data.items() if value}
        form = SaveForm(kind, initial=given, may_subscribe=may_subscribe)
    words = definition.parsed.words() if definition.parsed else ""
    context = {"form": form, "kind": kind.value, "words": words}
    return render(request, "cohorts/lookup/save.html", context, status=422 if form.is_bound else 200)


def _saved(request: HttpRequest, form: SaveForm) -> HttpResponse:
    cohort: Cohort = form.save(commit=False)
    cohort.created_at, cohort.created_by = timezone.now(), request.user  # type: ignore[assignment]
    cohort.save()
    notify = form.cleaned_data.get("notify", False)
    context = {"cohort": cohort, "cohorts_view": f"{cohort.kind}_cohorts", "notify": notify}
    answer = render(request, "cohorts/lookup/saved.html", context)
    if not notify:
        answer.headers["HX-Trigger"], answer.headers["HX-Reswap"] = "close-dialog", "none"
    return answer
