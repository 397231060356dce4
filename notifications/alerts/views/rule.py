"""The page of an alert rule: what it watches, how it is doing, its alerts and whom it tells."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from cohorts.criteria import CriteriaError
from ingest.columns import ColumnsDamaged, open_columns
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.chart import draw
from notifications.alerts.charts import (
    Span,
    chart_of,
    groups_to_draw,
    maintenance_spans,
    points_shown,
    say_group,
)
from notifications.alerts.groups import Group
from notifications.alerts.listing import OPEN, channels_of, describe_alerts, list_alerts, rule_in_words
from notifications.alerts.models import AlertRule
from notifications.alerts.plans import plan_of
from notifications.alerts.state import state_of_rule
from notifications.alerts.views.access import find_rule, may_see
from notifications.alerts.views.menus import menu_of
from notifications.alerts.views.tabs import RULES

SHOWN = 20
MOST_SPANS = 200


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


@may_see
@require_GET
def rule_chart(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """What it saw lately, with what was expected: of everything, or of the group whose key is asked for."""
    found = find_rule(pk)
    try:
        context = _chart(found, request.GET.get("group", ""))
    except (ColumnsDamaged, CriteriaError, TooManyGroups) as error:
        context = {"problem": str(error)}
    return render(request, "alerts/rules/chart.html", {"rule": found, **context})


def _chart(found: AlertRule, asked: str) -> dict[str, Any]:
    now, plan = timezone.now(), plan_of(found)
    groups = groups_to_draw(found, plan, now)
    if not groups:
        return {"empty": True}
    group = next((each for each in groups if each.key == asked), groups[0])
    last = plan.grid.number(now - plan.definition.grace.length)
    numbers = range(last - points_shown(plan) + 1, last + 1)
    with open_columns().snapshot(now) as snapshot:
        [drawn] = draw(snapshot, plan, numbers, [group])
    label = say_group(group.values) or plan.definition.metric.words()
    spans = [*_spans(found, group, plan.grid.border(last)), *maintenance_spans(plan)]
    return {
        "chart": chart_of(plan, drawn.points, label[:120], spans),
        "empty": all(point.value is None for point in drawn.points),
        "groups": [(each.key, say_group(each.values), each == group) for each in groups if each.values],
    }


def _spans(found: AlertRule, group: Group, end: Any) -> list[Span]:
    """When alerts of the group were open."""
    newest = found.alerts.filter(group_key=group.key).order_by("-opened_at")[:MOST_SPANS]
    return [Span(alert.interval_start, alert.resolved_at or end, "Alert open") for alert in newest]
