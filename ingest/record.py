"""Records to rows, in one transaction: customers, profile versions, events, and what is to be sealed of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from ingest.models import Customer, CustomerKind, Event, SealQueue
from ingest.parse import EventRecord, ProfileRecord, Record
from ingest.profiles import record_profiles
from ingest.rows import chunks, in_list, insert_rows, json_parameter, queue_for_sealing, time_parameter

CustomerIds: TypeAlias = dict[tuple[str, str], int]
"""(kind, external id) -> primary key."""

TRIES = 3
_RETRIED = frozenset(("40P01", "40001"))  # deadlock, serialization failure

USER, COMPANY = CustomerKind.USER.value, CustomerKind.COMPANY.value
_EVENT_COLUMNS = ("key", "type", "time", "received_at", "user_id", "company_id", "weight", "fields")


@dataclass(frozen=True)
class Recorded:
    """How many records were stored, and how many were there already."""

    accepted: int
    duplicates: int


def record(records: Sequence[Record]) -> Recorded:
    """Store the records, all or none; those with a key or profile statement already stored change nothing.

    Raises OperationalError when the database cannot be reached or stays locked; nothing is stored then.
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                return _record(cursor, records)
        except OperationalError as error:
            # Two senders of the same events in opposite order: PostgreSQL ends one of them, which may try again.
            if left == 0 or connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") not in _RETRIED:
                raise
    raise AssertionError("unreachable")


def _record(cursor: CursorWrapper, records: Sequence[Record]) -> Recorded:
    customers = _resolve_customers(cursor, records)
    profiles = [item for item in records if isinstance(item, ProfileRecord)]
    events = [item for item in records if isinstance(item, EventRecord)]
    accepted = record_profiles(cursor, profiles, customers) + _record_events(cursor, events, customers)
    return Recorded(accepted, len(records) - accepted)


def _record_events(cursor: CursorWrapper, events: Iterable[EventRecord], customers: CustomerIds) -> int:
    """Insert the events whose key is new, in the order given; returns how many."""
    first_of_key: dict[bytes, EventRecord] = {}
    for event in events:
        first_of_key.setdefault(event.key, event)
    as_kept = cache(time_parameter)  # what comes in one request shares its time of receipt
    rows = []
    for event in first_of_key.values():
        time = time_parameter(event.time)
        received_at = time if event.received_at is event.time else as_kept(event.received_at)
        user = customers[USER, event.user_id] if event.user_id else None
        company = customers[COMPANY, event.company_id] if event.company_id else None
        fields = json_parameter(event.fields)
        rows.append((event.key, event.type, time, received_at, user, company, event.weight, fields))
    ids = insert_rows(cursor, Event, _EVENT_COLUMNS, rows)
    queue_for_sealing(cursor, SealQueue.Source.EVENT, ids)
    return len(ids)


def _resolve_customers(cursor: CursorWrapper, records: Iterable[Record]) -> CustomerIds:
    """The primary keys of all customers named; rows are made for the new ones."""
    named = _named(records)
    customers = _find(cursor, sorted(named))
    missing = sorted(named.keys() - customers.keys())  # sorted: concurrent writers wait for each other in one order
    if not missing:
        return customers
    rows = [(kind, id_, "{}", time_parameter(named[kind, id_])) for kind, id_ in missing]
    columns = ("kind", "external_id", "profile", "created_at")
    made = insert_rows(cursor, Customer, columns, rows, returning='id, "kind", external_id')
    queue_for_sealing(cursor, SealQueue.Source.CUSTOMER, [(id_,) for id_, _, _ in made])
    customers.update(((kind, external_id), id_) for id_, kind, external_id in made)
    customers.update(_find(cursor, [name for name in missing if name not in customers]))
    return customers


def _named(records: Iterable[Record]) -> dict[tuple[str, str], datetime]:
    """Every customer that the records name, with the earliest receipt of what names it."""
    named: dict[tuple[str, str], datetime] = {}
    for item in records:
        names = [(COMPANY, item.company_id)] if item.company_id else []
        if isinstance(item, ProfileRecord):
            names.append((item.kind, item.external_id))
        elif item.user_id:
            names.append((USER, item.user_id))
        for name in names:
            known = named.get(name)
            if known is None or item.received_at < known:
                named[name] = item.received_at
    return named


def _find(cursor: CursorWrapper, names: Sequence[tuple[str, str]]) -> CustomerIds:
    """Those of the customers that have a row; names are sorted by kind."""
    found: CustomerIds = {}
    for kind, group in groupby(names, key=itemgetter(0)):
        for chunk in chunks([id_ for _, id_ in group]):
            cursor.execute(
                f'SELECT id, external_id FROM "{Customer._meta.db_table}" '
                f'WHERE "kind" = %s AND external_id IN {in_list(chunk)}',
                [kind, *chunk],
            )
            found.update(((kind, external_id), id_) for id_, external_id in cursor.fetchall())
    return found
