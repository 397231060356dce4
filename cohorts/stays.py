"""The cohorts that one customer is in and was in, from when to when and why."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pyroaring import BitMap

from cohorts.enums import ChangeKind
from cohorts.feed import cohorts_of
from cohorts.models import Baseline, Cohort, MembershipChange
from ingest.models import Customer

READ = 300
"""Of a customer's changes, the newest that are read: what ended before them stands in its timeline."""


@dataclass(frozen=True)
class Stay:
    """A time in one cohort. What is None was not told of: members of a baseline have not joined, and an edit that
    asked for silence ends a stay without a change."""

    cohort: Cohort
    since: datetime | None
    until: datetime | None = None
    joined: MembershipChange | None = None
    left: MembershipChange | None = None


@dataclass(frozen=True)
class Stays:
    """Now by the names of the cohorts, before by when they ended, newest first."""

    now: Sequence[Stay]
    before: Sequence[Stay]


def stays_of(customer: Customer) -> Stays:
    """Where the customer is, and where it was."""
    present = cohorts_of(customer)
    since = {cohort.pk: at for cohort, at in present}
    newest = customer.changes.select_related("cohort").order_by("-pk")[:READ]
    histories: dict[uuid.UUID, list[MembershipChange]] = defaultdict(list)
    for change in reversed(newest):
        histories[change.cohort_id].append(change)
    now = [Stay(cohort, at, joined=_last(histories[cohort.pk], at)) for cohort, at in present]
    ended = [stay for pk, history in histories.items() for stay in _ended(history, since.get(pk))]
    return Stays(now, sorted(ended, key=lambda stay: max(filter(None, (stay.since, stay.until))), reverse=True))


def _last(history: Sequence[MembershipChange], at: datetime | None) -> MembershipChange | None:
    """The change that began the stay since `at`."""
    return history[-1] if at and history and history[-1].changed_at == at else None


def _ended(history: Iterable[MembershipChange], lasts_since: datetime | None) -> Iterator[Stay]:
    """The stays in one cohort that are over; the one since `lasts_since` is not."""
    joined: MembershipChange | None = None
    for change in history:
        if joined and (change.change == ChangeKind.ADDED):
            yield _ended_silently(joined)
        if change.change == ChangeKind.REMOVED:
            yield Stay(change.cohort, joined.changed_at if joined else None, change.changed_at, joined, change)
        joined = change if change.change == ChangeKind.ADDED else None
    if joined and joined.changed_at != lasts_since:
        yield _ended_silently(joined)


def _ended_silently(joined: MembershipChange) -> Stay:
    later = Baseline.objects.filter(cohort=joined.cohort_id, version__gt=joined.version).order_by("version")
    without = (each for each in later if joined.customer_id not in BitMap.deserialize(bytes(each.members)))
    end = next(without, None)
    return Stay(joined.cohort, joined.changed_at, end.as_of if end else None, joined)
