"""Killed at every step of a cycle and run again: nothing is lost, nothing is told twice under another id."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohortsite.pipeline import run_cycle
from tests.faults.steps import killed_at
from tests.faults.world import LONG_LEASE, World, duplicates

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

FEWEST_STEPS = 45
"""A cycle that seals, evaluates, makes three batches and sends four messages has more."""


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
