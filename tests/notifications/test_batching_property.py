"""Any history of changes, settled at any instants: batching against a slow and obvious reference."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.batching import due_subscriptions, settle, subscribe
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications import history

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PERIOD = timedelta(minutes=15)
NAMES = ["ann", "bob", "cleo", "dan"]

moves = st.tuples(st.just("move"), st.sets(st.sampled_from(NAMES)))  # who changes sides
silences = st.tuples(st.just("silent"), st.sets(st.sampled_from(NAMES)))  # who is in after a silent edit
waits = st.tuples(st.just("wait"), st.integers(1, 20))  # minutes
settles = st.tuples(st.just("settle"), st.none())
steps = st.lists(st.one_of(moves, moves, silences, waits, settles, settles), max_size=25)
options = st.fixed_dictionaries(
    {"send_on_addition": st.booleans(), "send_on_removal": st.booleans(), "tell_existing": st.booleans()}
)


@dataclass
class Reference:
    """What ought to be told, from lists alone. A change is (version, name, "added" or "removed")."""

    send_on_addition: bool
    send_on_removal: bool
    tell_existing: bool
    settled_at: datetime
    members: set[str]
    open: list[tuple[int, str, str]] = field(default_factory=list)
    settled: dict[tuple[int, str], str] = field(default_factory=dict)

    def settle(self, now: datetime) -> tuple[set[str], set[str]] | None:
        if now < self.settled_at + PERIOD or not (self.open or self.tell_existing):
            return None
        joined, left = set(), set()
        for name in NAMES:
            mine = [change for change in self.open if change[1] == name]
            net = self._net(name, [change for _, _, change in mine])
            asked = {"added": self.send_on_addition, "removed": self.send_on_removal, None: False}[net]
            for version, _, _ in mine:
                self.settled[version, name] = "cancelled"
            if mine and net:
                self.settled[mine[-1][0], name] = "told" if asked else "unwanted"
            if asked:
                (joined if net == "added" else left).add(name)
        self.open, self.settled_at, self.tell_existing = [], now, False
        return (joined, left) if joined or left else None

    def _net(self, name: str, changes: list[str]) -> str | None:
        if self.tell_existing:
            return "added" if name in self.members else None
        return changes[-1] if changes and changes[0] == changes[-1] else None


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=steps, after=steps, asked=options)
def test_every_change_is_settled_once_and_the_net_is_told(before, after, asked):
    with transaction.atomic():
        run(before, after, asked)
        transaction.set_rollback(True)


def run(before, after, asked):
    people = {name: make_customer(name) for name in NAMES}
    cohort = make_cohort()
    history.start(cohort, NOON)
    now, members, _ = play(before, cohort, people, NOON, set(), None, None)
    subscription = subscribe(cohort, make_channel(), now=now, period=PERIOD, **asked)
    reference = Reference(**asked, settled_at=now, members=members)
    now, _, batches = play(after, cohort, people, now, members, subscription, reference)

    rows = subscription.settlements.values_list("change__version", "change__customer__external_id", "outcome")
    assert sorted(rows) == sorted((*change, outcome) for change, outcome in reference.settled.items())
    assert [batch.sequence for batch in batches] == list(range(1, len(batches) + 1))
    assert all(
        row.batch_id is None or row.batch.subscription_id == subscription.pk for row in subscription.settlements.all()
    )


def play(steps, cohort, people, now, members, subscription, reference):
    """Do the steps; with a subscription also compare each settling. Returns the time, the members, the batches."""
    batches = []
    for step, what in steps:
        if step == "wait":
            now += timedelta(minutes=what)
        elif step == "silent":
            members = set(what)
            history.start(cohort, now, [people[name] for name in members])
        elif step == "move":
            added, removed = what - members, what & members
            members = members ^ what
            written = history.move(cohort, now, *([people[name] for name in names] for names in (added, removed)))
            if reference:
                reference.open += [(written.version, name, "added") for name in sorted(added)]
                reference.open += [(written.version, name, "removed") for name in sorted(removed)]
        elif subscription:
            batches += compare(subscription, reference, now)
        if reference:
            reference.members = members
    return now, members, batches


def compare(subscription, reference, now):
    had_work = bool(reference.open or reference.tell_existing)
    due = now >= reference.settled_at + PERIOD and had_work
    assert due_subscriptions(now) == ([subscription] if due else [])
    expected = reference.settle(now)
    batch = settle(subscription, now)
    assert settle(subscription, now) is None
    if expected is None:
        assert batch is None
        return []
    body = json.loads(batch.deliveries.get().content)
    told = tuple({entry["user_id"] for entry in body[group]} for group in ("added", "removed"))
    assert told == expected
    assert body["sequence"] == batch.sequence
    assert body["counts"] == {"added": len(expected[0]), "removed": len(expected[1]), "members": len(reference.members)}
    return [batch]


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(moves, waits, settles), max_size=25), tell_existing=st.booleans())
def test_a_receiver_that_applies_every_batch_has_the_members(steps, tell_existing):
    with transaction.atomic():
        people = {name: make_customer(name) for name in NAMES}
        cohort = make_cohort()
        history.start(cohort, NOON, [people["ann"]])
        subscription = subscribe(cohort, make_channel(), now=NOON, period=PERIOD, tell_existing=tell_existing)
        reference = Reference(True, True, tell_existing, NOON, {"ann"})
        play([*steps, ("wait", 15), ("settle", None)], cohort, people, NOON, {"ann"}, subscription, reference)
        known = set() if tell_existing else {"ann"}
        for batch in subscription.batches.order_by("sequence"):
            body = json.loads(batch.deliveries.get().content)
            known |= {entry["user_id"] for entry in body["added"]}
            known -= {entry["user_id"] for entry in body["removed"]}
        assert {people[name].pk for name in known} == history.members(cohort)
        transaction.set_rollback(True)
