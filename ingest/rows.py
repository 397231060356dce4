"""Many rows in one statement, on SQLite and PostgreSQL alike: the ORM costs several times more per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias, TypeVar

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from ingest.models import SealQueue

Row: TypeAlias = tuple[Any, ...]
T = TypeVar("T")

ROWS_PER_STATEMENT = 500
"""One length for nearly all statements, so that SQLite finds them prepared."""
_encode = msgspec.json.Encoder().encode


@cache
def _vendor() -> str:
    return connection.vendor


def insert_rows(
    cursor: CursorWrapper, model: type[Model], columns: Sequence[str], rows: Sequence[Row], returning: str = "id"
) -> list[Row]:
    """Insert what does not clash with a unique key; gives `returning` of the rows that were inserted, in order."""
    names = ", ".join(f'"{column}"' for column in columns)
    placeholders = f"({', '.join(['%s'] * len(columns))})"
    inserted: list[Row] = []
    for chunk in chunks(rows):
        values = ", ".join([placeholders] * len(chunk))
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {values} '
            f"ON CONFLICT DO NOTHING RETURNING {returning}",
            [value for row in chunk for value in row],
        )
        inserted.extend(cursor.fetchall())
    return inserted


def queue_for_sealing(cursor: CursorWrapper, source: SealQueue.Source, ids: Sequence[Row]) -> None:
    """Queue rows, given as `(id,)`, in the transaction that made them."""
    insert_rows(cursor, SealQueue, ("source", "row"), [(source.value, id_) for (id_,) in ids])


def chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices of at most ROWS_PER_STATEMENT."""
    return (rows[start : start + ROWS_PER_STATEMENT] for start in range(0, len(rows), ROWS_PER_STATEMENT))


def in_list(values: Sequence[object]) -> str:
    """Placeholders for `IN (...)`."""
    return f"({', '.join(['%s'] * len(values))})"


def among(values: Sequence[object]) -> str:
    """The condition of being one of the values, which `parameters` gives: of many, PostgreSQL takes an array faster."""
    return f"IN {in_list(values)}" if _vendor() == "sqlite" else "= ANY(%s)"


def parameters(values: Sequence[Any]) -> list[Any]:
    """What `among` needs."""
    return list(values) if _vendor() == "sqlite" else [list(values)]


def time_parameter(time: datetime) -> Any:
    """An aware UTC time as the database keeps it: on SQLite as Django writes it, `2026-03-01 12:00:00.250000`."""
    return _encode(time)[1:-2].decode().replace("T", " ") if _vendor() == "sqlite" else time


def time_read(value: datetime) -> datetime:
    """An aware UTC time from what a cursor gives."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def json_parameter(value: object) -> str:
    """A JSON value as the database takes it."""
    return _encode(value).decode()
