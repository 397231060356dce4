"""The next notification of an alert rule as it may look, from what the rule would have found lately."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import nan
from typing import Any

from django.conf import settings
from django.urls import reverse

from ingest.columns import ColumnsDamaged, open_columns
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.chart import Drawn, draw
from notifications.alerts.compose import POINTS, chart_of, page_url, titles_of
from notifications.alerts.conditions.condition import expected
from notifications.alerts.models import AlertRule
from notifications.alerts.plan import Plan
from notifications.alerts.replay import USUAL_DAYS, Part, Replayed, WouldBe, parts_of, replay
from notifications.channels.base import ChannelKind
from notifications.compose_alert import alert_messages, make_example_alert
from notifications.message import AlertEntry, AlertText, Happened, RuleInfo, Said

UNNAMED = "Your rule"
FEW_DAYS = 2
"""How far back a rule is tried for its example that takes long to judge."""


@dataclass(frozen=True)
class Example:
    """A message; `made_up` tells that the rule has not alerted, but could have looked like this."""

    text: AlertText
    made_up: bool


def make_example(plan: Plan, rule: RuleInfo, now: datetime) -> Example:
    """What the rule of the plan told when it last alerted, or would tell now."""
    days = FEW_DAYS if plan.definition.condition.is_slow else USUAL_DAYS
    try:
        part = Part(0, parts_of(plan, now, days))
        replayed = replay(plan, now, days, points=POINTS, charts=1, part=part)
        found = _newest(replayed)
        if found:
            return Example(_text(plan, rule, found, _drawn(plan, found[0], now), now), made_up=False)
        if made := _as_if(plan, replayed):
            return Example(_text(plan, rule, [made], replayed.drawn[0], now), made_up=True)
    except (ColumnsDamaged, TooManyGroups):
        pass
    return Example(_from_nothing(plan, rule, now), made_up=True)


def info_of(rule: AlertRule | None, name: str = "") -> RuleInfo:
    """What a message says of a rule, or of one that is not saved; a name that is given goes before."""
    if rule is None:
        return RuleInfo(str(uuid.UUID(int=0)), name or UNNAMED, f"{settings.SITE_URL}{reverse('alert_rules')}")
    return RuleInfo(str(rule.pk), name or rule.name, page_url("alert_rule", rule.pk))


def written(kind: ChannelKind, text: AlertText) -> Any:
    """What the kind of channel sends of the message, read again; of one in parts the first."""
    first, *_ = alert_messages(text, kind.limits)
    return json.loads(kind.write_alert(replace(first, id=str(uuid.UUID(int=1)))))


def _newest(replayed: Replayed) -> list[WouldBe]:
    """The alerts that opened together last."""
    last = max((alert.opened_at for alert in replayed.alerts), default=None)
    return [alert for alert in replayed.alerts if alert.opened_at == last]


def _drawn(plan: Plan, alert: WouldBe, now: datetime) -> Drawn:
    end = plan.grid.number(alert.opened_at)
    with open_columns().snapshot(now) as snapshot:
        [drawn] = draw(snapshot, plan, range(end - POINTS + 1, end + 1), [alert.group])
    return drawn


def _as_if(plan: Plan, replayed: Replayed) -> WouldBe | None:
    """The newest interval with a number, as if it had been off."""
    if not replayed.drawn:
        return None
    drawn, frame = replayed.drawn[0], plan.definition.frame
    point = next((point for point in reversed(drawn.points) if point.value is not None), None)
    if point is None or point.value is None:
        return None
    low, high = (nan if bound is None else bound for bound in (point.low, point.high))
    wanted = "" if point.low is None and point.high is None else f"expected {expected(frame, low, high)}, "
    sentence = f"{wanted}saw {frame.metric.say(point.value)}"
    return WouldBe(drawn.group, point.start, point.end, point.value, point.low, point.high, sentence)


def _text(plan: Plan, rule: RuleInfo, alerts: Sequence[WouldBe], drawn: Drawn, now: datetime) -> AlertText:
    asked, first = plan.definition, alerts[0]
    titles = titles_of([alert.group.values for alert in alerts])
    return AlertText(
        happened=Happened.OPENED,
        created_at=now,
        rule=rule,
        interval_from=first.start,
        interval_to=first.opened_at,
        metric=Said(asked.metric.words(), asked.document["metric"]),
        condition=Said(asked.condition.words(asked.frame), asked.document["condition"]),
        alerts=tuple(_entry(rule, *each) for each in zip(alerts, titles, strict=True)),
        chart=chart_of(plan, drawn, first.opened_at),
        zone=plan.zone.key,
    )


def _entry(rule: RuleInfo, alert: WouldBe, title: str) -> AlertEntry:
    return AlertEntry(
        id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"example {alert.group.key}")),
        state="open",
        value=alert.value,
        low=alert.low,
        high=alert.high,
        sentence=alert.sentence,
        opened_at=alert.opened_at,
        url=rule.url,
        group=alert.group.values,
        title=title,
    )


def _from_nothing(plan: Plan, rule: RuleInfo, now: datetime) -> AlertText:
    """Where there are no numbers at all: made-up ones."""
    asked = plan.definition
    return make_example_alert(
        now,
        rule=rule,
        metric=Said(asked.metric.words(), asked.document["metric"]),
        condition=Said(asked.condition.words(asked.frame), asked.document["condition"]),
        groups=[{field.name: "example" for field in asked.group_by}] if asked.group_by else [],
        zone=plan.zone.key,
    )
