"""Killed at every step of a cycle and run again: nothing is lost, nothing is told twice under another id."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from tests.factories import make_channel, make_told
from tests.faults.alerts import assert_each_was_told_once, burst, make_alerting
from tests.faults.steps import killed_at
from tests.faults.world import LONG_LEASE, SECRET, World, duplicates
from tests.receivers import Answer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

FEWEST_STEPS = 45
"""A cycle that seals, evaluates, makes three batches and sends four messages has more."""
FEWEST_STEPS_OF_ALERTS = 20
"""One that seals, judges a rule and sends two messages has more."""


def test_a_cycle_may_be_killed_at_every_step(now, receiver, mailbox):
    """The world goes on from kill to kill. Each time one user joins and another, who came an hour ago, leaves."""
    world = World(receiver, now)
    step, killed, at = 1, True, now
    while killed:
        at += timedelta(minutes=30)
        for user in ("ann", f"user-{step}"):
            world.receive(user, at - timedelta(minutes=1))
        killed = killed_at(step, lambda at=at: run_cycle(at))
        settled = world.settle_down(at + LONG_LEASE)
        world.assert_promises_hold(settled)
        step += 1
    assert step > FEWEST_STEPS
    assert 0 < duplicates(receiver.requests) < step


def test_a_cycle_that_switches_a_channel_off_may_be_killed_at_every_step(now, receiver):
    """Operators are told of each channel that is gone: not never, and not twice under another id."""
    receiver.always = lambda handler: handler.answer(Answer(410 if handler.path == "/gone" else 200))
    make_channel(config={"url": f"{receiver.address}/operators", "secret": SECRET}, tells_operators=True)
    step, killed, at = 0, True, now
    while killed:
        step, at = step + 1, at + timedelta(minutes=30)
        channel = make_channel(name=f"Hook {step}", config={"url": f"{receiver.address}/gone", "secret": SECRET})
        make_told(channel, created_at=at, next_attempt_at=at)
        killed = killed_at(step, lambda at=at: run_cycle(at))
        for cycle in (1, 2):
            run_cycle(at + cycle * LONG_LEASE)
    told = [request for request in receiver.requests if request.path == "/operators"]
    titles = {request.headers["webhook-id"]: request.json["title"] for request in told}
    assert sorted(titles.values()) == sorted(f"Switched off: Hook {number}" for number in range(1, step + 1))
    assert step > 5


def test_a_cycle_that_opens_and_resolves_alerts_may_be_killed_at_every_step(now, receiver):
    """Each one opens the alert of a company and resolves that of the one before, which was calm for long enough."""
    make_alerting(receiver, now)
    step, killed, at, companies = 0, True, now, []
    while killed:
        step, at = step + 1, at + 2 * LONG_LEASE
        companies.append(f"company-{step}")
        burst(companies[-1], at)
        killed = killed_at(step, lambda at=at: run_cycle(at))
        run_cycle(at + LONG_LEASE)
    run_cycle(at + 2 * LONG_LEASE)
    run_cycle(at + 3 * LONG_LEASE)
    assert_each_was_told_once(receiver, companies)
    assert step > FEWEST_STEPS_OF_ALERTS
