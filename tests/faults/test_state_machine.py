"""Anything may happen in any order: events, edits, cycles, failures, crashes, a clock that jumps. A plain model of
lists says who ought to be a member and whom receivers ought to know.

`FAULT_EXAMPLES=2000 pytest tests/faults/test_state_machine.py` looks longer.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as budget
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from cohorts.edit import edit_definition
from cohorts.models import Cohort
from cohortsite.pipeline import run_cycle
from ingest.accept import accept
from ingest.packing import pack
from ingest.parse import PARSERS
from notifications.delivery import replay
from notifications.models import Delivery, Subscription
from tests.doctor import assert_sound
from tests.faults.steps import Steps, counted
from tests.faults.world import World, told
from tests.receivers import Answer

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
USERS = ["ann", "bob", "cleo"]
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "4"))
BUDGET = budget(max_examples=EXAMPLES, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))


class Killed(BaseException):
    """The process ends here; open transactions are rolled back."""


class Machine(RuleBasedStateMachine):
    """A site with one cohort and webhooks; `directory` gives each run a columnar copy of its own."""

    def __init__(self, receiver, directories, django_settings) -> None:
        super().__init__()
        self.receiver, self.directories, self.django_settings = receiver, directories, django_settings

    @initialize()
    def begin(self) -> None:
        self.django_settings.EVENTS_URL = f"duckdb://{next(self.directories)}"
        self.receiver.requests.clear()
        self.receiver.answers.clear()
        self.example = transaction.atomic()
        self.example._from_testcase = True  # type: ignore[attr-defined] - lets durable transactions be nested in it
        self.example.__enter__()
        self.now = NOON
        self.world = World(self.receiver, NOON, mail=False)
        self.events: list[tuple[str, datetime, datetime]] = []
        self.numbers = count()
        self.evaluation, self.ought = 0, set[str]()
        self.expected()
        self.knew: dict[str, set[str]] = {"/everything": set()}
        self.silent = False

    # --- What comes in

    @rule(user=st.sampled_from(USERS), ago=st.sampled_from([0, 0, 1, 10, 45, -30]), twice=st.booleans())
    def receive(self, user: str, ago: int, twice: bool) -> None:
        """An event of now, a late one, one from the future; perhaps it is sent again."""
        at = self.now - timedelta(minutes=ago)
        moment, name = at.isoformat(), f"event-{next(self.numbers)}"
        item = {
            "transaction_id": name,
            "request": {"time": moment, "verb": "GET", "uri": "https://api.acme.test/"},
            "response": {"time": moment, "status": 200},
            "user_id": user,
        }
        for _ in range(1 + twice):
            accept(pack([PARSERS["event"](item, self.now)]), self.now)
        self.events.append((user, at, self.now))

    # --- What people do

    @rule(
        window=st.sampled_from([5, 20, 60]), at_least=st.sampled_from([1, 2]), tell=st.sampled_from([True, True, False])
    )
    def edit(self, window: int, at_least: int, tell: bool) -> None:
        performed = {"performed": {"type": "api_call"}, "at_least": at_least, "within": {"last": f"{window}m"}}
        edited = edit_definition(self.world.cohort, {"criteria": {"version": 1, "match": performed}}, tell=tell)
        self.silent = self.silent or (edited and not tell)

    @precondition(lambda self: len(self.knew) < 3)
    @rule(tell_existing=st.booleans())
    def subscribe(self, tell_existing: bool) -> None:
        path = f"later-{len(self.knew)}"
        self.world.subscribe(path, self.now, tell_existing=tell_existing)
        self.knew[f"/{path}"] = set() if tell_existing else self.world.members()

    @rule()
    def pause_or_go_on(self) -> None:
        paused = Subscription.objects.filter(pk=self.world.everything.pk, paused_at=None).update(paused_at=self.now)
        if not paused:
            Subscription.objects.filter(pk=self.world.everything.pk).update(paused_at=None)

    @rule()
    def replay_the_newest(self) -> None:
        replay(list(Delivery.objects.order_by("-created_at").values_list("pk", flat=True)[:1]), self.now)

    @rule(failures=st.integers(1, 4))
    def fail(self, failures: int) -> None:
        self.receiver.answers.extend([Answer(500)] * failures)

    # --- Time, and what the site does

    @rule(minutes=st.sampled_from([1, 2, 5, 30, 90, -1, -60]))
    def pass_time(self, minutes: int) -> None:
        """Also back, as when a clock is set right."""
        self.now += timedelta(minutes=minutes)

    @rule()
    def cycle(self) -> None:
        report = run_cycle(self.now)
        assert report.faults == []
        self.look()

    @rule(step=st.integers(1, 40))
    def cycle_that_is_killed(self, step: int) -> None:
        def die() -> None:
            raise Killed

        try:
            with counted(Steps(step, die)):
                run_cycle(self.now)
        except Killed:
            self.now += timedelta(seconds=61)
            assert_sound(self.now)
        self.look()

    def look(self) -> None:
        """After each cycle, also one that was killed."""
        assert self.world.members() == self.expected()

    def expected(self) -> set[str]:
        """Who ought to be a member, by the definition, the instant and the events of the last evaluation."""
        newest = self.world.cohort.evaluations.filter(error="").order_by("-pk")[0]
        if newest.pk != self.evaluation:
            self.evaluation = newest.pk
            match, at = newest.criteria["match"], newest.as_of
            since = at - timedelta(minutes=int(match["within"]["last"].rstrip("m")))
            calls = [user for user, time, received in self.events if since < time <= at and received <= at]
            self.ought = {user for user in USERS if calls.count(user) >= match["at_least"]}
        return self.ought

    def teardown(self) -> None:
        """Everything comes to rest: the receivers know the members, unless an edit wished that they should not."""
        try:
            if hasattr(self, "world"):
                self.come_to_rest()
        finally:
            if hasattr(self, "example"):
                transaction.set_rollback(True)
                self.example.__exit__(None, None, None)

    def come_to_rest(self) -> None:
        self.receiver.answers.clear()
        Subscription.objects.update(paused_at=None)
        newest = Cohort.objects.get(pk=self.world.cohort.pk).evaluated_at
        assert newest is not None
        self.now = self.world.settle_down(max(self.now, newest) + timedelta(minutes=2))
        self.look()
        assert_sound(self.now)
        for path, knew in self.knew.items():
            known = told(self.receiver.requests, path, knew)
            assert self.silent or known == self.world.members(), path


@pytest.mark.django_db
def test_whatever_happens_the_promises_hold(receiver, tmp_path, settings):
    directories = (tmp_path / str(number) for number in count())
    run_state_machine_as_test(lambda: Machine(receiver, directories, settings), settings=BUDGET)
