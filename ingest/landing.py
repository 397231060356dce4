"""Events into their table, each queued for sealing, in as few and as cheap statements as each database allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from ingest.models import Event, SealQueue
from ingest.rows import Row

COLUMNS = ("key", "type", "time", "received_at", "user_id", "company_id", "weight", "fields")
FEW = 20
"""Up to so many events go in one statement: the detour by COPY costs more."""

_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
_EVENTS, _QUEUE = Event._meta.db_table, SealQueue._meta.db_table
_LANDED = f"""WITH new AS (INSERT INTO "{_EVENTS}" ({_NAMES}) {{}} ON CONFLICT DO NOTHING RETURNING id)
    INSERT INTO "{_QUEUE}" (source, "row") SELECT '{SealQueue.Source.EVENT}', id FROM new"""
_have_landing: WeakSet[Any] = WeakSet()
"""Connections on which the table `landing` was made and committed."""


def land_events(cursor: CursorWrapper, rows: Sequence[Row]) -> int:
    """Insert the rows (of `COLUMNS`) whose key is new and queue them; returns how many were new.

    Of equal keys among the rows it is the caller's task to give one.
    """
    if not rows:
        return 0
    if connection.vendor != "postgresql":
        return _one_by_one(cursor, rows)
    return _in_one_statement(cursor, rows) if len(rows) <= FEW else _by_copy(cursor, rows)


def _one_by_one(cursor: CursorWrapper, rows: Sequence[Row]) -> int:
    """SQLite has one writer at a time and gives ids that ascend: what is above the last id is what was inserted."""
    cursor.execute(f'SELECT coalesce(max(id), 0) FROM "{_EVENTS}"')
    [last] = cursor.fetchone()
    values = ", ".join(["%s"] * len(COLUMNS))
    cursor.executemany(f'INSERT INTO "{_EVENTS}" ({_NAMES}) VALUES ({values}) ON CONFLICT DO NOTHING', rows)
    cursor.execute(
        f"""INSERT INTO "{_QUEUE}" (source, "row")
            SELECT '{SealQueue.Source.EVENT}', id FROM "{_EVENTS}" WHERE id > %s""",
        [last],
    )
    return int(cursor.rowcount)


def _in_one_statement(cursor: CursorWrapper, rows: Sequence[Row]) -> int:
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    cursor.execute(_LANDED.format(f"VALUES {', '.join([row] * len(rows))}"), [value for each in rows for value in each])
    return int(cursor.rowcount)


def _by_copy(cursor: CursorWrapper, rows: Sequence[Row]) -> int:
    """COPY knows no ON CONFLICT, so the rows land in a table of the connection, which is empty after each commit.

    What an earlier call left there in the same transaction conflicts with itself.
    """
    raw = connection.connection
    if raw not in _have_landing:
        cursor.execute(
            f"""CREATE TEMP TABLE IF NOT EXISTS landing ON COMMIT DELETE ROWS
                AS SELECT {_NAMES} FROM "{_EVENTS}" WITH NO DATA"""
        )
        transaction.on_commit(lambda: _have_landing.add(raw))
    with raw.cursor() as own, own.copy(f"COPY landing ({_NAMES}) FROM STDIN") as copy:
        copy.write("".join(map(_line, rows)))
    cursor.execute(_LANDED.format(f"SELECT {_NAMES} FROM landing"))
    return int(cursor.rowcount)


def _line(row: Row) -> str:
    """A row as COPY reads it; of JSON only the backslash has a meaning there."""
    key, type_, time, received_at, user, company, weight, fields = row
    escaped = fields.replace("\\", "\\\\")
    return (
        f"\\\\x{key.hex()}\t{type_}\t{time.isoformat()}\t{received_at.isoformat()}\t{_or_null(user)}\t"
        f"{_or_null(company)}\t{weight}\t{escaped}\n"
    )


def _or_null(value: int | None) -> str:
    return "\\N" if value is None else str(value)
