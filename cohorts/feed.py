"""What software reads of a cohort: its members, and the feed of changes that keeps a copy of them up to date.

A reader takes `read_members` to the last page, then follows `read_changes` from the cursor that the pages gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from pyroaring import BitMap

from cohorts.cursors import InvalidCursor, decode_place, encode_place
from cohorts.enums import ChangeKind
from cohorts.models import Baseline, Cohort, Membership, MembershipChange
from ingest.models import Customer


@dataclass(frozen=True)
class Cursor:
    """A place in a cohort's history: all versions before `version` are read, and of it the changes up to `change`.

    Versions order the feed because they are written one after the other; ids alone are given before the commit, so
    that a reader of ids could pass by a row that is committed late.
    """

    version: int
    change: int | None = None
    "None: the version is read whole."

    def following(self) -> Q:
        """The changes after this place."""
        if self.change is None:
            return Q(version__gt=self.version)
        return Q(version__gt=self.version) | Q(version=self.version, id__gt=self.change)

    def preceding(self) -> Q:
        """The changes before this place; `change` is one that is read."""
        # Without the first condition, which follows from the other, a database may not find where to begin.
        return Q(version__lte=self.version) & (Q(version__lt=self.version) | Q(id__lt=self.change or 0))

    def onward(self) -> Q:
        """The change at this place and those after it."""
        return Q(version__gte=self.version) & (Q(version__gt=self.version) | Q(id__gte=self.change or 0))

    def encode(self, cohort: Cohort) -> str:
        """An opaque text."""
        return encode_place(cohort.pk, self.version, self.change)

    @classmethod
    def decode(cls, text: str, cohort: Cohort) -> Cursor:
        """The place that `encode` wrote. Raises InvalidCursor."""
        version, change = decode_place(text, cohort.pk, 2)
        if version is None:
            raise InvalidCursor(text)
        return cls(version, change)


@dataclass(frozen=True)
class Member:
    """A member, and since when; `since` is None for one who was there when the cohort's history began."""

    customer: Customer
    since: datetime | None


@dataclass(frozen=True)
class MembersPage:
    """Some members in the order of their ids.

    `next` leads to the next page, None after the last. `cursor` is the place in the feed that the first page was
    read at: changes that came while the later ones were read are found there again, which does no harm.
    """

    members: list[Member]
    next: str | None
    cursor: Cursor


@dataclass(frozen=True)
class ChangesPage:
    """The changes after a cursor, and the cursor for the next call.

    `restarted`: a baseline lies between, whose members are not changes; the reader's copy must be read again.
    """

    changes: list[MembershipChange]
    cursor: Cursor
    restarted: bool


def read_members(cohort: Cohort, page: str, limit: int) -> MembersPage:
    """At most `limit` members; `page` is empty or the `next` of the page before. Raises InvalidCursor."""
    first, after = _decode_page(page, cohort) if page else (None, 0)
    row = Membership.objects.filter(cohort=cohort).only("version", "members").first()
    if row is None:
        return MembersPage(members=[], next=None, cursor=Cursor(version=0))
    members = _bitmap(row.members)
    place = members.rank(after)
    ids = list(members[place : place + limit])
    customers = Customer.objects.select_related("company").in_bulk(ids)
    since = joined_at(cohort, row.version, ids)
    cursor = first or Cursor(version=row.version)
    return MembersPage(
        members=[Member(customers[pk], since.get(pk)) for pk in ids if pk in customers],
        next=f"{cursor.encode(cohort)}.{ids[-1]}" if place + limit < len(members) else None,
        cursor=cursor,
    )


def read_changes(cohort: Cohort, after: Cursor, limit: int) -> ChangesPage:
    """At most `limit` changes after the cursor, oldest first. Raises InvalidCursor for a place that is yet to come."""
    version = Membership.objects.filter(cohort=cohort).values_list("version", flat=True).first() or 0
    if after.version > version:
        raise InvalidCursor
    waiting = cohort.changes.filter(after.following(), version__lte=version)
    changes = list(waiting.select_related("customer").order_by("version", "id")[: limit + 1])
    cursor = Cursor(version)
    if len(changes) > limit:
        changes = changes[:limit]
        cursor = Cursor(changes[-1].version, changes[-1].pk)
    passed = Baseline.objects.filter(cohort=cohort, version__gt=after.version, version__lte=cursor.version)
    return ChangesPage(changes=changes, cursor=cursor, restarted=passed.exists())


def joined_at(cohort: Cohort, version: int, customers: Iterable[int]) -> dict[int, datetime]:
    """Per member that a change brought in, when that was; members of the baseline are left out."""
    return {pk: row.changed_at for pk, row in joined_by(cohort, version, customers).items()}


def joined_by(cohort: Cohort, version: int, customers: Iterable[int]) -> dict[int, MembershipChange]:
    """Per member that a change brought in, that change; members of the baseline are left out."""
    latest = cohort.changes.filter(customer__in=customers, version__lte=version).values("customer")
    added = _additions(latest)
    oldest = min((row.version for row in added), default=version)
    baselines = Baseline.objects.filter(cohort=cohort, version__gt=oldest, version__lte=version)
    return {row.customer_id: row for row in _unbroken(added, baselines)}


def cohorts_of(customer: Customer) -> list[tuple[Cohort, datetime | None]]:
    """The cohorts that the customer is in now, by name, and since when (None: since the baseline)."""
    rows = Membership.objects.filter(cohort__kind=customer.kind).select_related("cohort").order_by("cohort__name")
    cohorts = [row.cohort for row in rows.defer("universe", "leaves") if customer.pk in _bitmap(row.members)]
    added = _additions(customer.changes.filter(cohort__in=cohorts).values("cohort"))
    later = Baseline.objects.filter(cohort__changes__in=added, version__gt=F("cohort__changes__version"))
    since = {row.cohort_id: row.changed_at for row in _unbroken(added, later)}
    return [(cohort, since.get(cohort.pk)) for cohort in cohorts]


def _decode_page(page: str, cohort: Cohort) -> tuple[Cursor, int]:
    cursor, _, last = page.partition(".")
    if re.fullmatch(r"[0-9]{1,10}", last, re.ASCII) is None or int(last) >= 2**32:
        raise InvalidCursor(page)
    return Cursor.decode(cursor, cohort), int(last)


def _additions(grouped: QuerySet[MembershipChange, Any]) -> list[MembershipChange]:
    """Of each group the last change, if it is an addition. Within a cohort later versions have greater ids."""
    latest = grouped.annotate(latest=Max("id")).values("latest")
    return list(MembershipChange.objects.filter(pk__in=latest, change=ChangeKind.ADDED))


def _unbroken(added: list[MembershipChange], baselines: Iterable[Baseline]) -> Iterator[MembershipChange]:
    """The additions that still hold: a later baseline without the customer ended the stay, and no row says so."""
    starts = [(baseline.cohort_id, baseline.version, _bitmap(baseline.members)) for baseline in baselines]
    for row in added:
        ended = (
            cohort == row.cohort_id and version > row.version and row.customer_id not in members
            for cohort, version, members in starts
        )
        if not any(ended):
            yield row


def _bitmap(stored: bytes | memoryview) -> BitMap:
    return BitMap.deserialize(bytes(stored))
