"""What is told of alerts: one message for all that opened, resolved or is reminded of in a rule's turn."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from ingest.columns.interface import Snapshot
from ingest.models import Customer, CustomerKind
from notifications.alerts.chart import Drawn, draw
from notifications.alerts.groups import Group
from notifications.alerts.metric import Share
from notifications.alerts.models import Alert
from notifications.alerts.outcome import Outcome
from notifications.alerts.plan import Plan
from notifications.message import AlertChart, AlertEntry, AlertText, ChartPoint, Happened, RuleInfo, Said
from notifications.models import Delivery
from notifications.telling import alert_deliveries

CUSTOMERS = tuple(f"{kind}_id" for kind in CustomerKind)
POINTS = 48
"""Intervals in the chart of a message, up to the newest."""


def compose(snapshot: Snapshot, outcome: Outcome, now: datetime) -> list[Delivery]:
    """What a rule's turn sends, not saved: each kind of message on each of its channels. Raises ColumnsDamaged."""
    rule = outcome.standing.rule
    channels = list(rule.channels.order_by("pk")) if outcome.told else []
    if not channels:
        return []
    return [
        delivery
        for happened in outcome.told
        for delivery in alert_deliveries(
            write_text(snapshot, outcome, happened, now), f"{rule.pk} {happened} {rule.turn}", channels
        )
    ]


def write_text(snapshot: Snapshot, outcome: Outcome, happened: Happened, now: datetime) -> AlertText:
    """The message of what happened to some alerts of a rule. Raises ColumnsDamaged."""
    standing, alerts = outcome.standing, outcome.told[happened]
    rule, plan = standing.rule, standing.plan
    last = standing.numbers[-1] if standing.numbers else plan.grid.number(rule.judged_until)
    definition, titles = plan.definition, titles_of([alert.group for alert in alerts])
    return AlertText(
        happened=happened,
        created_at=now,
        rule=RuleInfo(str(rule.pk), rule.name, page_url("alert_rule", rule.pk)),
        interval_from=plan.grid.start(last),
        interval_to=plan.grid.border(last),
        metric=Said(definition.metric.words(), definition.document["metric"]),
        condition=Said(definition.condition.words(definition.frame), definition.document["condition"]),
        alerts=tuple(_entry(*each) for each in zip(alerts, titles, strict=True)),
        not_watched=outcome.unwatched,
        chart=_chart(snapshot, plan, happened, alerts[0], last),
        zone=rule.time_zone,
    )


def _entry(alert: Alert, title: str) -> AlertEntry:
    return AlertEntry(
        id=str(alert.pk),
        state=alert.state,
        value=alert.value,
        low=alert.low,
        high=alert.high,
        sentence=alert.resolved_sentence or alert.sentence,
        opened_at=alert.opened_at,
        url=page_url("alert", alert.pk),
        group=alert.group,
        title=title,
        resolved_at=alert.resolved_at,
    )


def titles_of(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """What people call groups: their values, customers by name. One query for all of them."""
    asked = {(field, str(value)) for group in groups for field, value in group.items() if field in CUSTOMERS}
    rows = Customer.objects.filter(external_id__in={value for _, value in asked})
    named = {(f"{row.kind}_id", row.external_id): row.name for row in rows.only("kind", "external_id", "profile")}
    return [
        ", ".join(named.get((field, str(value))) or str(value) for field, value in group.items()) for group in groups
    ]


def _chart(snapshot: Snapshot, plan: Plan, happened: Happened, alert: Alert, last: int) -> AlertChart:
    [drawn] = draw(snapshot, plan, range(last - POINTS + 1, last + 1), [Group(alert.group)])
    moment = alert.resolved_at if happened == Happened.RESOLVED else alert.opened_at
    return chart_of(plan, drawn, moment)


def chart_of(plan: Plan, drawn: Drawn, moment: datetime | None) -> AlertChart:
    """The chart of a message: what was drawn, with the interval marked that ended at the moment."""
    points = tuple(ChartPoint(point.start, point.value, point.low, point.high) for point in drawn.points)
    marked = tuple(point.start for point in drawn.points if point.end == moment)
    return AlertChart(points, marked, isinstance(plan.definition.metric, Share), plan.grid.zone.key)


def page_url(name: str, pk: uuid.UUID) -> str:
    """The full address of a page, by the name of its view."""
    return f"{settings.SITE_URL}{reverse(name, args=[pk])}"
