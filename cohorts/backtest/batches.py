"""What a subscription would have sent of the moves: the net change since its last batch, at most once a period.

Pure: the same rules as those by which live changes are settled, which a test holds against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pyroaring import BitMap

from cohorts.backtest.plan import cycles


@dataclass(frozen=True)
class Moves:
    """Who joined and left at one instant; somebody did."""

    at: datetime
    added: BitMap
    removed: BitMap


@dataclass(frozen=True)
class Batch:
    """A notification, and the net change that it tells."""

    at: datetime
    added: BitMap
    removed: BitMap


@dataclass
class _Waiting:
    """Moves not settled yet, as their net comes out."""

    seen: BitMap = field(default_factory=BitMap)
    was_in: BitMap = field(default_factory=BitMap)
    is_in: BitMap = field(default_factory=BitMap)

    def add(self, moves: Moves) -> None:
        new = (moves.added | moves.removed) - self.seen
        self.was_in |= moves.removed & new
        self.is_in = (self.is_in | moves.added) - moves.removed
        self.seen |= new

    def settle(self, at: datetime) -> Iterator[Batch]:
        batch = Batch(at, self.is_in - self.was_in, self.was_in - self.is_in)
        if batch.added or batch.removed:
            yield batch


def batches(moves: Iterable[Moves], period: timedelta, start: datetime, end: datetime) -> Iterator[Batch]:
    """The batches up to `end` of a subscription made at `start` that tells of additions and removals."""
    settled, waiting, step = start, _Waiting(), cycles(period)
    for each in moves:
        if waiting.seen and settled + step < each.at:
            settled += step
            yield from waiting.settle(settled)
            waiting = _Waiting()
        waiting.add(each)
        if settled + step <= each.at:
            settled = each.at
            yield from waiting.settle(settled)
            waiting = _Waiting()
    if waiting.seen and settled + step <= end:
        yield from waiting.settle(settled + step)
