"""Rebuild: make the whole copy again from the rows, while sealing and reading go on with the old one.

The rows are read in one transaction that sees them as they were at its start. What waited in the queue then is left
out: sealing brings it. Every other row is in one of the segments listed then, and exactly those are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet
from pyroaring import BitMap64

from ingest.columns import locks
from ingest.columns.compact import Overtaken
from ingest.columns.layout import CUSTOMERS, VERSIONS
from ingest.columns.rows import read_customers, read_events, read_versions
from ingest.columns.seal import BATCH, seal_waiting
from ingest.columns.store import Store, Written
from ingest.models import Customer, CustomerVersion, Event, SealQueue, Segment

_BEGIN = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"}
_NONE_SEALED = 0
"""Versions that come later are copies sealed later."""


def rebuild(store: Store, now: datetime) -> Iterator[tuple[int, int]]:
    """Yields (rows done, rows in all). The caller holds the lock for reshaping. Raises Overtaken if it did not."""
    with _frozen() as rows:
        old = [key for (key,) in _select(rows, Segment.objects.filter(state=Segment.State.PUBLISHED).values_list("pk"))]
        total = sum(_count(rows, model) for model in (Customer, CustomerVersion, Event))
        written: list[tuple[str, Written]] = []
        done = 0
        yield done, total
        for kind, write, count in _batches(rows, store):
            if write is not None:
                written.append((kind, write()))
            done += count
            yield min(done, total), total
    with locks.held(store.directory, locks.SEAL):
        seal_waiting(store, now)
        _replace_all(old, written, now)
    yield total, total


@contextmanager
def _frozen() -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own that sees the rows as they are now, and blocks nobody."""
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            cursor.execute(_BEGIN[reader.vendor])
        yield reader
    finally:
        reader.close()


def _select(rows: BaseDatabaseWrapper, query: QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    with rows.cursor() as cursor:
        cursor.execute(*query.query.sql_with_params())
        return list(cursor.fetchall())


def _count(rows: BaseDatabaseWrapper, model: type[Model]) -> int:
    with rows.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
        return int(cursor.fetchone()[0])


def _waiting(rows: BaseDatabaseWrapper, source: str) -> BitMap64:
    query = SealQueue.objects.filter(source=source).values_list("row")
    return BitMap64(row for (row,) in _select(rows, query))


def _batches(rows: BaseDatabaseWrapper, store: Store) -> Iterator[tuple[str, Callable[[], Written] | None, int]]:
    """(kind, how to write a segment of it, or none yet, rows since the last one)."""
    source = SealQueue.Source
    customers = read_customers(Customer.objects.all(), using=rows, without=_waiting(rows, source.CUSTOMER))
    for named, count in _collected(customers):
        yield Segment.Kind.CUSTOMERS, named and partial(store.write_customers, named, VERSIONS.empty_table()), count
    versions = read_versions(
        CustomerVersion.objects.all(), _NONE_SEALED, using=rows, without=_waiting(rows, source.VERSION)
    )
    for said, count in _collected(versions):
        yield Segment.Kind.CUSTOMERS, said and partial(store.write_customers, CUSTOMERS.empty_table(), said), count
    for events, count in _collected(read_events(Event.objects.all(), using=rows, without=_waiting(rows, source.EVENT))):
        yield Segment.Kind.EVENTS, events and partial(store.write_events, events), count


def _collected(tables: Iterator[pa.Table]) -> Iterator[tuple[pa.Table | None, int]]:
    """Tables of about BATCH rows, and in between, for the progress, none with the number of rows read."""
    collected: list[pa.Table] = []
    for table in tables:
        collected.append(table)
        yield None, len(table)
        if sum(map(len, collected)) >= BATCH:
            yield pa.concat_tables(collected), 0
            collected = []
    if sum(map(len, collected)):
        yield pa.concat_tables(collected), 0


@transaction.atomic
def _replace_all(old: list[int], written: list[tuple[str, Written]], now: datetime) -> None:
    listed = Segment.objects.filter(pk__in=old, state=Segment.State.PUBLISHED)
    if listed.update(state=Segment.State.REPLACED, replaced_at=now) != len(old):
        raise Overtaken
    for kind, each in written:
        state = Segment.State.PUBLISHED
        Segment.objects.create(kind=kind, state=state, created_at=now, published_at=now, **each.record())
