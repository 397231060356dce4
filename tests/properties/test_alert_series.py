"""The numbers of alert rules against a plain evaluator: late and doubled events, odd days, ends of months."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.columns import open_columns
from ingest.models import Customer
from notifications.alerts.busiest import find_busiest
from notifications.alerts.definition import Definition, parse
from notifications.alerts.groups import Groups
from notifications.alerts.intervals import EVERY, Grid
from notifications.alerts.panes import Asked, Reader
from notifications.alerts.series import read_series
from tests.alert_reference import Interval, Rule, as_group
from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import KEPT_BODIES, recorded
from tests.properties.histories import History, histories
from tests.reference_world import Clock as PlainClock
from tests.reference_world import World

pytestmark = pytest.mark.django_db
EVENTS = [
    {"type": "api_call"},
    {"type": "any"},
    {"where": {"field": "response.status", "op": ">=", "value": 400}},
    {"where": {"field": "metadata.plan", "op": "is_not", "value": ["pro", 1]}},
]
FIELDS = ["metadata.n", "metadata.plan", "duration_ms"]
FIGURES = ["sum", "avg", "min", "max", "p50", "p95", "distinct"]
GROUPS = [
    *([], [], ["company_id"], ["user_id"], ["company_id", "user_id"], ["request.route"]),
    *(["metadata.plan"], ["company.metadata.plan"], ["user.metadata.n", "request.verb"]),
]
events = st.sampled_from(EVENTS)
metrics = st.one_of(
    st.builds(lambda of: {"of": of, "figure": "count"}, events),
    st.builds(lambda part, whole: {"ratio": part, "to": whole}, events, events),
    st.builds(
        lambda of, figure, field: {"of": of, "figure": figure, "field": field},
        events,
        st.sampled_from(FIGURES),
        st.sampled_from(FIELDS),
    ),
)


@st.composite
def passes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few rules that share their intervals and groups."""
    shared = {
        "version": 1,
        "every": draw(st.sampled_from([*EVERY, "day", "month"])),
        "mode": draw(st.sampled_from(["calendar", "rolling"])),
        "week_starts_on": draw(st.sampled_from([1, 7])),
        "condition": {"static": {"op": ">", "value": 1}},
    }
    group_by = draw(st.sampled_from(GROUPS))
    if group_by:
        shared |= {"group_by": group_by, "most_groups": draw(st.integers(1, 3))}
    grace = st.sampled_from(["0s", "2m", "1h", "24h"])
    return [shared | {"metric": draw(metrics), "grace": draw(grace)} for _ in range(draw(st.integers(1, 4)))]


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_series_are_those_of_the_reference(engine):
    @tried(engine)
    @given(histories(), passes(), st.integers(1, 4))
    def agree(history, documents, intervals):
        with recorded(history.received, history.sealed_after, on=engine):
            check(history, documents, intervals)

    agree()


def check(history: History, documents: Sequence[dict[str, Any]], intervals: int) -> None:
    at = max(one.at for one in history.received) + timedelta(days=2)
    world = World(history.received, PlainClock(at, history.zone), KEPT_BODIES)
    rules = [Rule(document, history.zone) for document in documents]
    definitions = [parse(document) for document in documents]
    grid = grid_of(definitions[0], history.zone)
    last = grid.number(history.instants[0])
    first = last - intervals + 1
    asked = [Asked(each.metric, each.grace.length, first - grid.panes) for each in definitions]
    order = {(f"{kind}_id", name): pk for pk, kind, name in Customer.objects.values_list("pk", "kind", "external_id")}
    with open_columns().snapshot(at) as snapshot:
        groups = Groups(definitions[0].group_by)
        reader = Reader(snapshot, grid, groups)
        among = None
        if groups.group_by:
            most = [each.most_groups for each in definitions]
            busiest = find_busiest(reader, asked, most, first, last)
            for place, rule in enumerate(rules):
                for offset, found in enumerate(busiest[place]):
                    expected = rule.watched(world, interval(grid, first + offset), order)
                    watched = [as_group(one.values.values()) for one in groups.named(found.watched.tolist()).values()]
                    assert (sorted(watched, key=repr), found.others) == (sorted(expected[0], key=repr), expected[1])
            among = sorted({number for each in busiest for one in each for number in one.watched.tolist()})
            if not among:
                return
        series = read_series(reader, asked, last, among)
        named = groups.named(among if among is not None else [groups.number(())])
    for place, rule in enumerate(rules):
        for number, group in named.items():
            found = series.of(place, number)
            for offset in range(intervals):
                between = interval(grid, first + offset)
                plain = rule.interval_at(between.end)
                assert (plain.start, plain.end) == (between.start, between.end)
                values = as_group(group.values.values())
                expected = rule.value(world, between, values)
                value = found.values[offset]
                assert (None if np.isnan(value) else value) == expected, (rule.document, between, values)
                assert found.events[offset] == rule.volume(world, between, values)


def interval(grid: Grid, number: int) -> Interval:
    return Interval(grid.start(number), grid.border(number))


def grid_of(definition: Definition, zone: ZoneInfo) -> Grid:
    return Grid(definition.every, definition.rolling, zone, definition.week_starts_on)
