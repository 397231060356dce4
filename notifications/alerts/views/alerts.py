"""The list of alerts: open, acknowledged and resolved ones, of every rule."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cohorts.paging import page_of
from notifications.alerts.listing import STATES, describe_alerts, list_alerts
from notifications.alerts.models import AlertRule
from notifications.alerts.views.access import may_see
from notifications.alerts.views.tabs import ALERTS, RULES, tabs

SINCE = {
    "24h": ("The last 24 hours", timedelta(days=1)),
    "7d": ("The last 7 days", timedelta(days=7)),
    "30d": ("The last 30 days", timedelta(days=30)),
}
MOST_OFFERED = 500
"""Rules in the filter."""


@may_see
def alerts(request: HttpRequest) -> HttpResponse:
    """Alerts, newest first, by state, rule and time; the list alone when a filter asks for it."""
    now, asked = timezone.now(), request.GET
    state = asked.get("state", "") if asked.get("state") in STATES else ""
    since = asked.get("since", "") if asked.get("since") in SINCE else ""
    rule = _id(asked.get("rule", ""))
    found = list_alerts(state, rule, now - SINCE[since][1] if since else None)
    page = page_of(found, asked.get("page"))
    context = {
        "title": "Alerts",
        "place": RULES,
        "tabs": tabs(ALERTS),
        "page": page,
        "listed": describe_alerts(page.rows, now),
        "is_filtered": bool(state or since or rule),
        "now": now,
    }
    if request.headers.get("HX-Target") == "alert-list":
        return render(request, "alerts/alert_list.html", context)
    rules = AlertRule.objects.order_by("name").values_list("pk", "name")[:MOST_OFFERED]
    context["filters"] = [
        _filter("State", "state", state, ((key, words) for key, (words, _) in STATES.items())),
        _filter("Rule", "rule", rule, rules),
        _filter("Opened", "since", since, ((key, words) for key, (words, _) in SINCE.items())),
    ]
    return render(request, "alerts/alerts.html", context)


def _filter(label: str, name: str, chosen: object, choices: Iterable[tuple[object, str]]) -> dict[str, Any]:
    offered = [(str(value), words, str(value) == str(chosen or "")) for value, words in choices]
    return {"label": label, "name": name, "choices": offered}


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
