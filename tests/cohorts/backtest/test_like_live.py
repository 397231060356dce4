"""A backtest finds what live cycles over the same data did: every addition and removal, instant by instant, and the
same notifications. Late, early and duplicate events included."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from cohorts.backtest.batches import batches
from cohorts.backtest.run import advance, start_backtest
from cohorts.backtest.summary import moves_of
from cohorts.models import Backtest, Cohort, MembershipChange
from cohortsite.pipeline import run_cycle
from ingest.models import Customer
from ingest.parse import PARSERS
from ingest.record import record
from notifications.batching import subscribe
from notifications.models import Batch
from tests.factories import make_channel, make_cohort

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
API, ERRORS = (
    {"type": "api_call"},
    {"type": "api_call", "where": {"field": "response.status", "op": "is", "value": 400}},
)
USERS: dict[str, Any] = {
    "performed": {"performed": API, "at_least": 3, "within": {"last": "6h"}},
    "silent": {
        "all": [
            {"performed": API, "at_most": 0, "within": {"last": "4h"}},
            {"performed": API, "at_least": 1, "within": {"from": "20h", "to": "4h"}},
        ]
    },
    "today": {
        "all": [
            {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
            {"performed": ERRORS, "at_least": 1, "within": {"calendar": "today"}},
        ]
    },
    "clock in the filter": {
        "performed": {"type": "api_call", "where": {"field": "metadata.at", "op": "after", "value": {"ago": "3h"}}},
        "at_least": 1,
        "within": {"ever": True},
    },
    "profile": {"not": {"field": "metadata.plan", "op": "is", "value": "pro"}},
    "named": {"field": "user_id", "op": "is", "value": ["u1", "u2", "u3"]},
    "idle": {"field": "last_seen_time", "op": "before", "value": {"ago": "5h"}},
    "ratio": {"ratio": ERRORS, "to": API, "op": ">=", "value": 0.5, "minimum": 2, "within": {"last": "8h"}},
    "trend": {"trend": API, "change": "<=", "percent": -50, "within": {"last": "5h"}},
    "distinct": {
        "aggregate": API,
        "of": "response.status",
        "by": "distinct",
        "op": ">=",
        "value": 2,
        "within": {"last": "9h"},
    },
    "sequence": {"sequence": [ERRORS, API], "each_within": "3h", "within": {"last": "12h"}, "completed": False},
    "first": {"first": ERRORS, "within": {"last": "4h"}},
    "company": {"company": {"performed": API, "at_least": 4, "within": {"last": "3h"}}},
}
COMPANIES: dict[str, Any] = {
    "calls": {"performed": API, "at_least": 4, "within": {"last": "6h"}},
    "users": {"users": USERS["performed"], "at_least": 1},
    "seen": {"field": "first_seen_time", "op": "on", "value": {"last": "7h"}},
}


def make_history(start: datetime, seed: int, hours: int = 30) -> list[tuple[datetime, str, dict[str, Any]]]:
    """What is received when: from ten hours before the start on, some of it late, early, twice, or said of profiles."""
    chance = random.Random(seed)
    received = []
    for number in range(260):
        at = start + timedelta(minutes=chance.uniform(-600, hours * 60))
        happened = at - chance.choice([*[timedelta()] * 6, 5 * HOUR, 26 * HOUR, -2 * HOUR])
        who = {"user_id": f"u{chance.randint(1, 8 if at < start + 9 * HOUR else 14)}"}
        if chance.random() < 0.4:
            who["company_id"] = f"c{chance.randint(1, 3)}"
        if chance.random() < 0.1:
            who = {"company_id": f"c{chance.randint(1, 4)}"}
        metadata = {"at": (happened + chance.choice([-2, 0, 1]) * HOUR).isoformat()}
        event = {
            **who,
            "transaction_id": f"t{number if chance.random() < 0.9 else number - 5}",
            "request": {"time": happened.isoformat(), "verb": "GET", "uri": "/a"},
            "response": {"time": happened.isoformat(), "status": chance.choice([200, 200, 400])},
            "metadata": metadata,
            "weight": chance.choice([1, 1, 2]),
        }
        received.append((at, "event", event))
        if chance.random() < 0.15:
            said: dict[str, Any] = {
                "user_id": f"u{chance.randint(1, 16)}",
                "metadata": {"plan": chance.choice(["pro", "free"])},
            }
            if chance.random() < 0.4:
                said["company_id"] = f"c{chance.randint(1, 4)}"
            received.append((at, "user", said))
    return sorted(received, key=lambda each: each[0])


def live(history: list[tuple[datetime, str, dict[str, Any]]], instants: list[datetime], first: Any) -> None:
    """Record what comes in and run the cycles; `first` is called after the first one, whose members are a baseline."""
    waiting = list(history)
    for place, at in enumerate(instants):
        while waiting and waiting[0][0] <= at:
            received_at, what, item = waiting.pop(0)
            record([PARSERS[what](item, received_at)])
        report = run_cycle(at)
        assert not report.faults
        assert [each.error for each in report.evaluations if each.error] == []
        if place == 0:
            first()


def changes_of(cohort: Cohort) -> set[tuple[datetime, str, int]]:
    rows = MembershipChange.objects.filter(cohort=cohort)
    return set(rows.values_list("changed_at", "change", "customer"))


def replayed(cohort: Cohort, start: datetime, end: datetime) -> Backtest:
    """The cohort's definition tried on the time from start to end, slice by slice."""
    definition = {name: getattr(cohort, name) for name in ("kind", "criteria", "time_zone", "week_starts_on", "period")}
    backtest = start_backtest(definition, (end - start).days, end, cohort=cohort)
    assert (backtest.start, backtest.end) == (start, end)
    for _ in range(500):
        advance(backtest.pk, end, seconds=1)
        backtest.refresh_from_db()
        if backtest.state not in ("waiting", "running"):
            break
    assert (backtest.state, backtest.error) == ("done", "")
    return backtest


def found_by(backtest: Backtest) -> set[tuple[datetime, str, int]]:
    moves = moves_of(backtest)
    added = {(each.at, "added", id_) for each in moves for id_ in each.added}
    return added | {(each.at, "removed", id_) for each in moves for id_ in each.removed}


def test_every_kind_of_definition_moves_whom_it_moved_live(now):
    start, end = now, now + 24 * HOUR
    cohorts = [
        make_cohort(
            name=name, kind=kind, criteria={"version": 1, "match": match}, period=2 * HOUR, time_zone="Asia/Kathmandu"
        )
        for kind, matches in (("user", USERS), ("company", COMPANIES))
        for name, match in matches.items()
    ]
    live(make_history(start, seed=7), [start + count * 2 * HOUR for count in range(13)], lambda: None)
    moved = 0
    for cohort in cohorts:
        expected = changes_of(cohort)
        assert found_by(replayed(cohort, start, end)) == expected, cohort.name
        moved += len(expected)
    assert moved > 150
    assert Customer.objects.count() > 15


def test_cohorts_that_are_referred_to_are_evaluated_at_their_own_period(now):
    start, end = now, now + 24 * HOUR
    slow = make_cohort(criteria={"version": 1, "match": USERS["performed"]}, period=3 * HOUR)
    middle = make_cohort(
        criteria={"version": 1, "match": {"any": [{"cohort": str(slow.pk)}, USERS["idle"]]}},
        period=timedelta(minutes=100),
    )
    outer = make_cohort(criteria={"version": 1, "match": {"not": {"cohort": str(middle.pk)}}}, period=HOUR)
    instants = [start + count * timedelta(minutes=20) for count in range(73)]
    live(make_history(start, seed=11), instants, lambda: None)
    for cohort in (slow, middle, outer):
        expected = {change for change in changes_of(cohort) if change[0] <= end}
        assert expected
        assert found_by(replayed(cohort, start, end)) == expected


def test_the_same_notifications_are_sent(now):
    start, end = now, now + 24 * HOUR
    cohort = make_cohort(criteria={"version": 1, "match": USERS["performed"]}, period=HOUR)
    periods = [timedelta(minutes=minutes) for minutes in (60, 90, 300)]

    def follow() -> None:
        for period in periods:
            subscribe(cohort, make_channel("email"), now=start, period=period)

    live(make_history(start, seed=3), [start + count * timedelta(minutes=30) for count in range(49)], follow)
    moves = moves_of(replayed(cohort, start, end))
    for period in periods:
        sent = Batch.objects.filter(subscription__period=period).order_by("sequence")
        expected = [(batch.created_at, batch.added, batch.removed) for batch in sent]
        found = batches(moves, period, start, end)
        assert [(batch.at, len(batch.added), len(batch.removed)) for batch in found] == expected
        assert len(expected) > 2
