"""What was accepted becomes rows: many arrivals in one transaction, in which they leave the inbox."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Max, QuerySet

from ingest.models import Arrival
from ingest.packing import pack, unpack
from ingest.record import record, retried
from ingest.records import Record
from ingest.turns import turn_to_write

logger = logging.getLogger(__name__)

AT_ONCE = 10_000
"""Items in one transaction, unless a single arrival holds more."""
AT_ONCE_ON_SQLITE = 2_000
"""Where senders wait meanwhile."""
LITTLE = 1_000
"""Items that a page records itself."""
PAUSE = 0.005
"""Seconds in which senders get their turn on SQLite."""
_OUT_OF_REACH = (OperationalError, InterfaceError)


def waiting() -> QuerySet[Arrival]:
    """What is to be recorded."""
    return Arrival.objects.filter(error="")


def record_arrivals(most: timedelta | None = None) -> int:
    """Record what was accepted by now, oldest first; returns how many items that were.

    Ends after about `most`. May be killed at any time and run twice at once. What cannot be recorded, for a reason
    nobody foresaw, holds up nothing else: it stays in the inbox with its error.
    """
    last = waiting().aggregate(last=Max("pk"))["last"]
    ends_at = None if most is None else time.monotonic() + most.total_seconds()
    recorded = 0
    while last is not None and (items := retried(partial(_record_some, last))):
        recorded += items
        if ends_at is not None and time.monotonic() > ends_at:
            break
        if connection.vendor == "sqlite":
            time.sleep(PAUSE)
    return recorded


def record_what_just_came() -> None:
    """For a page that somebody opens right after sending: record what waits, if it is little."""
    counts = waiting().values_list("items", flat=True)[:LITTLE]
    if not 0 < sum(counts) < LITTLE:
        return
    try:
        record_arrivals()
    except DatabaseError as error:
        logger.warning("arrivals wait for the next cycle: %s", error)


def _record_some(last: int) -> int:
    """One transaction; returns the number of items that left, or stay with their error."""
    with turn_to_write(), transaction.atomic():
        arrivals = _portion(last)
        if not arrivals:
            return 0
        try:
            with transaction.atomic():
                record([each for arrival in arrivals for each in unpack(bytes(arrival.content))])
        except _OUT_OF_REACH:
            raise
        except Exception:
            logger.exception("Arrivals %d to %d cannot be recorded at once", arrivals[0].pk, arrivals[-1].pk)
            for arrival in arrivals:
                _record_one_by_one(arrival)
        waiting().filter(pk__in=[arrival.pk for arrival in arrivals]).delete()
    return sum(arrival.items for arrival in arrivals)


def _portion(last: int) -> list[Arrival]:
    """The oldest arrivals, with some items in all; locked, so that of two who record only one does."""
    most = AT_ONCE_ON_SQLITE if connection.vendor == "sqlite" else AT_ONCE
    oldest = waiting().filter(pk__lte=last).order_by("pk")
    keys: list[int] = []
    items = 0
    for key, count in oldest.values_list("pk", "items")[:most]:
        if keys and items + count > most:
            break
        keys.append(key)
        items += count
    return list(oldest.filter(pk__in=keys).select_for_update())


def _record_one_by_one(arrival: Arrival) -> None:
    """Record what can be; the arrival keeps the rest, and why."""
    try:
        records = unpack(bytes(arrival.content))
    except msgspec.MsgspecError as error:
        Arrival.objects.filter(pk=arrival.pk).update(error=f"The content cannot be read: {error}")
        return
    left = list(_refused(records))
    if left:
        arrival.delete()
        for piece in pack(each for each, _ in left):
            Arrival.objects.create(received_at=arrival.received_at, error=left[0][1], **piece._asdict())


def _refused(records: list[Record]) -> Iterator[tuple[Record, str]]:
    for each in records:
        try:
            with transaction.atomic():
                record([each])
        except _OUT_OF_REACH:
            raise
        except Exception as error:
            yield each, f"{type(error).__name__}: {error}"
