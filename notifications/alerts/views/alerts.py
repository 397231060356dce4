"""The list of alerts: open, acknowledged and resolved ones, of every rule."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cohorts.paging import page_of
from notifications.alerts.listing import STATES, describe_alerts, list_alerts
from notifications.alerts.models import AlertRule
from notifications.alerts.views.access import may_see
from notifications.alerts.views.tabs import ALERTS, RULES, tabs
from notifications.views.filters import MOST_OFFERED, drop_down, id_in

SINCE = {
    "24h": ("The last 24 hours", timedelta(days=1)),
    "7d": ("The last 7 days", timedelta(days=7)),
    "30d": ("The last 30 days", timedelta(days=30)),
}


@may_see
def alerts(request: HttpRequest) -> HttpResponse:
    """Alerts, newest first, by state, rule and time; the list alone when a filter asks for it."""
    now, asked = timezone.now(), request.GET
    state = asked.get("state", "") if asked.get("state") in STATES else ""
    since = asked.get("since", "") if asked.get("since") in SINCE else ""
    rule = id_in(asked.get("rule", ""))
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
        drop_down("State", "state", state, ((key, words) for key, (words, _) in STATES.items())),
        drop_down("Rule", "rule", rule, rules),
        drop_down("Opened", "since", since, ((key, words) for key, (words, _) in SINCE.items())),
    ]
    return render(request, "alerts/alerts.html", context)
