"""What a definition would match right now, without saving anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pyroaring import BitMap

from cohorts.counts import Kept, count_conditions
from cohorts.criteria import Criteria
from cohorts.diff import MembershipDiff, diff
from cohorts.evaluation import clock_at, evaluate
from ingest.columns import open_columns
from ingest.models import Customer

SAMPLE = 20
"""Customers shown of those that match."""


@dataclass(frozen=True)
class Preview:
    """`count` customers match `of` all; `sample` are some of them; `moves` compares with given members.

    `conditions` tell how many each part of the criteria keeps.
    """

    count: int
    of: int
    words: str
    sample: list[Customer]
    moves: MembershipDiff
    conditions: list[Kept]


def preview(
    criteria: Criteria, time_zone: str, week_starts_on: int, now: datetime, *, members: BitMap | None = None
) -> Preview:
    """Evaluate the criteria as of `now`. With the `members` of a cohort, also who would join and leave it."""
    with open_columns().snapshot(now) as snapshot:
        evaluated = evaluate(criteria, snapshot, clock_at(now, time_zone, week_starts_on))
        conditions = count_conditions(evaluated, snapshot)
    newest = list(islice(reversed(evaluated.members), SAMPLE))
    sample = Customer.objects.filter(pk__in=newest).select_related("company").order_by("-pk")
    return Preview(
        count=len(evaluated.members),
        of=len(evaluated.universe),
        words=criteria.words(),
        sample=list(sample),
        moves=diff(members if members is not None else BitMap(), evaluated.members),
        conditions=conditions,
    )
