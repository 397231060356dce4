"""What an edit of a cohort's definition would do to its members, before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pyroaring import BitMap

from cohorts import membership
from cohorts.counts import Kept
from cohorts.criteria import Criteria
from cohorts.models import Cohort
from cohorts.preview import preview
from ingest.models import Customer

SAMPLE = 5
"""Customers shown of those who would join, and of those who would leave."""


@dataclass(frozen=True)
class Impact:
    """`joins` would join and `leaves` leave, of the `members` of now; `after` of all `of` customers would be in.

    `joining`, `leaving` and `sample` (of those in it afterwards) are some of them.
    """

    words: str
    joins: int
    leaves: int
    members: int
    after: int
    of: int
    joining: list[Customer]
    leaving: list[Customer]
    sample: list[Customer]
    conditions: list[Kept]


def impact_of(cohort: Cohort, criteria: Criteria, time_zone: str, week_starts_on: int, now: datetime) -> Impact:
    """Compare the cohort's members with those that the definition would give it at `now`. Raises ColumnsDamaged."""
    members = membership.members(cohort)
    found = preview(criteria, time_zone, week_starts_on, now, members=members)
    return Impact(
        words=found.words,
        joins=len(found.moves.added),
        leaves=len(found.moves.removed),
        members=len(members),
        after=found.count,
        of=found.of,
        joining=_some(found.moves.added),
        leaving=_some(found.moves.removed),
        sample=found.sample,
        conditions=found.conditions,
    )


def _some(customers: BitMap) -> list[Customer]:
    newest = list(islice(reversed(customers), SAMPLE))
    return list(Customer.objects.filter(pk__in=newest).select_related("company").order_by("-pk"))
