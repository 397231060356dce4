"""The page of one cohort: its members, history, changes, evaluations and notifications, a tab each."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from pyroaring import BitMap

from cohorts.criteria import CriteriaError, parse
from cohorts.cursors import InvalidCursor
from cohorts.edit import LIST_WORDS
from cohorts.enums import ChangeKind, Reason
from cohorts.export import change_lines, csv_response, member_lines
from cohorts.feed import Cursor
from cohorts.history import RANGES, history_of
from cohorts.listing import DAY, in_words, moved_since
from cohorts.log import LogPage, TooManyCustomers, read_log
from cohorts.membership import members
from cohorts.models import Cohort, Evaluation
from cohorts.outlook import Outlook, looking_ahead
from cohorts.paging import PAGE_SIZE, page_of
from cohorts.references import cohorts_that_use
from cohorts.roll import read_roll
from cohorts.search import find_customers
from cohorts.state import state_of
from cohorts.views.access import LISTS, find_cohort, may_see
from cohorts.views.menus import menu_of
from ingest.columns.interface import ColumnsDamaged
from ingest.models import CustomerKind

TABS = (
    ("cohort", "Members"),
    ("cohort_history", "History"),
    ("cohort_changes", "Changes"),
    ("cohort_evaluations", "Evaluations"),
    ("cohort_notifications", "Notifications"),
)
DAYS = 30
SAY_MORE = "Very many customers match: type more of the id, email address or name."


@may_see
def cohort_members(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who is in the cohort, since when and why, below how it is doing."""
    cohort, now = find_cohort(pk), timezone.now()
    search = request.GET.get("q", "").strip()
    found = find_customers(CustomerKind(cohort.kind), search) if search else None
    joined, left = moved_since([cohort], now - DAY).get(cohort.pk, (0, 0))
    context = {
        "search": search,
        "roll": read_roll(cohort, request.GET.get("page"), found),
        "joined": joined,
        "left": left,
        "history": history_of(cohort, DAYS, now),
        "used_by": cohorts_that_use(cohort),
    }
    return _render(request, cohort, now, "cohort", "members", context)


@may_see
def cohort_outlook(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """When members of a page will leave by themselves, for the places that wait for it there."""
    cohort, now = find_cohort(pk), timezone.now()
    asked = [int(each) for each in request.GET.get("of", "").split(",") if re.fullmatch("[0-9]{1,9}", each, re.ASCII)]
    ids = BitMap(asked[:PAGE_SIZE]) & members(cohort)
    looked: dict[int, Outlook] = {}
    with suppress(ColumnsDamaged), looking_ahead(now) as look:
        looked = look(cohort, ids)
    places = [{"id": f"ends-{id_}", "zone": cohort.time_zone, "outlook": each} for id_, each in looked.items()]
    return render(request, "cohorts/outlook.html", {"places": places})


@may_see
def cohort_history(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """How many were in it, and how many joined and left per day."""
    cohort, now = find_cohort(pk), timezone.now()
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, RANGES) else DAYS
    context = {"history": history_of(cohort, days, now), "days": days, "ranges": RANGES}
    return _render(request, cohort, now, "cohort_history", "history", context)


@may_see
def cohort_changes(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The log of changes, newest first."""
    cohort, now = find_cohort(pk), timezone.now()
    search, before = request.GET.get("q", "").strip(), request.GET.get("before", "")
    change = _choice(request.GET.get("change"), ChangeKind.values)
    reason = _choice(request.GET.get("reason"), Reason.values)
    log, problem = LogPage([], None, cut=False), ""
    try:
        place = Cursor.decode(before, cohort) if before else None
        found = find_customers(CustomerKind(cohort.kind), search) if search else None
        log = read_log(cohort, place, change=change, reason=reason, customers=found)
    except InvalidCursor:
        problem = "That place of the log is not one of this cohort's: begin with the newest changes."
    except TooManyCustomers:
        problem = SAY_MORE
    context = {
        "log": log,
        "older": log.older.encode(cohort) if log.older else "",
        "problem": problem,
        "search": search,
        "before": before,
        "change": change,
        "reason": reason,
        "directions": [(ChangeKind.ADDED.value, "joined"), (ChangeKind.REMOVED.value, "left")],
        "reasons": [(reason.value, f"{reason.value}: {reason.label}") for reason in Reason],
        "is_filtered": bool(search or change or reason or before),
    }
    return _render(request, cohort, now, "cohort_changes", "changes", context)


@may_see
def cohort_evaluations(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Its runs, newest first, with what each took and did."""
    cohort, now = find_cohort(pk), timezone.now()
    shown = _choice(request.GET.get("show"), ["moves", "failed"])
    runs = cohort.evaluations.order_by("-as_of", "-pk")
    if shown == "failed":
        runs = runs.exclude(error="")
    elif shown == "moves":
        runs = runs.filter(error="").exclude(added=0, removed=0, baseline=False)
    page = page_of(runs, request.GET.get("page"))
    shows = [("", "All"), ("moves", "That moved somebody"), ("failed", "Failed")]
    context = {"page": page, "definitions": _definitions(cohort, page.rows), "show": shown, "shows": shows}
    return _render(request, cohort, now, "cohort_evaluations", "evaluations", context)


@may_see
def cohort_notifications(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Who is told, and what was sent."""
    return _render(request, find_cohort(pk), timezone.now(), "cohort_notifications", "notifications", {})


@may_see
def members_export(request: HttpRequest, pk: uuid.UUID) -> StreamingHttpResponse:
    """All members as a CSV file."""
    cohort = find_cohort(pk)
    return csv_response(member_lines(cohort), f"members-{timezone.now():%Y-%m-%d}")


@may_see
def changes_export(request: HttpRequest, pk: uuid.UUID) -> StreamingHttpResponse:
    """All changes as a CSV file, oldest first."""
    cohort = find_cohort(pk)
    return csv_response(change_lines(cohort), f"changes-{timezone.now():%Y-%m-%d}")


def _render(
    request: HttpRequest, cohort: Cohort, now: datetime, tab: str, template: str, context: dict[str, Any]
) -> HttpResponse:
    """A tab of the page with the frame that all have."""
    frame = {
        "title": cohort.name,
        "place": LISTS[cohort.kind],
        "list": LISTS[cohort.kind],
        "cohort": cohort,
        "words": in_words(cohort),
        "state": state_of(cohort, now),
        "now": now,
        "menu": menu_of(cohort, request.user),
        "tabs": [_tab(cohort, view, label, current=view == tab) for view, label in TABS],
    }
    return render(request, f"cohorts/cohort/{template}.html", {**frame, **context})


def _tab(cohort: Cohort, view: str, label: str, *, current: bool) -> dict[str, Any]:
    count = cohort.member_count if view == "cohort" else None  # type: ignore[attr-defined]
    return {"label": label, "href": reverse(view, args=[cohort.pk]), "current": current, "count": count}


def _choice(asked: str | None, known: list[str]) -> str:
    """What was asked for, if there is such a thing; else nothing."""
    return asked if asked in known else ""


def _definitions(cohort: Cohort, evaluations: Any) -> dict[int, str]:
    """The definitions that these evaluations ran under, in words."""
    seen: dict[int, Evaluation] = {each.definition_version: each for each in evaluations}
    return {version: _say(cohort, each.criteria) for version, each in sorted(seen.items(), reverse=True)}


def _say(cohort: Cohort, criteria: Any) -> str:
    if cohort.is_list:
        return LIST_WORDS
    try:
        return parse(criteria, CustomerKind(cohort.kind)).words()
    except CriteriaError as error:
        return f"The criteria are not valid: {error}"
