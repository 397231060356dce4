"""Alerts as they open and resolve: live, replayed and by a plain evaluator, the same.

Events come late and twice, the worker is away at times, days have 23 hours and months end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from ingest.columns import open_columns
from ingest.models import Customer
from ingest.parse import PARSERS
from ingest.record import record
from notifications.alerts.edit import create_rule
from notifications.alerts.groups import Group, plain
from notifications.alerts.models import Alert
from notifications.alerts.plans import plan_of
from notifications.alerts.replay import replay
from notifications.alerts.watch import due_rules, shared_passes, watch
from tests.alert_reference import Group as PlainGroup
from tests.alert_reference import Rule
from tests.engines import own_columns
from tests.notifications.alerts.rows import make_maintenance
from tests.properties.budget import ENGINES_HERE, TRIED, tried
from tests.reference_world import Clock, Received, World

pytestmark = pytest.mark.django_db
BEGINNINGS = [
    ("UTC", datetime(2026, 1, 30, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC)),
    ("America/Havana", datetime(2025, 11, 1, 6, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, tzinfo=UTC)),
]
CALLS = {"type": "api_call"}
FAILED = {"where": {"field": "response.status", "op": ">=", "value": 400}}
METRICS = [
    *({"of": CALLS, "figure": "count"}, {"ratio": FAILED, "to": CALLS}, {"of": FAILED, "figure": "count"}),
    *({"of": CALLS, "figure": figure, "field": "metadata.n"} for figure in ("sum", "avg", "p95")),
]
STEPS = {"15m": timedelta(minutes=15), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True)
class Story:
    """Rules as documents with how they are set up, what is received and at which instants the worker runs."""

    zone: str
    since: datetime
    documents: list[dict[str, Any]]
    quiet_for: timedelta | None
    maintenance: tuple[datetime, datetime] | None
    received: list[Received]
    runs: list[datetime]


conditions = st.one_of(
    st.builds(
        lambda op, value, more: {"static": {"op": op, "value": value} | ({"recover_at": value - 1} if more else {})},
        st.sampled_from([">", ">="]),
        st.sampled_from([0, 1, 2]),
        st.booleans(),
    ),
    st.just({"static": {"outside": [0.5, 2]}, "of_last": {"k": 2, "n": 3}}),
    st.builds(
        lambda direction, against: {"change": {"direction": direction, "percent": 50, "against": against}},
        st.sampled_from(["up", "down", "both"]),
        st.sampled_from(["before", "day"]),
    ),
    st.builds(lambda after: {"silence": {"after": after, "before": 3}}, st.integers(1, 2)),
    st.just({"anomaly": {"sensitivity": "high"}}),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    zone, since = draw(st.sampled_from(BEGINNINGS))
    every = draw(st.sampled_from(list(STEPS)))
    step = STEPS[every]
    shared = {"version": 1, "every": every, "mode": draw(st.sampled_from(["calendar", "calendar", "rolling"]))}
    group_by = draw(st.sampled_from([[], ["company_id"], ["metadata.plan"]]))
    if group_by:
        shared |= {"group_by": group_by, "most_groups": draw(st.integers(1, 2))}
    possible = conditions
    if every == "15m" or (every, shared["mode"]) == ("hour", "rolling"):  # more past than is plain to look at
        possible = conditions.filter(lambda one: "anomaly" not in one)
    steps = 10
    received = draw(st.lists(events(since, step, steps), min_size=10, max_size=40))
    runs = [since + number * step for number in range(1, steps + 4)]
    most_missed = 0 if every == "day" and shared["mode"] == "rolling" else 6  # after a day intervals are skipped
    missed = draw(st.sets(st.sampled_from(runs[:-1]), max_size=most_missed))
    start = since + draw(st.integers(0, steps)) * step
    return Story(
        zone=zone,
        since=since,
        documents=[
            shared
            | {
                "metric": draw(st.sampled_from(METRICS)),
                "condition": draw(possible),
                "minimum": draw(st.sampled_from([0, 0, 2])),
                "recovers": draw(st.sampled_from([1, 1, 2])),
                "grace": draw(st.sampled_from(["0s", "2m", "1h"])),
            }
            for _ in range(draw(st.integers(1, 3)))
        ],
        quiet_for=draw(st.sampled_from([None, None, 3 * step])),
        maintenance=draw(st.sampled_from([None, (start, start + step / 2)])),
        received=sorted(received, key=lambda one: one.at),
        runs=[run for run in runs if run not in missed],
    )


@st.composite
def events(draw: st.DrawFn, since: datetime, step: timedelta, steps: int) -> Received:
    ticks = draw(st.sampled_from([0, 0, 1, -1, 1000]))
    happened = since + draw(st.integers(-2, steps)) * step + draw(st.sampled_from([0, 0.5])) * step
    happened += ticks * timedelta(microseconds=1)
    late = draw(st.sampled_from([timedelta(), timedelta(), timedelta(minutes=2), timedelta(hours=1), 2 * step]))
    item = {
        "request": {"time": happened.isoformat(), "verb": "GET", "uri": "/"},
        "response": {"time": happened.isoformat(), "status": draw(st.sampled_from([200, 500]))},
        "company_id": draw(st.sampled_from(["c1", "c1", "c2", "c3"])),
        "metadata": draw(
            st.sampled_from([{"plan": "pro", "n": 1}, {"plan": 1, "n": 2.5}, {"plan": True}, {"n": 3, "plan": "1"}])
        ),
        "transaction_id": draw(st.sampled_from([None, None, "t1", "t2"])),
        "weight": draw(st.sampled_from([1, 1, 3])),
    }
    return Received("event", item, happened + late)


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_live_replayed_and_plain_alerts_are_the_same(engine):
    @tried(engine, 1 / 2)
    @given(stories())
    def agree(story):
        TRIED[engine, "stories of alerts"] += 1
        with own_columns(engine), transaction.atomic():
            check(story)
            transaction.set_rollback(True)

    agree()


def check(story: Story) -> None:
    rules = [
        create_rule(
            {"name": "A", "definition": document, "time_zone": story.zone, "quiet_for": story.quiet_for},
            now=story.since,
        )
        for document in story.documents
    ]
    if story.maintenance:
        start, end = story.maintenance
        make_maintenance(start=start, end=end)
    live(story)
    now = story.runs[-1]
    days = (now - story.since) / timedelta(days=1)
    world = World([one for one in story.received if one.at <= now], Clock(now, ZoneInfo("UTC")))
    order = {(f"{kind}_id", name): pk for pk, kind, name in Customer.objects.values_list("pk", "kind", "external_id")}
    for rule in rules:
        windows = (story.maintenance,) if story.maintenance else ()
        plain = Rule(rule.definition, ZoneInfo(story.zone), windows, story.quiet_for)
        expected = [
            (plain_key(plain, alert.group), alert.opened_at, alert.value, alert.resolved_at)
            for alert in plain.alerts(world, story.since, now, order)
        ]
        found = [
            (alert.group_key, alert.opened_at, alert.value, alert.resolved_at)
            for alert in Alert.objects.filter(rule=rule)
        ]
        assert sorted(found, key=repr) == sorted(expected, key=repr), rule.definition
        again = [
            (alert.group.key, alert.opened_at, alert.value, alert.resolved_at)
            for alert in replay(plan_of(rule), now, days).alerts
        ]
        assert sorted(again, key=repr) == sorted(expected, key=repr), rule.definition


def live(story: Story) -> None:
    """Record what comes when it comes, and let the worker run between."""
    coming = list(story.received)
    for now in story.runs:
        while coming and coming[0].at <= now:
            one = coming.pop(0)
            record([PARSERS[one.what](one.item, one.at)])
        open_columns().seal(now)
        for rules in shared_passes(due_rules(now)).values():
            watch(rules, now)


def plain_key(rule: Rule, group: PlainGroup) -> str:
    values = zip(rule["group_by"], group, strict=True)
    return Group({name: plain(value) for name, (_, value) in values}).key
