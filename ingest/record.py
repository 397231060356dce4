"""Records to rows, in one transaction: customers, profile versions, events, and what is to be sealed of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias, TypeVar

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper

from ingest.known_routes import known_routes
from ingest.landing import land_events
from ingest.models import Customer, CustomerKind, SealQueue
from ingest.profiles import record_profiles
from ingest.records import EventRecord, ProfileRecord, Record
from ingest.routes import OTHERS
from ingest.rows import among, chunks, insert_rows, json_parameter, parameters, queue_for_sealing, time_parameter
from ingest.visitors import Known, lock_visitors, mark_identified, merge_visitors

Name: TypeAlias = tuple[str, str]
"""(kind, external id)"""
Done = TypeVar("Done")

TRIES = 3
_RETRIED = frozenset(("40P01", "40001"))  # deadlock, serialization failure

USER, COMPANY = CustomerKind.USER.value, CustomerKind.COMPANY.value


@dataclass(frozen=True)
class Recorded:
    """How many records were stored, and how many were there already."""

    accepted: int
    duplicates: int


def record(records: Sequence[Record]) -> Recorded:
    """Store the records, all or none; those with a key or profile statement already stored change nothing.

    Raises OperationalError when the database cannot be reached or stays locked; nothing is stored then.
    """

    def attempt() -> Recorded:
        with transaction.atomic(), connection.cursor() as cursor:
            return _record(cursor, records)

    return retried(attempt)


def retried(attempt: Callable[[], Done]) -> Done:
    """Do a transaction again that PostgreSQL ended for the sake of another: both named the same in opposite order."""
    for left in reversed(range(TRIES)):
        try:
            return attempt()
        except OperationalError as error:
            if left == 0 or connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") not in _RETRIED:
                raise
    raise AssertionError("unreachable")


def _record(cursor: CursorWrapper, records: Sequence[Record]) -> Recorded:
    known = _resolve_customers(cursor, records)
    profiles = [item for item in records if isinstance(item, ProfileRecord)]
    events = [item for item in records if isinstance(item, EventRecord)]
    lock_visitors(cursor, profiles, known)
    accepted = record_profiles(cursor, profiles, known.said_of()) + _record_events(cursor, events, known.ids)
    merge_visitors(cursor, profiles, known)
    return Recorded(accepted, len(records) - accepted)


def _record_events(cursor: CursorWrapper, events: Iterable[EventRecord], customers: Mapping[Name, int]) -> int:
    """Insert the events whose key is new; returns how many."""
    first_of_key: dict[bytes, EventRecord] = {}
    for event in events:
        first_of_key.setdefault(event.key, event)
    routes = known_routes(first_of_key.values())
    as_kept = cache(time_parameter)  # what comes in one request shares its time of receipt
    rows = []
    for event in first_of_key.values():
        time = time_parameter(event.time)
        received_at = time if event.received_at is event.time else as_kept(event.received_at)
        user = customers[USER, event.user_id] if event.user_id else None
        company = customers[COMPANY, event.company_id] if event.company_id else None
        fields = json_parameter(_fields(event, routes))
        rows.append((event.key, event.type, time, received_at, user, company, event.weight, fields))
    return land_events(cursor, rows)


def _fields(event: EventRecord, routes: Container[str]) -> dict[str, Any]:
    """As they are stored: a route that was made of the address only if it is one of these."""
    if not event.templated or event.fields["request"]["route"] in routes:
        return event.fields
    return event.fields | {"request": event.fields["request"] | {"route": OTHERS}}


def _resolve_customers(cursor: CursorWrapper, records: Iterable[Record]) -> Known:
    """The primary keys of all customers named; rows are made for the new ones."""
    named, identified = _named(records)
    known = Known()
    _find(cursor, sorted(named), known)
    missing = sorted(named.keys() - known.ids.keys())  # sorted: concurrent writers wait for each other in one order
    if missing:
        rows = [
            (kind, id_, "{}", time_parameter(named[kind, id_]), kind == USER and (kind, id_) not in identified)
            for kind, id_ in missing
        ]
        columns = ("kind", "external_id", "profile", "created_at", "anonymous")
        made = insert_rows(cursor, Customer, columns, rows, returning='id, "kind", external_id, anonymous')
        queue_for_sealing(cursor, SealQueue.Source.CUSTOMER, [(id_,) for id_, *_ in made])
        for id_, kind, external_id, anonymous in made:
            known.add(id_, kind, external_id, anonymous, None)
        _find(cursor, [name for name in missing if name not in known.ids], known)
    mark_identified(cursor, known, identified)
    return known


def _named(records: Iterable[Record]) -> tuple[dict[Name, datetime], set[Name]]:
    """Every customer that the records name, with the earliest receipt of what names it; and those users whom not
    only an anonymous id names."""
    named: dict[Name, datetime] = {}
    identified: set[Name] = set()
    for item in records:
        for name, is_anonymous in _names(item):
            known = named.get(name)
            if known is None or item.received_at < known:
                named[name] = item.received_at
            if not is_anonymous:
                identified.add(name)
    return named, identified


def _names(item: Record) -> Iterator[tuple[Name, bool]]:
    """The customers that a record names, and whether by an anonymous id."""
    if item.company_id:
        yield (COMPANY, item.company_id), False
    if isinstance(item, ProfileRecord):
        yield (item.kind, item.external_id), item.anonymous
        if item.visitor:
            yield (USER, item.visitor), True
    elif item.user_id:
        yield (USER, item.user_id), item.anonymous


def _find(cursor: CursorWrapper, names: Sequence[Name], known: Known) -> None:
    """Add those of the customers that have a row; names are sorted by kind."""
    for kind, group in groupby(names, key=itemgetter(0)):
        for chunk in chunks([id_ for _, id_ in group]):
            cursor.execute(
                f'SELECT id, external_id, anonymous, merged_into_id FROM "{Customer._meta.db_table}" '
                f'WHERE "kind" = %s AND external_id {among(chunk)}',
                [kind, *parameters(chunk)],
            )
            for id_, external_id, anonymous, merged_into in cursor.fetchall():
                known.add(id_, kind, external_id, anonymous, merged_into)
