"""The tables of a segment, made by SQL from whatever has the right columns: rows in memory, or other segments."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import duckdb
import pyarrow as pa

from ingest.columns.layout import CUSTOMERS, EVENTS, VERSIONS
from ingest.models import Segment

Cursor = duckdb.DuckDBPyConnection
Fill = Callable[[Cursor, str], None]
"""Makes the tables of a segment in the catalog of that name."""

TABLES = {
    Segment.Kind.EVENTS: ("events",),
    Segment.Kind.CUSTOMERS: ("customers", "newest", "superseded"),
    Segment.Kind.SUMMARY: ("pairs", "early"),
}
"""The tables whose rows a segment counts."""
SORTED = 250_000
"""Events sorted at once: maps stay in memory while they are sorted, whatever the limit, and 2 million exceed 1 GB."""
NOTHING = "nothing"
"""A catalog with every table, all empty."""


def count_rows(cursor: Cursor, name: str, kind: str) -> int:
    """The rows of a segment of this kind in the catalog of that name."""
    counts = (f"(SELECT count(*) FROM {name}.{table})" for table in TABLES[Segment.Kind(kind)])
    [(rows,)] = cursor.execute(f"SELECT {' + '.join(counts)}").fetchall()
    return int(rows)


def fill_events(source: str) -> Fill:
    """A segment of events from what `source` (a FROM clause with the columns `layout.EVENTS`) has."""
    return partial(_fill_events, source)


def _fill_events(source: str, cursor: Cursor, name: str) -> None:
    cursor.execute(f"CREATE TABLE {name}.events AS SELECT * FROM {source} LIMIT 0")
    for part in _in_parts(source, cursor):
        cursor.execute(f"INSERT INTO {name}.events SELECT * FROM {source} WHERE {part} ORDER BY time, id")
    # Once everything here is received, whatever is not ahead of the last receipt is visible: that is summed up, and
    # only the few events still ahead of it have to be asked for their time.
    last = f"(SELECT max(received_at) FROM {name}.events)"
    cursor.execute(
        f"""CREATE TABLE {name}.pairs AS
            SELECT user_id, company_id, min(time) AS first_time, max(time) AS last_time,
                   min(received_at) AS first_received
            FROM {name}.events WHERE time <= {last} AND coalesce(user_id, company_id) IS NOT NULL
            GROUP BY user_id, company_id ORDER BY user_id, company_id"""
    )
    cursor.execute(
        f"""CREATE TABLE {name}.early AS
            SELECT user_id, company_id, time, received_at
            FROM {name}.events WHERE time > {last} AND coalesce(user_id, company_id) IS NOT NULL"""
    )


def _in_parts(source: str, cursor: Cursor) -> list[str]:
    """Conditions on the time that cut the events into stretches of about SORTED rows, oldest first."""
    [(rows,)] = cursor.execute(f"SELECT count(*) FROM {source}").fetchall()
    shares = [number * SORTED / rows for number in range(1, -(-rows // SORTED))]
    [(found,)] = cursor.execute(f"SELECT quantile_disc(time, {shares}) FROM {source}").fetchall() if shares else [([],)]
    borders = [f"TIMESTAMP '{border}'" for border in ("-infinity", *found, "infinity")]
    return [f"time >= {start} AND time < {end}" for start, end in pairwise(borders)]


def fill_customers(customers: str, versions: str) -> Fill:
    """A segment of customers from FROM clauses with the columns `layout.CUSTOMERS` and `layout.VERSIONS`."""
    return partial(_fill_customers, customers, versions)


def _fill_customers(customers: str, versions: str, cursor: Cursor, name: str) -> None:
    cursor.execute(f"CREATE TABLE {name}.customers AS SELECT DISTINCT * FROM {customers} ORDER BY kind, id")
    cursor.execute(
        f"""CREATE OR REPLACE TEMP TABLE ranked AS
            SELECT version, sealed,
                   row_number() OVER (
                       PARTITION BY customer ORDER BY received_at DESC, version DESC, sealed DESC) AS place,
                   row_number() OVER (PARTITION BY version ORDER BY sealed DESC) AS copy,
                   min(received_at) OVER (PARTITION BY customer) AS first_received
            FROM {versions}"""
    )
    chosen = f"FROM {versions} AS v JOIN ranked AS r ON v.version = r.version AND v.sealed = r.sealed"
    cursor.execute(
        f"""CREATE TABLE {name}.newest AS
            SELECT v.*, r.first_received {chosen} WHERE r.place = 1 ORDER BY v.kind, v.customer"""
    )
    cursor.execute(
        f"""CREATE TABLE {name}.superseded AS
            SELECT v.* {chosen} WHERE r.place > 1 AND r.copy = 1 ORDER BY v.kind, v.customer"""
    )
    cursor.execute("DROP TABLE ranked")


def fill_summary(pairs: str, early: str) -> Fill:
    """A summary of FROM clauses with the columns of `pairs` and of `early`."""
    return partial(_fill_summary, pairs, early)


def _fill_summary(pairs: str, early: str, cursor: Cursor, name: str) -> None:
    cursor.execute(
        f"""CREATE TABLE {name}.pairs AS
            SELECT user_id, company_id, min(first_time) AS first_time, max(last_time) AS last_time,
                   min(first_received) AS first_received
            FROM {pairs} GROUP BY user_id, company_id ORDER BY user_id, company_id"""
    )
    cursor.execute(f"CREATE TABLE {name}.early AS SELECT * FROM {early}")


def fill_given(fill: Fill, **tables: pa.Table) -> Fill:
    """The same with these Arrow tables in reach of its FROM clauses, by name."""

    def filled(cursor: Cursor, name: str) -> None:
        for given, table in tables.items():
            cursor.register(given, table)
        fill(cursor, name)

    return filled


def make_nothing(cursor: Cursor) -> None:
    """Make the catalog NOTHING."""
    cursor.execute(f"ATTACH ':memory:' AS {NOTHING}")
    fill_given(fill_events("none"), none=EVENTS.empty_table())(cursor, NOTHING)
    nobody = {"nobody": CUSTOMERS.empty_table(), "never": VERSIONS.empty_table()}
    fill_given(fill_customers("nobody", "never"), **nobody)(cursor, NOTHING)
