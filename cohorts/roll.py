"""The roll of a cohort as people read it: who is in it, since when and why. Software reads `feed.read_members`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pyroaring import BitMap

from cohorts.feed import joined_by
from cohorts.models import Baseline, Cohort, Membership, MembershipChange
from cohorts.paging import PAGE_SIZE, Page, page_from, page_number
from ingest.models import Customer


@dataclass(frozen=True)
class Entry:
    """A member, and the change that brought it in; without one it was there when the cohort was (last) started."""

    customer: Customer
    joined: MembershipChange | None


@dataclass(frozen=True)
class Roll:
    """A page of members, the newest customers first.

    `started` is when the cohort's members were last taken over in silence, `edited` tells that this was an edit and
    not the first evaluation.
    """

    page: Page[Entry]
    started: datetime | None
    edited: bool


def read_roll(cohort: Cohort, asked: str | None, among: BitMap | None = None) -> Roll:
    """The page whose number stands in the address; with `among` only of those customers."""
    number = page_number(asked)
    row = Membership.objects.filter(cohort=cohort).only("version", "members").first()
    if row is None:
        return Roll(page_from([], number), started=None, edited=False)
    members = BitMap.deserialize(bytes(row.members))
    ids = _cut(members if among is None else members & among, number)
    customers = Customer.objects.select_related("company").in_bulk(ids)
    joined = joined_by(cohort, row.version, ids)
    entries = [Entry(customers[pk], joined.get(pk)) for pk in ids if pk in customers]
    starts = Baseline.objects.filter(cohort=cohort).order_by("-version").values_list("as_of", flat=True)[:2]
    return Roll(page_from(entries, number), started=starts[0] if starts else None, edited=len(starts) > 1)


def _cut(members: BitMap, number: int) -> list[int]:
    """The ids of a page and of the first after it, counted from the greatest down."""
    end = len(members) - (number - 1) * PAGE_SIZE
    return list(reversed(members[max(end - PAGE_SIZE - 1, 0) : end])) if end > 0 else []
