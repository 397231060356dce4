"""Whose turn it is: channels with something to send, one worker on each, what is due on one sent one after another.

A channel is the unit of work, because a channel takes one request at a time anyway and finding the next delivery of
one costs little. A worker stays with it for a while only; a channel that is slow to fail rests after a failure. So
neither a channel with much to send nor one that hangs holds up the others.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from time import perf_counter

from django.db.models import Exists, F, OuterRef, Q

from notifications.delivery import claimable, deliver, due_deliveries, on_their_way
from notifications.models import Attempt, Channel

TURN = timedelta(seconds=20)
"""How long a worker stays with one channel. With the longest send after it, a quarter of what a task may take."""
MOST_FAULTS = 10
"""So many faults of ours end the turn."""
LONG = timedelta(seconds=1)
"""A failure that took longer ends the turn."""


def due_channels(now: datetime) -> list[Channel]:
    """The channels with something due that are neither paused, nor busy, nor resting.

    The one that was served longest ago comes first.
    """
    waiting, busy = claimable(now).filter(channel=OuterRef("pk")), on_their_way(now).filter(channel=OuterRef("pk"))
    rested = Q(rests_until=None) | Q(rests_until__lte=now)
    due = Channel.every.filter(rested, Exists(waiting), ~Exists(busy), paused_at=None)
    return list(due.order_by(F("served_at").asc(nulls_first=True), "pk"))


def deliver_waiting(channel_id: uuid.UUID, now: datetime, turn: timedelta | None = None) -> list[Attempt]:
    """Send what is due on one channel, oldest first, for at most a `turn`; returns the attempts.

    A failure that took long ends the turn. Time goes on while sending: `now` is when the turn begins. A delivery that
    cannot be handled does not hold up the others; raises ExceptionGroup of such faults in the end.
    """
    started = perf_counter()
    attempts: list[Attempt] = []
    faults: list[Exception] = []
    for delivery in due_deliveries(now, channel_id):
        at = now + timedelta(seconds=perf_counter() - started)
        if (turn is not None and at >= now + turn) or len(faults) >= MOST_FAULTS:
            break
        try:
            attempt = deliver(delivery, at)
        except Exception as fault:
            faults.append(fault)
            continue
        if attempt is not None:
            attempts.append(attempt)
            if hung(attempt):
                break
    if faults:
        raise ExceptionGroup("deliveries could not be handled", faults)
    return attempts


def hung(attempt: Attempt) -> bool:
    """Whether the attempt failed and took long to."""
    return not attempt.succeeded and attempt.duration is not None and attempt.duration > LONG
