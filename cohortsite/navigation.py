"""The sidebar of our pages: where one can go, and where one is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


@dataclass(frozen=True)
class Place:
    """An entry of the sidebar. A page below it lights it up by giving its template `place`, the name of this view."""

    label: str
    icon: str
    view: str
    permission: str = ""


SECTIONS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    ("", (Place("Home", "home", "home"),)),
    (
        "Users",
        (
            Place("Look-up", "person_search", "user_lookup", "ingest.view_customer"),
            Place("Saved cohorts", "group", "user_cohorts", "cohorts.view_cohort"),
        ),
    ),
    (
        "Companies",
        (
            Place("Look-up", "domain", "company_lookup", "ingest.view_customer"),
            Place("Saved cohorts", "groups", "company_cohorts", "cohorts.view_cohort"),
        ),
    ),
    (
        "Notifications",
        (
            Place("Channels", "notifications", "channels", "notifications.view_channel"),
            Place("Deliveries", "outbox", "deliveries", "notifications.view_delivery"),
            Place("Alert rules", "add_alert", "alert_rules", "alerts.view_alertrule"),
        ),
    ),
)
ADMINISTRATION = Place("Administration", "settings", "admin:index")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """For templates: `sections`, the sidebar as this person may use it. Made when a page asks for it."""
    return {"sections": lambda: _sections(request)}


def _sections(request: HttpRequest) -> list[dict[str, Any]]:
    sections = [(title, [place for place in places if _may(request, place)]) for title, places in SECTIONS]
    if request.user.is_staff:
        sections.append(("", [ADMINISTRATION]))
    entries = [(title, [_entry(request, place) for place in places]) for title, places in sections]
    return [
        {"title": title, "entries": [entry for entry in shown if entry["href"]]}
        for title, shown in entries
        if any(entry["href"] for entry in shown)
    ]


def _may(request: HttpRequest, place: Place) -> bool:
    return not place.permission or request.user.has_perm(place.permission)


def _entry(request: HttpRequest, place: Place) -> dict[str, Any]:
    here = request.resolver_match.view_name if request.resolver_match else ""
    return {
        "label": place.label,
        "icon": place.icon,
        "view": place.view,
        "href": _address(place),
        "is_here": here == place.view,
    }


def _address(place: Place) -> str:
    """Its address; empty while the site has no such page."""
    try:
        return reverse(place.view)
    except NoReverseMatch:
        return ""
