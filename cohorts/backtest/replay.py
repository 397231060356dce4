"""Evaluate the moments of a plan one after the other, each as of its instant."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyroaring import BitMap

from cohorts.backtest.plan import ITSELF, Moment
from cohorts.diff import MembershipDiff, diff
from cohorts.evaluation import clock_at, evaluate
from cohorts.stored import members_at
from ingest.columns import open_columns


@dataclass(frozen=True)
class Step:
    """What one moment did: `moved` of the definition itself, None at its baseline and where it was not evaluated."""

    at: datetime
    moved: MembershipDiff | None
    members: int


def replay(moments: Sequence[Moment], members: dict[str, BitMap]) -> Generator[Step, None, None]:
    """Evaluate the moments, each when it is asked for. Raises ColumnsDamaged.

    `members` are those that each part was left with, by its id; they are kept up to date.
    """

    def members_of(cohort: uuid.UUID, at: datetime) -> BitMap:
        found = members.get(str(cohort))
        return members_at(cohort, at) if found is None else found

    with open_columns().replay([moment.at for moment in moments]) as snapshots:
        for moment, snapshot in zip(moments, snapshots, strict=True):
            moved = None
            for part in moment.parts:
                clock = clock_at(moment.at, part.time_zone, part.week_starts_on)
                now = evaluate(part.criteria, snapshot, clock, members_of).members
                if part.id == ITSELF and part.id in members:
                    moved = diff(members[part.id], now)
                members[part.id] = now
            yield Step(moment.at, moved, len(members.get(ITSELF, ())))
