"""What a notification says: every word of it, and of each customer what the subscription asks for.

`messages` makes the messages of a batch from the customers to be told of, however many; `make_example` makes one to
look at, by the same code, and `example` the one that a test sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO
from zoneinfo import ZoneInfo

from django.conf import settings
from pyroaring import BitMap

from cohorts.enums import ChangeKind
from cohorts.models import Cohort, Membership, MembershipChange
from ingest.columns.interface import ColumnsDamaged
from ingest.models import CustomerKind
from notifications.channels.base import Limits
from notifications.entries import MADE_UP, Moved, Told, entries, write_entry
from notifications.message import CohortInfo, Counts, Entry, Message, Words, one_line

SPOOL_MEMORY = 16_000_000
"""Bytes of customers kept in memory while a large batch is cut into parts; more of them go to a temporary file."""
LONGEST_NAME = 100
"""Characters of a cohort's name in a headline."""
PART_DIGITS = 20
"""Room for the numbers `part` and `parts`, which are not known before the cut."""
EXAMPLE_FIELDS = {
    CustomerKind.USER: ("email", "name", "company_id", "first_seen_time", "last_seen_time", "url"),
    CustomerKind.COMPANY: ("company_domain", "name", "first_seen_time", "last_seen_time", "url"),
}
"""What an example shows of a customer when nothing else is asked for."""


@dataclass(frozen=True)
class Period:
    """The stretch of time that a batch covers."""

    start: datetime
    end: datetime


def draft(cohort: Cohort, batch: str, sequence: int, period: Period, counts: Counts, *, test: bool = False) -> Message:
    """The message without its customers, created at the period's end."""
    return Message(
        id=str(part_id(batch, 1)),
        batch=batch,
        sequence=sequence,
        created_at=period.end,
        cohort=CohortInfo(str(cohort.pk), cohort.name, cohort.kind, f"{settings.SITE_URL}/cohorts/{cohort.pk}/"),
        period_from=period.start,
        period_to=period.end,
        counts=counts,
        test=test,
    )


@contextmanager
def messages(whole: Message, told: Told, limits: Limits) -> Iterator[Iterator[Message]]:
    """The messages of a batch: its parts, or one with the first customers, as the limits say.

    Everything is read on entering; the messages themselves are made one by one, so that memory stays bounded.
    """
    if not limits.parts:
        yield iter([_digest(whole, told, limits.customers)])
        return
    room = (limits.size or 0) - len(whole.encode().encode()) - PART_DIGITS
    with SpooledTemporaryFile(SPOOL_MEMORY, "w+", encoding="utf-8", newline="\n") as spool:
        cut = _spool(entries(told), spool, limits.customers, room)
        spool.seek(0)
        yield _parts(whole, spool, cut)


def part_id(batch: str, part: int, recipient: str = "") -> uuid.UUID:
    """The id of one delivery: it follows from what it is, so that it is the same whoever asks."""
    return uuid.uuid5(uuid.UUID(batch), f"{part}/{recipient}")


def _spool(entries: Iterable[Entry], spool: IO[str], customers: int, room: int) -> list[int]:
    """Write the entries down, one a line; returns how many go into each part."""
    cut: list[int] = []
    left = 0
    for entry in entries:
        size = len(entry.body.encode()) + 1
        if not cut or cut[-1] == customers or size > left:
            cut.append(0)
            left = room
        cut[-1] += 1
        left -= size
        spool.write(f"{entry.change}\t{entry.url}\t{entry.body}\n")
    return cut


def _parts(whole: Message, spool: IO[str], cut: Sequence[int]) -> Iterator[Message]:
    for part, customers in enumerate(cut, start=1):
        lines = islice(iter(spool.readline, ""), customers)
        taken = [Entry(*line.rstrip("\n").split("\t", 2)) for line in lines]
        yield replace(
            whole,
            id=str(part_id(whole.batch, part)),
            part=part,
            parts=len(cut),
            added=tuple(entry for entry in taken if entry.change == ChangeKind.ADDED),
            removed=tuple(entry for entry in taken if entry.change == ChangeKind.REMOVED),
        )


def _digest(whole: Message, told: Told, customers: int) -> Message:
    """One message with the first customers; neither joining nor leaving takes all the room."""
    joined = min(len(told.added), max(customers - len(told.removed), customers // 2))
    left = min(len(told.removed), customers - joined)
    shown = replace(told, added=told.added[:joined], removed=told.removed[:left])
    return with_words(whole, told.cohort, list(entries(shown)), told.zone)


def with_words(whole: Message, cohort: Cohort, shown: Iterable[Entry], zone: str = "") -> Message:
    """The message with these customers, and with all that a person reads around them.

    Times are those of the `zone`, of the cohort's without one.
    """
    shown = list(shown)
    added = tuple(entry for entry in shown if entry.change == ChangeKind.ADDED)
    removed = tuple(entry for entry in shown if entry.change == ChangeKind.REMOVED)
    counts = whole.counts
    words = Words(
        title=one_line(whole.cohort.name, LONGEST_NAME),
        headline=_headline(whole),
        summary=_summary(whole, cohort, zone or cohort.time_zone),
        joined=f"Joined ({counts.added:,})" if counts.added else "",
        left=f"Left ({counts.removed:,})" if counts.removed else "",
        more_joined=_more(counts.added - len(added)),
        more_left=_more(counts.removed - len(removed)),
        note=_note(whole),
    )
    return replace(whole, added=added, removed=removed, words=words)


def _headline(whole: Message) -> str:
    joined = f"{whole.counts.added:,} joined" if whole.counts.added else ""
    left = f"{whole.counts.removed:,} left" if whole.counts.removed else ""
    prefix = "Test: " if whole.test else ""
    return f"{prefix}{one_line(whole.cohort.name, LONGEST_NAME)}: {', '.join(filter(None, (joined, left)))}"


def _summary(whole: Message, cohort: Cohort, zone: str) -> str:
    counts, kind = whole.counts, CustomerKind(cohort.kind)
    if counts.added:
        moved = f"{_customers(counts.added, kind)} joined" + (f" and {counts.removed:,} left" if counts.removed else "")
    else:
        moved = f"{_customers(counts.removed, kind)} left"
    members = f"{counts.members:,} {'member' if counts.members == 1 else 'members'}"
    return f"{moved} {stretch(whole.period_from, whole.period_to, zone)}. The cohort has {members} now."


def _customers(count: int, kind: CustomerKind) -> str:
    words = {CustomerKind.USER: ("user", "users"), CustomerKind.COMPANY: ("company", "companies")}[kind]
    return f"{count:,} {words[count != 1]}"


def stretch(start: datetime, end: datetime, zone: str) -> str:
    """`between 12:00 and 12:15 on 2 March 2026 (Europe/Berlin)`."""
    first, last = (moment.astimezone(ZoneInfo(zone)) for moment in (start, end))
    day, last_day = (f"{moment.day} {moment:%B %Y}" for moment in (first, last))
    if day == last_day:
        return f"between {first:%H:%M} and {last:%H:%M} on {day} ({zone})"
    return f"between {first:%H:%M} on {day} and {last:%H:%M} on {last_day} ({zone})"


def _more(count: int) -> str:
    return f"and {count:,} more" if count else ""


def _note(whole: Message) -> str:
    if whole.test:
        return "This is a test with example customers: nobody moved."
    return f"You get this because this channel is subscribed to the cohort. Batch {whole.sequence}."


@dataclass(frozen=True)
class Example:
    """A notification to look at; `made_up` says that its customers do not exist."""

    message: Message
    made_up: bool


def example(
    cohort: Cohort | None,
    now: datetime,
    *,
    fields: Sequence[str] | None = None,
    send_on_addition: bool = True,
    send_on_removal: bool = True,
) -> Message:
    """A notification to send as a test, and marked as one. Without a cohort it is made up too (and not saved)."""
    cohort = cohort or Cohort(
        id=uuid.UUID(int=0), name="Example cohort", kind=CustomerKind.USER, criteria={}, created_at=now
    )
    fields = EXAMPLE_FIELDS[CustomerKind(cohort.kind)] if fields is None else fields
    return make_example(
        cohort, now, fields=fields, send_on_addition=send_on_addition, send_on_removal=send_on_removal, test=True
    ).message


def make_example(
    cohort: Cohort,
    now: datetime,
    *,
    fields: Sequence[str],
    send_on_addition: bool = True,
    send_on_removal: bool = True,
    period: timedelta = timedelta(minutes=15),
    zone: str = "",
    sequence: int = 0,
    test: bool = False,
) -> Example:
    """A notification as the next one may look: with members of the cohort where there are any, else made-up ones.

    Its message's `encode()` is the webhook's body.
    """
    wanted = {ChangeKind.ADDED: send_on_addition, ChangeKind.REMOVED: send_on_removal}
    real, made_up = (
        [entry for entry in found if wanted[ChangeKind(entry.change)]]
        for found in (_real_entries(cohort, fields), _made_up_entries(cohort, fields, now))
    )
    shown = real or made_up
    added = sum(entry.change == ChangeKind.ADDED for entry in shown)
    members = Membership.objects.filter(cohort=cohort.pk).values_list("count", flat=True).first()
    counts = Counts(added=added, removed=len(shown) - added, members=members or added)
    whole = draft(cohort, str(uuid.uuid4()), sequence, Period(now - period, now), counts, test=test)
    return Example(with_words(whole, cohort, shown, zone), made_up=not real)


def _real_entries(cohort: Cohort, fields: Sequence[str]) -> list[Entry]:
    membership = Membership.objects.filter(cohort=cohort.pk).first()
    if membership is None:
        return []
    changes = MembershipChange.objects.filter(cohort=cohort.pk, change=ChangeKind.REMOVED)
    removed = changes.order_by("-version", "-id").values_list("customer_id", flat=True)[:1]
    told = Told(
        cohort=cohort,
        fields=tuple(fields),
        added=BitMap.deserialize(bytes(membership.members))[:2],
        removed=BitMap(removed),
        version=membership.version,
        at=membership.as_of,
    )
    try:
        return list(entries(told))
    except ColumnsDamaged:
        return []  # until the copy is rebuilt an example is made up


def _made_up_entries(cohort: Cohort, fields: Sequence[str], now: datetime) -> list[Entry]:
    kind = CustomerKind(cohort.kind)
    return [write_entry(kind, fields, facts(now), Moved.made_up(change, now)) for change, facts in MADE_UP[kind]]
