"""The page of one customer: who it is, where it belongs, what it did. Links in notifications lead here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from cohorts.activity import Activity, activity_of
from cohorts.facts import facts_of
from cohorts.feed import cohorts_of
from cohorts.outlook import outlook_of
from cohorts.paging import page_of
from cohorts.stays import stays_of
from cohorts.timeline import SHOWN, InvalidPlace, timeline
from ingest.arrivals import record_what_just_came
from ingest.columns.interface import ColumnsDamaged
from ingest.erase import erase_customer
from ingest.models import Customer, CustomerKind, Event

may_see = permission_required(
    ("ingest.view_customer", "ingest.view_event", "cohorts.view_membershipchange"), raise_exception=True
)
DAYS = (30, 90)
USERS_SHOWN = 10
_LABELS = {"": "All", "calls": "API calls", "actions": "Actions", "cohorts": "Cohorts", "profile": "Profile"}
_LISTED_APART = ("metadata", "campaign", "company_domain", "subscriptions")


@may_see
@require_GET
def customer(request: HttpRequest, kind: str, external_id: str) -> HttpResponse:
    """Everything about one customer; of one that is unknown or erased a page that says so.

    A visitor who turned out to be a user has that user's page.
    """
    record_what_just_came()
    found = Customer.objects.select_related("company", "merged_into").filter(kind=kind, external_id=external_id).first()
    if found is not None and found.merged_into is not None:
        return redirect("customer", kind, found.merged_into.external_id)
    if found is None or found.erased_at:
        unknown = {"kind": kind, "place": _place(kind), "external_id": external_id, "customer": found}
        return render(request, "cohorts/customer/unknown.html", unknown, status=404)
    now = timezone.now()
    rest = {name: value for name, value in found.profile.items() if name not in _LISTED_APART}
    shown: dict[str, Any] = {
        "title": found.name or found.email or found.external_id,
        "place": _place(kind),
        "customer": found,
        "metadata": list(facts_of(found.profile.get("metadata") or {})),
        "campaign": list(facts_of(found.profile.get("campaign") or {})),
        "rest": list(facts_of(rest)),
        "stays": stays_of(found),
        "menu": _menu(request, found),
        **_activity(request, found, now),
        **_timeline(request, found, now),
    }
    if kind == CustomerKind.COMPANY:
        users = found.users.filter(erased_at=None).order_by("-pk")
        shown["users"] = page_of(users, request.GET.get("page"), USERS_SHOWN)
    return render(request, "cohorts/customer/page.html", shown)


@may_see
@require_GET
def customer_activity(request: HttpRequest, pk: int) -> HttpResponse:
    """The chart of another number of days."""
    found = _existing(pk)
    return render(
        request, "cohorts/customer/activity.html", {"customer": found, **_activity(request, found, timezone.now())}
    )


@may_see
@require_GET
def customer_outlook(request: HttpRequest, pk: int) -> HttpResponse:
    """When the customer will leave its cohorts by itself, for the places that wait for it on its page."""
    found = _existing(pk)
    cohorts = [cohort for cohort, _ in cohorts_of(found)]
    looked = outlook_of(cohorts, found.pk, timezone.now())
    shown = [{"id": f"ends-{cohort.pk}", "zone": cohort.time_zone, "outlook": each} for cohort, each in looked.items()]
    return render(request, "cohorts/outlook.html", {"places": shown, "with_unknown": True})


@may_see
@require_GET
def customer_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """The timeline of another type, or its next part."""
    found = _existing(pk)
    part = "entries" if "after" in request.GET else "timeline"
    shown = {"customer": found, **_timeline(request, found, timezone.now())}
    return render(request, f"cohorts/customer/{part}.html", shown)


@may_see
@require_GET
def event(request: HttpRequest, pk: int) -> HttpResponse:
    """What an entry of the timeline shows when it is opened: all that is kept of an event."""
    found = get_object_or_404(Event.objects.select_related("user", "company"), pk=pk)
    return render(request, "cohorts/customer/event.html", {"event": found})


@permission_required("ingest.delete_customer", raise_exception=True)
@require_http_methods(["GET", "POST"])
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask before a customer is erased; a POST does it."""
    found = _existing(pk)
    if request.method == "GET":
        return render(request, "cohorts/customer/erase.html", {"customer": found})
    if request.POST.get("external_id", "").strip() != found.external_id:
        return render(request, "cohorts/customer/erase.html", {"customer": found, "wrong": True}, status=422)
    events = erase_customer(found, timezone.now())
    messages.success(request, f"The {found.kind} is erased, with {events:,} {'event' if events == 1 else 'events'}.")
    return HttpResponse(headers={"HX-Redirect": reverse(_place(found.kind))})


def _existing(pk: int) -> Customer:
    return get_object_or_404(Customer.objects.select_related("company"), pk=pk, erased_at=None)


def _place(kind: str) -> str:
    """The entry of the sidebar under which a customer stands."""
    return f"{kind}_lookup"


def _menu(request: HttpRequest, found: Customer) -> list[dict[str, str]]:
    items = []
    if request.user.is_staff and request.user.has_perm("ingest.view_customer"):
        address = reverse("admin:ingest_customer_change", args=[found.pk])
        items.append({"label": "Open in the administration", "icon": "settings", "href": address})
    if request.user.has_perm("ingest.delete_customer"):
        address = reverse("erase_customer", args=[found.pk])
        items.append({"label": f"Erase this {found.kind}…", "icon": "ink_eraser", "tone": "bad", "get": address})
    return items


def _activity(request: HttpRequest, found: Customer, now: datetime) -> dict[str, Any]:
    """The activity and its chart; without either where the columns cannot be read."""
    days = 90 if request.GET.get("days") == "90" else 30
    ranges = [{"days": each, "current": each == days} for each in DAYS]
    try:
        activity = activity_of(found, now, days)
    except ColumnsDamaged:
        return {"ranges": ranges, "activity": None, "chart": None}
    return {"ranges": ranges, "activity": activity, "chart": _chart(activity)}


def _chart(activity: Activity) -> dict[str, Any] | None:
    if not any(activity.events):
        return None
    series: list[dict[str, Any]] = [{"label": "Events", "tone": "1", "values": activity.events}]
    if any(activity.errors):
        errors = {"label": "of them failed (status 400 and above)", "tone": "removed", "values": activity.errors}
        series.append({**errors, "below": True})
    times = [int(day.timestamp()) for day in activity.days]
    return {"kind": "bars", "times": times, "step": 86_400, "time_zone": "UTC", "series": series}


def _timeline(request: HttpRequest, found: Customer, now: datetime) -> dict[str, Any]:
    shown = request.GET.get("show", "")
    if shown not in SHOWN:
        shown = ""
    try:
        entries = timeline(found, now, shown, request.GET.get("after", ""))
    except InvalidPlace:
        raise Http404("There is no such place in the timeline.") from None
    types = [{"name": name, "label": label, "current": name == shown} for name, label in _LABELS.items()]
    return {"timeline": entries, "types": types, "shown": shown}
