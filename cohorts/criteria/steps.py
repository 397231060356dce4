"""Truths that change as time goes by: a value now, and the instants at which it turns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise


@dataclass(frozen=True)
class Steps:
    """`first` from the beginning on, the opposite from the first of `turns` on, and so forth; instants ascend."""

    first: bool
    turns: tuple[datetime, ...] = ()

    def at(self, instant: datetime) -> bool:
        """The truth at an instant that is not before the beginning."""
        return self.first ^ (bisect_right(self.turns, instant) % 2 == 1)

    def negated(self) -> Steps:
        """The opposite at every instant."""
        return Steps(not self.first, self.turns)

    def false_stretches(self, start: datetime) -> Iterator[tuple[datetime, datetime | None]]:
        """Where it is false, from a beginning on: `a <= t < b`, the last one without an end."""
        borders = [start, *self.turns]
        for place, (begin, end) in enumerate(pairwise([*borders, None])):
            assert begin is not None
            if self.first == (place % 2 == 1):
                yield begin, end


def trace(start: datetime, instants: Iterable[datetime], holds: Callable[[datetime], bool]) -> Steps:
    """The truth of `holds`, which turns at some of the instants at most; those before the start are passed over."""
    first = now = holds(start)
    turns = []
    for instant in sorted(set(instants)):
        if instant > start and holds(instant) != now:
            now = not now
            turns.append(instant)
    return Steps(first, tuple(turns))


def combine(steps: Sequence[Steps], how: Callable[[Iterable[bool]], bool]) -> Steps:
    """All, any, or another function of several truths, at every instant."""
    turning = [set(each.turns) for each in steps]
    values = [each.first for each in steps]
    first = now = how(values)
    turns = []
    for instant in sorted(set().union(*turning)):
        values = [value ^ (instant in at) for value, at in zip(values, turning, strict=True)]
        if how(values) != now:
            now = not now
            turns.append(instant)
    return Steps(first, tuple(turns))


def sample(steps: Steps, first: bool, start: datetime, period_after: Callable[[datetime], datetime]) -> Steps:
    """The truth as somebody has it who looks only now and then: `first` until the first look after the start.

    `period_after` tells the first look at or after an instant.
    """
    turns = []
    now = first
    borders: list[datetime | None] = [start, *steps.turns, None]
    for place, (begin, end) in enumerate(pairwise(borders)):
        assert begin is not None
        look = period_after(begin)
        value = steps.first ^ (place % 2 == 1)
        if (end is None or look < end) and value != now:
            now = value
            turns.append(look)
    return Steps(first, tuple(turns))
