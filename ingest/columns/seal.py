"""Seal: move every waiting row into the copy, each exactly once.

1. Assign: in one transaction make a segment and give it a batch of waiting rows.
2. Write it from those rows and put it in its place.
3. Publish: in one transaction turn it from assigned to published, and let its rows leave the queue.
Whoever is killed leaves an assigned segment, which the next one finishes first. Only one can publish it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from django.db import transaction
from django.db.models import Q

from ingest.columns.layout import CUSTOMERS, EVENTS, VERSIONS
from ingest.columns.rows import CHUNK, read_customers, read_events, read_versions
from ingest.columns.store import Store, Written
from ingest.models import Customer, CustomerVersion, Event, SealQueue, Segment

BATCH = 200_000
"""Rows in one segment at most: what a killed process has to repeat, and what stands in memory at once."""

_SOURCES = {
    Segment.Kind.EVENTS: [SealQueue.Source.EVENT],
    Segment.Kind.CUSTOMERS: [SealQueue.Source.CUSTOMER, SealQueue.Source.VERSION],
}


@dataclass
class Moved:
    """What sealing has moved so far."""

    events: int = 0
    versions: int = 0


def seal_waiting(store: Store, now: datetime) -> Moved:
    """Seal until nothing waits. Customers go before the events that name them, so that no event lacks its customer."""
    moved = Moved()
    while True:
        events = _begun(Segment.Kind.EVENTS) or assign(Segment.Kind.EVENTS, now)
        while customers := _begun(Segment.Kind.CUSTOMERS) or assign(Segment.Kind.CUSTOMERS, now):
            moved.versions += _seal_customers(store, customers, now)
        if events is None:
            return moved
        moved.events += _seal_events(store, events, now)


def _begun(kind: Segment.Kind) -> Segment | None:
    return Segment.objects.filter(kind=kind, state=Segment.State.ASSIGNED).order_by("pk").first()


@transaction.atomic
def assign(kind: Segment.Kind, now: datetime) -> Segment | None:
    """A new segment with a batch of waiting rows; none when none wait."""
    waiting = SealQueue.objects.filter(segment=None, source__in=_SOURCES[kind])
    if not waiting.exists():
        return None
    segment = Segment.objects.create(kind=kind, created_at=now)
    batch = waiting.order_by("pk").values("pk")[:BATCH]
    # The condition stands twice: PostgreSQL asks the outer one again of a row that somebody else has just taken.
    if waiting.filter(pk__in=batch).update(segment=segment):
        return segment
    segment.delete()
    return None


def _seal_events(store: Store, segment: Segment, now: datetime) -> int:
    tables = [EVENTS.empty_table()]
    for rows in _rows_of(segment, SealQueue.Source.EVENT):
        tables += read_events(Event.objects.filter(rows))
    events = pa.concat_tables(tables)
    if not len(events):
        abandon(segment)
        return 0
    written = store.write_events(events)
    return len(events) if publish(segment, written, now) else 0


def _seal_customers(store: Store, segment: Segment, now: datetime) -> int:
    customers, versions = [CUSTOMERS.empty_table()], [VERSIONS.empty_table()]
    for rows in _rows_of(segment, SealQueue.Source.CUSTOMER):
        customers += read_customers(Customer.objects.filter(rows))
    for rows in _rows_of(segment, SealQueue.Source.VERSION):
        versions += read_versions(CustomerVersion.objects.filter(rows), sealed=segment.pk)
    named, said = pa.concat_tables(customers), pa.concat_tables(versions)
    if not len(named) + len(said):
        abandon(segment)
        return 0
    written = store.write_customers(named, said)
    return len(said) if publish(segment, written, now) else 0


def _rows_of(segment: Segment, source: SealQueue.Source) -> Iterator[Q]:
    """The segment's rows, as conditions on their primary keys that hold for CHUNK of them at a time.

    As values and not as a subquery: where PostgreSQL has no statistics of the queue yet, it takes it for nearly
    empty and reads it once for each row of the other table.
    """
    queued = SealQueue.objects.filter(segment=segment, source=source)
    keys = sorted(set(queued.values_list("row", flat=True)))
    return (_with(keys[start : start + CHUNK]) for start in range(0, len(keys), CHUNK))


def _with(keys: list[int]) -> Q:
    """The rows with these ascending keys; keys without a gap, as most are, are not handed over one by one."""
    first, last = keys[0], keys[-1]
    return Q(pk__range=(first, last)) if last - first == len(keys) - 1 else Q(pk__in=keys)


@transaction.atomic
def publish(segment: Segment, written: Written, now: datetime) -> bool:
    """Put the segment in the list and let its rows leave the queue; False when somebody else already did."""
    mine = Segment.objects.filter(pk=segment.pk, state=Segment.State.ASSIGNED)
    if not mine.update(state=Segment.State.PUBLISHED, published_at=now, **written.record()):
        return False
    SealQueue.objects.filter(segment=segment).delete()
    return True


@transaction.atomic
def abandon(segment: Segment) -> None:
    """Drop a segment of which every row was erased before it was written."""
    SealQueue.objects.filter(segment=segment, segment__state=Segment.State.ASSIGNED).delete()
    Segment.objects.filter(pk=segment.pk, state=Segment.State.ASSIGNED).delete()
