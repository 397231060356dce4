"""Any history of changes, settled at any instants by any choices: batching against a slow and obvious reference."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifications.batching import due_subscriptions, settle, subscribe
from notifications.holds import decide, hold_of
from notifications.models import Subscription
from tests.factories import make_channel, make_cohort, make_customer
from tests.notifications import history
from tests.notifications.plain_batching import Change, Plain

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "60"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PERIOD = timedelta(minutes=15)
NAMES = ["ann", "bob", "cleo", "dan"]
PLAIN = {
    "send_on_addition": True,
    "send_on_removal": True,
    "tell_existing": False,
    "period": PERIOD,
    "days": [1, 2, 3, 4, 5, 6, 7],
    "time_zone": "UTC",
    "minimum_stay": None,
    "cool_down": None,
    "once_per_customer": False,
    "hold_above": None,
}

minutes = [None, *(timedelta(minutes=number) for number in (5, 20, 45))]
waits = st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 15, 20, 20, 45, 700]))  # minutes
moves = st.tuples(st.just("move"), st.sets(st.sampled_from(NAMES), min_size=1))  # who changes sides
silences = st.tuples(st.just("silent"), st.sets(st.sampled_from(NAMES)))  # who is in after a silent edit
settles = st.tuples(st.just("settle"), st.none())
decisions = st.tuples(st.just("decide"), st.sampled_from(["send", "drop"]))
waited = st.fixed_dictionaries({"minimum_stay": st.sampled_from(minutes), "cool_down": st.sampled_from(minutes)})
edits = st.tuples(st.just("edit"), waited)
steps = st.lists(
    st.one_of(moves, moves, waits, waits, settles, settles, settles, silences, decisions, edits), max_size=25
)
rules = st.fixed_dictionaries(
    {
        "send_on_addition": st.sampled_from([True, True, True, False]),
        "send_on_removal": st.booleans(),
        "tell_existing": st.booleans(),
        "minimum_stay": st.sampled_from(minutes),
        "cool_down": st.sampled_from(minutes),
        "once_per_customer": st.sampled_from([False, False, True]),
        "hold_above": st.sampled_from([None, None, 1, 2]),
    }
)
times = st.sampled_from(
    [
        {},
        {},
        {"quiet_from": time(12, 20), "quiet_to": time(13)},
        {"quiet_from": time(22), "quiet_to": time(12, 30), "time_zone": "Asia/Kathmandu"},
        {"days": [2, 3]},
        {"send_at": time(12, 30)},
        {"send_at": time(9), "days": [1, 3, 5], "time_zone": "Pacific/Auckland"},
    ]
)


@pytest.mark.django_db
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(st.one_of(moves, silences, waits), max_size=5), after=steps, rules=rules, times=times)
def test_every_change_is_settled_once_as_the_choices_say_and_the_net_is_told(before, after, rules, times):
    with transaction.atomic():
        Play({**PLAIN, **rules, **times}).run(before, after)
        transaction.set_rollback(True)


class Play:
    """The steps, done to batching and to the reference."""

    def __init__(self, choices):
        self.choices = choices
        self.people = {name: make_customer(name) for name in NAMES}
        self.cohort = make_cohort()
        self.now, self.members = NOON, set()
        self.subscription = self.plain = None
        self.batches = []
        history.start(self.cohort, NOON)

    def run(self, before, after):
        for step, what in before:
            getattr(self, step)(what)
        values = dict(self.choices)
        self.subscription = subscribe(self.cohort, make_channel(), now=self.now, **values)
        self.plain = Plain(values, self.now, self.members)
        for step, what in after:
            getattr(self, step)(what)
            self.check_rows()
        assert [batch.sequence for batch in self.batches] == list(range(1, len(self.batches) + 1))

    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    def silent(self, names):
        self.members = set(names)
        history.start(self.cohort, self.now, [self.people[name] for name in names])
        if self.plain:
            self.plain.members = self.members

    def move(self, names):
        added, removed = names - self.members, names & self.members
        self.members = self.members ^ names
        at = (self.cohort, self.now)
        written = history.move(*at, *([self.people[name] for name in each] for each in (added, removed)))
        if self.plain:
            self.plain.members = self.members
            for kind, each in (("added", added), ("removed", removed)):
                self.plain.open += [Change(written.version, name, kind, self.now) for name in sorted(each)]

    def decide(self, decision):
        hold = hold_of(self.subscription)
        assert (hold is not None) == (self.plain.held is not None)
        if hold is not None and decide(hold, decision, None, self.now):
            self.plain.decision = decision

    def edit(self, choices):
        found = Subscription.objects.get()
        for name, value in choices.items():
            setattr(found, name, value)
        found.save()
        self.plain.choices.update(choices)
        for change in self.plain.open:
            change.ripe_at = change.ripe_at and NOON

    def settle(self, _):
        due = self.plain.is_due(self.now)
        assert due_subscriptions(self.now) == ([self.subscription] if due else [])
        expected = self.plain.settle(self.now)
        batch = settle(self.subscription, self.now)
        assert settle(self.subscription, self.now) is None
        if expected is None:
            assert batch is None
            return
        body = json.loads(batch.deliveries.get().content)
        told = tuple({entry["user_id"] for entry in body[group]} for group in ("added", "removed"))
        assert told == expected
        assert body["sequence"] == batch.sequence
        counts = {"added": len(expected[0]), "removed": len(expected[1]), "members": len(self.members)}
        assert body["counts"] == counts
        self.batches.append(batch)

    def check_rows(self):
        """Every change up to where the subscription stands has one row, and it is the right one."""
        names = "change__version", "change__customer__external_id"
        rows = self.subscription.settlements.values_list(*names, "outcome", "why")
        assert sorted(rows) == sorted((*change, *outcome) for change, outcome in self.plain.outcomes.items())
        waiting = self.subscription.waiting.values_list(*names)
        expected = [(one.version, one.name) for one in self.plain.open if one.ripe_at]
        assert sorted(waiting) == sorted(expected)


@pytest.mark.django_db
@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(moves, waits, settles), max_size=25), starts=st.booleans(), waited=waited)
def test_a_receiver_that_applies_every_batch_has_the_members_in_the_end(steps, starts, waited):
    with transaction.atomic():
        play = Play({**PLAIN, **waited, "tell_existing": starts})
        play.run([("move", {"ann"})], [*steps, ("wait", 45), ("settle", None), ("wait", 45), ("settle", None)])
        known = set() if starts else {"ann"}
        for batch in play.batches:
            body = json.loads(batch.deliveries.get().content)
            known |= {entry["user_id"] for entry in body["added"]}
            known -= {entry["user_id"] for entry in body["removed"]}
        assert known == play.members
        transaction.set_rollback(True)
