"""The page of an alert rule: what it watches, how it is doing, its alerts and whom it tells."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from notifications.alerts.listing import OPEN, channels_of, describe_alerts, list_alerts, rule_in_words
from notifications.alerts.state import state_of_rule
from notifications.alerts.views.access import find_rule, may_see
from notifications.alerts.views.menus import menu_of
from notifications.alerts.views.tabs import RULES

SHOWN = 20


@may_see
def rule(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What the rule does and did."""
    found, now = find_rule(pk), timezone.now()
    newest = list(list_alerts(rule=found.pk)[: SHOWN + 1])
    context = {
        "title": found.name,
        "place": RULES,
        "rule": found,
        "words": rule_in_words(found),
        "state": state_of_rule(found, found.alerts.filter(OPEN).count(), now),
        "channels": channels_of([found]).get(found.pk, []),
        "listed": describe_alerts(newest[:SHOWN], now),
        "has_more": len(newest) > SHOWN,
        "menu": menu_of(found, request.user, now),
        "now": now,
    }
    return render(request, "alerts/rules/page.html", context)
