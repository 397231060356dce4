"""Static lists: cohorts whose members people and software name, with the same changes and notifications as all others.

Editing a list changes `CohortList` and notes who did it; the evaluation that follows at once makes members of it, as
of any other definition. So pauses, erasures and visitors who turn out to be users mean the same for lists.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from pyroaring import BitMap

from cohorts.criteria import Criteria
from cohorts.criteria.tree import AnyOf
from cohorts.diff import MembershipDiff, diff
from cohorts.enums import Reason
from cohorts.evaluation import Evaluated, Explanation
from cohorts.export import FORMULA
from cohorts.models import Cohort, CohortList, ListEdit
from ingest.models import Customer, CustomerKind
from ingest.parse import PARSERS
from ingest.record import record

CHUNK = 500
"""Ids asked for in one query, and customers made in one transaction."""


@dataclass(frozen=True)
class Named:
    """Customers by the ids that somebody gave; `unknown` are ids of nobody, `erased` those of erased customers."""

    customers: BitMap
    unknown: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)


def find_named(kind: CustomerKind, ids: Iterable[str]) -> Named:
    """Who the ids name; a visitor who turned out to be a user is that user."""
    found = Named(BitMap())
    rest = iter(dict.fromkeys(ids))
    while chunk := list(islice(rest, CHUNK)):
        rows = Customer.objects.filter(kind=kind, external_id__in=chunk)
        known = {name: (pk, gone, user) for name, pk, gone, user in rows.values_list(*_COLUMNS)}
        for name in chunk:
            pk, erased_at, user = known.get(name, (None, None, None))
            if pk is None:
                found.unknown.append(name)
            elif erased_at is not None:
                found.erased.append(name)
            else:
                found.customers.add(user or pk)
    return found


_COLUMNS = ("external_id", "pk", "erased_at", "merged_into_id")


def make_customers(kind: CustomerKind, ids: Sequence[str], now: datetime) -> None:
    """Make customers that the collector has not heard of, as if a profile that says nothing had come."""
    what = str(kind)
    for start in range(0, len(ids), CHUNK):
        record([PARSERS[what]({f"{what}_id": name}, now) for name in ids[start : start + CHUNK]])


def listed(cohort: Cohort) -> BitMap:
    """Who stands on the list."""
    row = CohortList.objects.filter(cohort=cohort).first()
    return BitMap.deserialize(bytes(row.members)) if row else BitMap()


def planned(cohort: Cohort, *, add: BitMap, remove: BitMap, replace: bool = False) -> MembershipDiff:
    """What an edit would change on the list; with `replace` the added ones are all that is left."""
    now = listed(cohort)
    return diff(now, add.copy() if replace else (now | add) - remove)


@transaction.atomic
def edit_list(
    cohort: Cohort,
    now: datetime,
    *,
    add: BitMap,
    remove: BitMap,
    replace: bool = False,
    by: Any = None,
    note: str = "",
) -> MembershipDiff:
    """Put customers on the list and take others off it; returns what differs from before. Evaluate it afterwards."""
    CohortList.objects.get_or_create(cohort=cohort, defaults={"members": BitMap().serialize()})
    row = CohortList.objects.select_for_update().get(cohort=cohort)
    before = BitMap.deserialize(bytes(row.members))
    moved = planned(cohort, add=add, remove=remove, replace=replace)
    if moved.changed:
        after = (before | moved.added) - moved.removed
        after.run_optimize()
        CohortList.objects.filter(pk=row.pk).update(members=after.serialize())
        ListEdit.objects.create(
            cohort=cohort,
            at=now,
            by=by,
            note=note[:200],
            added=moved.added.serialize(),
            removed=moved.removed.serialize(),
        )
    return moved


@dataclass(frozen=True)
class Edited:
    """What an edit of a list did to it, and the ids that it could do nothing about."""

    moved: MembershipDiff
    unknown: list[str]
    erased: list[str]


@dataclass(frozen=True)
class Wish:
    """What somebody asks of a list: ids to put on it and to take off, or with `replace` all that shall stand on it.

    Ids of nobody are reported; with `make` they become customers, if they are to be put on the list.
    """

    add: Sequence[str] = ()
    remove: Sequence[str] = ()
    replace: bool = False
    make: bool = False

    def plan(self, cohort: Cohort) -> Edited:
        """What it would do."""
        add, remove = (find_named(CustomerKind(cohort.kind), ids) for ids in (self.add, self.remove))
        moved = planned(cohort, add=add.customers, remove=remove.customers, replace=self.replace)
        return Edited(moved, [*add.unknown, *remove.unknown], [*add.erased, *remove.erased])

    def fulfil(self, cohort: Cohort, now: datetime, *, by: Any = None, note: str = "") -> Edited:
        """Do it. The members follow at the next evaluation, which the caller starts."""
        kind = CustomerKind(cohort.kind)
        add, remove = (find_named(kind, ids) for ids in (self.add, self.remove))
        unknown = [*add.unknown, *remove.unknown]
        if self.make and add.unknown:
            make_customers(kind, add.unknown, now)
            add, unknown = find_named(kind, self.add), remove.unknown
        moved = edit_list(
            cohort, now, add=add.customers, remove=remove.customers, replace=self.replace, by=by, note=note
        )
        return Edited(moved, unknown, [*add.erased, *remove.erased])


def evaluate_list(cohort: Cohort) -> Evaluated:
    """Its members: those on the list, without the erased, users in place of visitors."""
    members = listed(cohort)
    gone = Customer.objects.filter(kind=cohort.kind, erased_at__isnull=False).values_list("pk", flat=True)
    visitors = Customer.objects.filter(kind=cohort.kind, merged_into__isnull=False)
    users = {pk: user for pk, user in visitors.values_list("pk", "merged_into_id") if pk in members}
    members = (members - BitMap(users)) | BitMap(filter(None, users.values()))
    members -= BitMap(gone)
    nothing = Criteria({}, CustomerKind(cohort.kind), AnyOf(()))
    return Evaluated(criteria=nothing, members=members, universe=members.copy(), matched={})


def explain_list(cohort: Cohort, moved: MembershipDiff, since: datetime) -> dict[int, Explanation]:
    """Per customer who moved, by whose edit since then; of the newest edit where there were several."""
    found = {
        **dict.fromkeys(moved.added, Explanation(Reason.PROFILE, ["Added to the list"])),
        **dict.fromkeys(moved.removed, Explanation(Reason.PROFILE, ["Removed from the list"])),
    }
    edits = cohort.list_edits.filter(at__gte=since).select_related("by").order_by("at", "pk")
    for edit in edits:
        added, removed = (BitMap.deserialize(bytes(stored)) for stored in (edit.added, edit.removed))
        for verb, customers in (("Added to", moved.added & added), ("Removed from", moved.removed & removed)):
            found.update(dict.fromkeys(customers, Explanation(Reason.PROFILE, [f"{verb} the list{_by(edit)}"])))
    return found


def _by(edit: ListEdit) -> str:
    who = (edit.by.get_full_name() or edit.by.get_username()) if edit.by else ""
    return f"{f' by {who}' if who else ''}{f' ({edit.note})' if edit.note else ''}"


def read_ids(kind: CustomerKind, lines: Iterable[str]) -> Iterator[str]:
    """The ids in a file of CSV or in a text with one id a line: of the column named for them, else the first.

    A file that our pages exported reads back: the apostrophe before what a spreadsheet would run is taken off.
    """
    rows = csv.reader(line.replace("\0", "") for line in lines)
    column = None
    for row in rows:
        if column is None:
            names = [cell.strip().lower().lstrip("\ufeff") for cell in row]
            column = next((names.index(name) for name in (f"{kind}_id", *HEADS) if name in names), None)
            if column is not None:
                continue
            column = 0
        cell = row[column].strip().lstrip("\ufeff") if column < len(row) else ""
        if cell:
            yield cell[1:] if cell.startswith("'") and cell[1:].lstrip(" ").startswith(FORMULA) else cell


HEADS = ("id", "external_id")
"""Names that the column of ids may have too."""
