"""Metrics as the chart components of our pages show them: `components/chart.html` and the small lines of lists."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef

from cohorts.criteria import CriteriaError
from ingest.columns import open_columns
from notifications.alerts.busiest import find_busiest
from notifications.alerts.chart import Point
from notifications.alerts.figures import or_none
from notifications.alerts.groups import Group, Groups
from notifications.alerts.intervals import Grid
from notifications.alerts.metric import Metric, Share
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.panes import Asked, Reader
from notifications.alerts.plan import Plan
from notifications.alerts.plans import plan_of
from notifications.alerts.series import read_series

Json = dict[str, Any]
POINTS = {
    timedelta(minutes=1): 360,
    timedelta(minutes=5): 288,
    timedelta(minutes=15): 288,
    timedelta(hours=1): 240,
    timedelta(days=1): 60,
}
"""Intervals in a chart, by how far they are apart; of weeks and months `FEW`."""
FEW = 30
SPARK_POINTS = 48
MOST_OFFERED, MOST_LOOKED_AT = 8, 50
"""Groups that a page offers to draw, and newest alerts that it takes them from."""


@dataclass(frozen=True)
class Span:
    """A stretch of time to shade."""

    start: datetime
    end: datetime
    label: str
    tone: str = "off"


@dataclass(frozen=True)
class Mark:
    """A moment to mark: the interval that ended then."""

    interval_end: datetime
    label: str
    tone: str = "off"


@dataclass(frozen=True)
class Spark:
    """A small line: its numbers, oldest first, what it says in words, and the places at which an alert opened."""

    values: list[float | None]
    words: str
    off: list[int]


def points_shown(plan: Plan) -> int:
    """How many intervals a chart of the plan shows."""
    return POINTS.get(plan.grid.step, FEW)


def chart_of(
    plan: Plan, points: Sequence[Point], label: str, spans: Iterable[Span] = (), marks: Iterable[Mark] = ()
) -> Json:
    """The chart of these intervals; what of the spans and marks lies in them is drawn."""
    scale, unit = unit_of(plan.definition.metric)
    places = {point.end: _place(plan, point) for point in points}
    values = [scaled(point.value, scale) for point in points]
    chart: Json = {
        "kind": "line",
        "times": list(places.values()),
        "step": int(plan.grid.step.total_seconds()),
        "time_zone": plan.zone.key,
        "unit": unit,
        "series": [{"label": label, "tone": "1", "values": values}],
    }
    low, high = ([scaled(bound, scale) for bound in bounds] for bounds in _bounds(points))
    if any(bound is not None for bound in (*low, *high)):
        chart["band"] = {"label": "Expected", "low": low, "high": high}
    if points:
        chart["spans"] = [_span(each, points[0].start, points[-1].end) for each in spans if _is_in(each, points)]
    seen = dict(zip(places, values, strict=True))
    chart["marks"] = [
        {"at": places[each.interval_end], "value": seen[each.interval_end], "label": each.label, "tone": each.tone}
        for each in marks
        if each.interval_end in places
    ]
    return chart


def unit_of(metric: Metric) -> tuple[float, str]:
    """By how much numbers of the metric are multiplied for people, and what follows them."""
    if isinstance(metric, Share):
        return 100, "%"
    return 1, " ms" if metric.name == "duration_ms" and metric.figure != "distinct" else ""


def scaled(value: float | None, scale: float) -> float | None:
    """A number to the digits that anybody reads; a whole one without a fraction."""
    if value is None:
        return None
    rounded = float(f"{value * scale:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def say_group(values: Mapping[str, Any]) -> str:
    """A group as people call it: `acme, /orders/:id`; empty where a rule watches everything together."""
    return ", ".join(str(value) for value in values.values())


def groups_to_draw(rule: AlertRule, plan: Plan, now: datetime) -> list[Group]:
    """The groups of a rule that somebody may want to see: those that alerted lately, then the busiest.

    Raises TooManyGroups and ColumnsDamaged.
    """
    if not plan.definition.group_by:
        return [Group()]
    newest = Alert.objects.filter(rule=rule).order_by(F("resolved_at").desc(nulls_first=True), "-opened_at")
    names = [field.name for field in plan.definition.group_by]
    alerted = [
        Group(values) for values in newest.values_list("group", flat=True)[:MOST_LOOKED_AT] if list(values) == names
    ]
    last = plan.grid.number(now - plan.definition.grace.length)
    with open_columns().snapshot(now) as snapshot:
        reader = Reader(snapshot, plan.grid, Groups(plan.definition.group_by))
        asked = Asked(plan.definition.metric, plan.definition.grace.length, last)
        [[busiest]] = find_busiest(reader, [asked], [MOST_OFFERED], last, last)
        groups = [*alerted, *reader.groups.named(busiest.watched.tolist()).values()]
    return list({group.key: group for group in groups}.values())[:MOST_OFFERED]


def maintenance_spans(plan: Plan) -> list[Span]:
    """The times of maintenance, which nobody judges."""
    return [Span(start, end, "Maintenance", "still") for start, end in plan.maintenance]


def sparks_of(rules: Sequence[AlertRule], now: datetime) -> dict[uuid.UUID, Spark]:
    """Per rule what its metric was lately, of all groups together, in one pass for those with the same intervals.

    Rules that are not valid are left out. Raises ColumnsDamaged.
    """
    passes: dict[Grid, list[tuple[AlertRule, Plan]]] = defaultdict(list)
    for rule in rules:
        with suppress(CriteriaError):
            plan = plan_of(rule, planned={})
            passes[plan.grid].append((rule, plan))
    opened = _opened(rules)
    found: dict[uuid.UUID, Spark] = {}
    with open_columns().snapshot(now) as snapshot:
        for grid, together in passes.items():
            reader = Reader(snapshot, grid, Groups(()))
            lasts = [grid.number(now - plan.definition.grace.length) for _, plan in together]
            series = read_series(reader, [_lately(*each) for each in zip(together, lasts, strict=True)], max(lasts))
            for place, ((rule, plan), last) in enumerate(zip(together, lasts, strict=True)):
                read = series.of(place, reader.groups.number(())).values[:SPARK_POINTS]
                values = [or_none(value) for value in read.tolist()]
                numbers = range(last - SPARK_POINTS + 1, last + 1)
                off = [at for at, number in enumerate(numbers) if grid.border(number) in opened[rule.pk]]
                found[rule.pk] = Spark(values, _say(plan, values), off)
    return found


def _lately(rule_and_plan: tuple[AlertRule, Plan], last: int) -> Asked:
    definition, grid = rule_and_plan[1].definition, rule_and_plan[1].grid
    return Asked(definition.metric, definition.grace.length, last - SPARK_POINTS + 1 - grid.panes)


def _opened(rules: Sequence[AlertRule]) -> dict[uuid.UUID, set[datetime]]:
    """Per rule the ends of the intervals in which its newest alerts opened; one query for all of them."""
    newest = Alert.objects.filter(rule=OuterRef("rule")).order_by("-opened_at").values("pk")[:SPARK_POINTS]
    found: dict[uuid.UUID, set[datetime]] = defaultdict(set)
    for rule, end in Alert.objects.filter(rule__in=rules, pk__in=newest).values_list("rule", "interval_end"):
        found[rule].add(end)
    return found


def _say(plan: Plan, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "no numbers lately"
    say, newest = plan.definition.metric.say, known[-1]
    return f"lately between {say(min(known))} and {say(max(known))}, last {say(newest)}"


def _place(plan: Plan, point: Point) -> int:
    """Where an interval stands: at its start; a window that rolls on, at its end."""
    return int((point.end if plan.definition.rolling else point.start).timestamp())


def _bounds(points: Sequence[Point]) -> tuple[list[float | None], list[float | None]]:
    return [point.low for point in points], [point.high for point in points]


def _is_in(span: Span, points: Sequence[Point]) -> bool:
    return span.start < points[-1].end and span.end > points[0].start


def _span(span: Span, first: datetime, last: datetime) -> Json:
    start, end = max(span.start, first), min(span.end, last)
    return {"from": int(start.timestamp()), "to": int(end.timestamp()), "label": span.label, "tone": span.tone}
