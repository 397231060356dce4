"""Try a definition on the past: the dialog that starts it, and the page that shows what came of it."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from cohorts.backtest.run import ACTIVE, TooMuch, cancel_backtest, start_backtest
from cohorts.backtest.serializers import DEFINITION, words_of
from cohorts.backtest.summary import charts, summarize
from cohorts.backtest.who import day_of, read_moves
from cohorts.models import DEFAULT_PERIOD, Backtest, Cohort
from cohorts.page_forms import PERIODS, DefinitionForm
from cohorts.paging import PAGE_SIZE, page_from, page_number
from cohorts.periods import format_period, parse_period
from cohorts.views.access import LISTS, find_dynamic
from ingest.models import CustomerKind

may_try = permission_required(("cohorts.view_cohort", "cohorts.view_backtest"), raise_exception=True)
DAYS = (7, 30, 90)
NOTIFIED = {
    timedelta(minutes=15): "15 minutes",
    timedelta(hours=1): "hour",
    timedelta(hours=6): "6 hours",
    timedelta(days=1): "day",
}
"""Periods of a subscription that the page counts notifications for, after "at most one every"."""
UNTAKEN = timedelta(minutes=2)
"""How long a worker may take to begin before the page doubts that there is one."""


class BacktestForm(forms.Form):
    """How far back, and how often it is evaluated."""

    days = forms.TypedChoiceField(
        label="Replay", choices=[(days, f"the last {days} days") for days in DAYS], coerce=int, initial=30
    )
    period = forms.TypedChoiceField(
        label="Evaluated",
        choices=[(format_period(period), words) for period, words in PERIODS.items()],
        coerce=parse_period,
        initial=format_period(DEFAULT_PERIOD),
    )


@may_try
@require_http_methods(["GET", "POST"])
def new_backtest(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The dialog that tries a definition that is not saved, as the builder has it."""
    given = DefinitionForm(kind, request.POST or request.GET)
    given.is_valid()
    form = BacktestForm(request.POST or None)
    values = given.cleaned_data
    problem = "" if given.parsed else "Complete the criteria first: they say who would have joined and left."
    if request.method == "POST" and given.parsed and form.is_valid():
        definition = {
            "kind": kind,
            "criteria": values["criteria"],
            "time_zone": values.get("time_zone") or "UTC",
            "week_starts_on": values.get("week_starts_on") or 1,
            "period": form.cleaned_data["period"],
        }
        started = _start(request, definition, form.cleaned_data["days"], None)
        if isinstance(started, Backtest):
            return HttpResponse(headers={"HX-Redirect": reverse("backtest", args=[started.pk])})
        problem = started
    hidden = {name: (request.POST or request.GET).get(name, "") for name in ("criteria", "time_zone", "week_starts_on")}
    context = {"form": form, "hidden": hidden, "problem": problem, "can_start": given.parsed is not None}
    context |= {"kind": kind.value, "words": given.parsed.words() if given.parsed else ""}
    return render(request, "cohorts/backtest/new.html", context, status=422 if form.is_bound else 200)


@may_try
@require_http_methods(["GET", "POST"])
def cohort_backtest(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The dialog that tries the definition of a saved cohort, as often as it is evaluated."""
    cohort = find_dynamic(pk)
    form = BacktestForm(request.POST or None)
    del form.fields["period"]
    problem = ""
    if request.method == "POST" and form.is_valid():
        definition = {name: getattr(cohort, name) for name in ("kind", *DEFINITION)}
        started = _start(request, definition, form.cleaned_data["days"], cohort)
        if isinstance(started, Backtest):
            return HttpResponse(headers={"HX-Redirect": reverse("backtest", args=[started.pk])})
        problem = started
    tried = cohort.backtests.order_by("-created_at").defer("parts", "kept")[:5]
    context = {"form": form, "cohort": cohort, "problem": problem, "can_start": True, "tried": tried}
    return render(request, "cohorts/backtest/new.html", context, status=422 if form.is_bound else 200)


@may_try
@require_GET
def backtest(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How far it came; at its end, or when it was stopped, what was found."""
    found, now = _find(pk), timezone.now()
    return render(request, "cohorts/backtest/page.html", {**_frame(found), **_results(request, found, now)})


@may_try
@require_GET
def backtest_results(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The part of the page that renews itself."""
    return render(request, "cohorts/backtest/results.html", _results(request, _find(pk), timezone.now()))


@may_try
@require_POST
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Stop it; what was found until then is shown."""
    found, now = _find(pk), timezone.now()
    cancel_backtest(found.pk, now)
    return render(request, "cohorts/backtest/results.html", _results(request, _find(pk), now))


@may_try
@require_GET
def backtest_who(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who would have joined and left, on one day or at any time."""
    found = _find(pk)
    start, end = found.start, found.end + timedelta(minutes=1)
    if request.GET.get("day"):
        day = day_of(found, request.GET["day"])
        if day is None:
            raise Http404("The backtest has no such day.")
        start, end = day
    number = page_number(request.GET.get("page"))
    moves = read_moves(found, start, end, (number - 1) * PAGE_SIZE, PAGE_SIZE + 1)
    days = [each for each in summarize(found, DEFAULT_PERIOD).days if each.joined or each.left]
    shown = {"page": page_from(moves, number), "days": days, "day": request.GET.get("day", ""), "backtest": found}
    return render(request, "cohorts/backtest/who.html", {**_frame(found), **shown})


def _start(request: HttpRequest, definition: dict[str, Any], days: int, cohort: Cohort | None) -> Backtest | str:
    """The new backtest, or why there is none."""
    try:
        return start_backtest(definition, days, timezone.now(), cohort=cohort, by=request.user)
    except TooMuch as error:
        return str(error)


def _find(pk: uuid.UUID) -> Backtest:
    return get_object_or_404(Backtest.objects.select_related("cohort").defer("parts", "kept"), pk=pk)


def _frame(found: Backtest) -> dict[str, Any]:
    asked = {
        "criteria": json.dumps(found.criteria, separators=(",", ":"), ensure_ascii=False),
        "time_zone": found.time_zone,
        "week_starts_on": found.week_starts_on,
    }
    return {
        "title": "Tried on the past",
        "place": LISTS[found.kind] if found.cohort else f"{found.kind}_lookup",
        "backtest": found,
        "words": words_of(found),
        "lookup": f"{reverse(f'{found.kind}_lookup')}?{urlencode(asked)}",
        "list": LISTS[found.kind],
    }


def _results(request: HttpRequest, found: Backtest, now: datetime) -> dict[str, Any]:
    asked = request.GET.get("every", "")
    period = next((each for each in NOTIFIED if format_period(each) == asked), DEFAULT_PERIOD)
    context = {
        "backtest": found,
        "now": now,
        "is_active": found.state in ACTIVE,
        "is_untaken": found.state == Backtest.State.WAITING and found.created_at + UNTAKEN < now,
        "percent": found.done * 100 // found.total,
        "periods": [(format_period(each), words, each == period) for each, words in NOTIFIED.items()],
        "every": NOTIFIED[period],
    }
    if found.done and found.state not in ACTIVE:
        summary = summarize(found, period)
        context |= {"summary": summary, "charts": charts(found, summary)}
    return context
