"""Rows out of the database as Arrow tables, in bounded memory and without Django's work per value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from pyroaring import BitMap64

from ingest.columns.flatten import flatten_events, flatten_versions
from ingest.columns.layout import CUSTOMERS
from ingest.models import Customer, CustomerVersion, Event

CHUNK = 2_000
"""Rows decoded at a time: more of them alive at once keep the garbage collector busy."""

_NONE = BitMap64()


def read_events(events: QuerySet[Event], **how: Any) -> Iterator[pa.Table]:
    """The events as tables with the columns `layout.EVENTS`; `how` as in `_read`."""
    columns = ("pk", "type", "time", "received_at", "user_id", "company_id", "weight", "fields")
    return _read(events.values_list(*columns), flatten_events, **how)


def read_versions(versions: QuerySet[CustomerVersion], sealed: int, **how: Any) -> Iterator[pa.Table]:
    """The versions as tables with the columns `layout.VERSIONS`."""
    columns = ("pk", "customer_id", "customer__kind", "customer__external_id", "received_at", "company_id", "profile")
    return _read(versions.values_list(*columns), lambda rows: flatten_versions(rows, sealed), **how)


def read_customers(customers: QuerySet[Customer], **how: Any) -> Iterator[pa.Table]:
    """The customers as tables with the columns `layout.CUSTOMERS`."""
    return _read(customers.values_list("pk", "kind", "external_id"), _to_customers, **how)


def _to_customers(rows: Sequence[Any]) -> pa.Table:
    return pa.table([[row[place] for row in rows] for place in range(3)], schema=CUSTOMERS)


def _read(
    values: QuerySet[Any, Any],
    flatten: Callable[[Sequence[Any]], pa.Table],
    using: BaseDatabaseWrapper | None = None,
    without: BitMap64 = _NONE,
) -> Iterator[pa.Table]:
    """Tables of at most CHUNK rows. `using`: another connection; `without`: primary keys to leave out.

    The first value of a row is its primary key. The query runs without Django's converters: times and JSON come as
    the database has them, which `flatten` knows.
    """
    sql, params = values.query.sql_with_params()
    with (using or connection).chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(CHUNK):
            if without:
                rows = [row for row in rows if row[0] not in without]
            yield flatten(rows)
