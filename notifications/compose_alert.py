"""What a notification of alerts says: its words, and how many messages it takes.

`alert_messages` cuts what happened to a rule's alerts into messages; `make_example_alert` makes something to cut, for a
preview and for tests that people send.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import sin, tau
from typing import Any

from django.utils.timesince import timesince

from cohorts.criteria.ratio import say_percent
from notifications.channels.base import Limits
from notifications.compose import stretch
from notifications.message import (
    AlertChart,
    AlertEntry,
    AlertText,
    AlertWords,
    ChartPoint,
    Happened,
    RuleInfo,
    Said,
    encode,
    one_line,
)

LONGEST_NAME = 100
"""Characters of a rule's or a group's name in a headline."""
LONGEST_WORDS = 400
"""Characters of what is watched, which may list many values."""
PART_DIGITS = 20
"""Room for the numbers `part` and `parts`, which are not known before the cut."""
FOUND = {Happened.OPENED: "Found", Happened.RESOLVED: "Found to be over", Happened.REMINDER: "Found again"}
BEGINNINGS = {Happened.OPENED: "Alert", Happened.RESOLVED: "Resolved", Happened.REMINDER: "Still open"}


def alert_messages(whole: AlertText, limits: Limits) -> list[AlertText]:
    """The messages of it: its parts, or one with the first alerts and with words, as the limits say."""
    whole = replace(whole, count=len(whole.alerts))
    if not limits.parts:
        return [with_alert_words(whole, limits.customers)]
    cut = list(_cut(whole, limits))
    return [replace(whole, alerts=alerts, part=part, parts=len(cut)) for part, alerts in enumerate(cut, start=1)]


def headline(whole: AlertText) -> str:
    """`Alert: Error rate over 5 %: Acme`, `Resolved: Error rate over 5 % (12 alerts)`."""
    prefix = "Test: " if whole.test else ""
    name = one_line(whole.rule.name, LONGEST_NAME)
    if len(whole.alerts) > 1:
        which = f" ({len(whole.alerts):,} alerts)"
    else:
        which = "".join(f": {one_line(alert.name, LONGEST_NAME)}" for alert in whole.alerts if alert.name)
    return f"{prefix}{BEGINNINGS[whole.happened]}: {name}{which}"


def with_alert_words(whole: AlertText, shown: int) -> AlertText:
    """The message with so many alerts at most, and with all that a person reads around them."""
    hidden = max(len(whole.alerts) - shown, 0)
    words = AlertWords(
        title=one_line(whole.rule.name, LONGEST_NAME),
        headline=headline(whole),
        summary=_summary(whole),
        more=f"and {hidden:,} more" if hidden else "",
        note=_note(whole),
        chart=_chart(whole),
        caption=_caption(whole),
    )
    alerts = tuple(_with_duration(alert, whole) for alert in whole.alerts[:shown])
    return replace(whole, alerts=alerts, words=words)


def _with_duration(alert: AlertEntry, whole: AlertText) -> AlertEntry:
    if whole.happened == Happened.OPENED:
        return alert
    lasted = timesince(alert.opened_at, alert.resolved_at or whole.interval_to).replace("\xa0", " ")
    said = f"after {lasted}" if whole.happened == Happened.RESOLVED else f"open for {lasted}"
    return replace(alert, sentence=f"{alert.sentence}, {said}")


def _cut(whole: AlertText, limits: Limits) -> Iterator[tuple[AlertEntry, ...]]:
    room = (limits.size or 0) - len(replace(whole, alerts=()).encode().encode()) - PART_DIGITS
    part: list[AlertEntry] = []
    left = room
    for alert in whole.alerts:
        size = len(encode(alert.body()).encode()) + 1
        if part and (len(part) == limits.customers or size > left):
            yield tuple(part)
            part, left = [], room
        part.append(alert)
        left -= size
    yield tuple(part)


def _summary(whole: AlertText) -> str:
    what = one_line(f"{whole.metric.words} {whole.condition.words}", LONGEST_WORDS)
    when = stretch(whole.interval_from, whole.interval_to, whole.zone)
    sentence = f"Alerts when the {what}. {FOUND[whole.happened]} {when}."
    if not whole.not_watched:
        return sentence
    groups = "group is" if whole.not_watched == 1 else "groups are"
    return f"{sentence} {whole.not_watched:,} smaller {groups} not watched."


def _note(whole: AlertText) -> str:
    if whole.test:
        return "This is a test with example numbers: nothing happened."
    return "You get this because this channel is told of the rule's alerts."


def _chart(whole: AlertText) -> str:
    if whole.chart is None or not whole.alerts:
        return ""
    first = whole.alerts[0]
    of = f" for {one_line(first.name, LONGEST_NAME)}" if first.name else ""
    return f"Chart of the last {len(whole.chart.points)} intervals{of}: {first.sentence}"


def _caption(whole: AlertText) -> str:
    if whole.chart is None or len(whole.alerts) < 2:
        return ""
    return f"The chart is that of {one_line(whole.alerts[0].name, LONGEST_NAME)}."


EXAMPLE_RULE = RuleInfo(str(uuid.UUID(int=0)), "Error rate over 5 %", "")
EXAMPLE_METRIC = Said("share of API Call where response.status is at least 500 in API Call")
EXAMPLE_LENGTH, EXAMPLE_POINTS, EXAMPLE_LIMIT = timedelta(minutes=5), 48, 0.05
EXAMPLE_CONDITION = Said("is more than 5%", {"static": {"op": ">", "value": EXAMPLE_LIMIT}})
EXAMPLE_GROUPS = ({"company_id": "acme"}, {"company_id": "globex"})


def make_example_alert(
    now: datetime,
    *,
    rule: RuleInfo = EXAMPLE_RULE,
    metric: Said = EXAMPLE_METRIC,
    condition: Said = EXAMPLE_CONDITION,
    groups: Sequence[Mapping[str, Any]] = EXAMPLE_GROUPS,
    happened: Happened = Happened.OPENED,
    zone: str = "UTC",
    test: bool = False,
) -> AlertText:
    """What happens to alerts as it may look, made up but for what is given; without groups it is one alert.

    The same code lays it out and sends it as if it had happened.
    """
    end = now.astimezone(UTC).replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    chart = _example_chart(end, happened, zone)
    first_value = chart.points[-1].value or 0
    alerts = tuple(
        AlertEntry(
            id=str(uuid.uuid5(uuid.UUID(int=0), f"alert {number}")),
            state="resolved" if happened == Happened.RESOLVED else "open",
            value=value,
            low=None,
            high=EXAMPLE_LIMIT,
            sentence=f"expected at most {say_percent(EXAMPLE_LIMIT)}, saw {say_percent(value)}",
            opened_at=chart.marked[0] + EXAMPLE_LENGTH,
            url=rule.url,
            group=group,
            resolved_at=end if happened == Happened.RESOLVED else None,
        )
        for number, group in enumerate(groups or ({},))
        for value in [round(first_value * 0.8**number, 3)]
    )
    return AlertText(
        happened=happened,
        created_at=now,
        rule=rule,
        interval_from=end - EXAMPLE_LENGTH,
        interval_to=end,
        metric=metric,
        condition=condition,
        alerts=alerts,
        chart=chart,
        zone=zone,
        test=test,
    )


def _example_chart(end: datetime, happened: Happened, zone: str) -> AlertChart:
    """A quiet wave that is off in the end, or was until just now."""
    since, until = (1 if happened == Happened.OPENED else 7), (1 if happened == Happened.RESOLVED else 0)
    points = [
        ChartPoint(
            start=end - EXAMPLE_LENGTH * back,
            value=0.12 + 0.004 * back if until < back <= since else 0.02 + 0.008 * sin(tau * back / 16),
            high=EXAMPLE_LIMIT,
        )
        for back in range(EXAMPLE_POINTS, 0, -1)
    ]
    marked = [end - EXAMPLE_LENGTH * since, *([points[-1].start] if until else [])]
    return AlertChart(tuple(points), tuple(marked), percent=True, zone=zone)
