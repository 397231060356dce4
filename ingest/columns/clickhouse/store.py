"""`store.Store` as partitions of ClickHouse tables.

There are no transactions: every attempt to write a segment takes a number of its own, and nobody reads it until the
list in the Django database names it. So a killed one, or two at the same time, cannot do harm: what they wrote is
a stray, and is dropped when it has been there for a while.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from ingest.columns.clickhouse import check
from ingest.columns.clickhouse.check import among
from ingest.columns.clickhouse.dialect import EPOCH, microseconds
from ingest.columns.clickhouse.server import Server
from ingest.columns.clickhouse.tables import TABLES, to_customers, to_events, to_versions
from ingest.columns.store import Written
from ingest.models import SealQueue, Segment


class Doubled(Exception):
    """More or fewer rows arrived than were sent. Nothing is published; the next sealing tries again."""


PORTION = 100_000
"""Keys handed out at a time."""
STRAY_AFTER = timedelta(hours=1)
"""What no list names may still be written, perhaps by another host: nothing takes as long as this."""


@dataclass(frozen=True)
class ClickHouseStore:
    """Writes to the server's tables; `directory` has the locks."""

    server: Server
    directory: Path
    sound: dict[str, str] = field(default_factory=dict)
    "Of segments the stamps with which their content was found sound."

    def write_events(self, events: pa.Table) -> Written:
        with self._writing() as (client, number):
            client.insert_arrow("events", to_events(events, number))
            return _expect(len(events), _finish_events(client, number))

    def write_customers(self, customers: pa.Table, versions: pa.Table) -> Written:
        with self._writing() as (client, number):
            if len(customers):
                client.insert_arrow("customers", to_customers(customers, number))
            if len(versions):
                client.insert_arrow("versions", to_versions(versions, number))
            return _expect(len(customers) + len(versions), _finish(client, Segment.Kind.CUSTOMERS, number))

    def merge(self, kind: Segment.Kind, sources: Sequence[Segment], without: Collection[int]) -> Written:
        with self._writing() as (client, number):
            check.check(client, sources, self.sound)
            if kind is Segment.Kind.EVENTS:
                _copy(client, "events", number, sources, _less("id", without))
                return _finish_events(client, number)
            _copy(client, "customers", number, sources, "LIMIT 1 BY id")
            # Of copies of a version the one that was sealed last is left.
            last_copy = "ORDER BY version, sealed DESC LIMIT 1 BY version"
            _copy(client, "versions", number, sources, f"{_less('version', without)} {last_copy}")
            return _finish(client, kind, number)

    def summarize(self, segments: Sequence[Segment], last: datetime) -> Written:
        with self._writing() as (client, number):
            check.check(client, segments, self.sound)
            seen = f"first_time <= {microseconds(last)}"
            client.command(
                f"""INSERT INTO pairs
                    SELECT {number}, user_id, company_id, min(first_time), max(last_time), min(first_received)
                    FROM pairs WHERE {among(segments)} AND {seen} GROUP BY user_id, company_id"""
            )
            _copy(client, "pairs", number, segments, f"AND NOT {seen}")
            return _finish(client, Segment.Kind.SUMMARY, number)

    def holding(self, kind: Segment.Kind, segments: Sequence[Segment], ids: Collection[int]) -> list[Segment]:
        table, column = ("events", "id") if kind is Segment.Kind.EVENTS else ("versions", "version")
        within = ", ".join(map(str, ids))
        with self.server.session() as client:
            sql = f"SELECT DISTINCT segment FROM {table} WHERE {among(segments)} AND {column} IN ({within})"
            found = {number for (number,) in client.query(sql).result_rows}
        return [segment for segment in segments if check.number_of(segment.file) in found]

    def delete(self, segments: Sequence[Segment]) -> None:
        if segments:
            with self.server.session() as client:
                _drop(client, [check.number_of(segment.file) for segment in segments])

    def delete_strays(self, named: Collection[str]) -> None:
        known = set(map(check.number_of, named))
        old = int(STRAY_AFTER.total_seconds())
        with self.server.session() as client:
            found = client.query(
                f"""SELECT DISTINCT toUInt64(partition) FROM system.parts
                    WHERE database = currentDatabase() AND active AND table IN ({", ".join(map(repr, TABLES))})
                    GROUP BY partition HAVING max(modification_time) <= now() - {old}"""
            )
            _drop(client, [number for (number,) in found.result_rows if number not in known])

    def check(self, segment: Segment) -> None:
        with self.server.session() as client:
            check.check(client, [segment], {})
            check.check_content(client, segment)

    def keys(self, segment: Segment, source: str) -> Iterator[list[int]]:
        with self.server.session() as client:
            check.check(client, [segment], self.sound)
            found = client.query_arrow(_KEYS[source].format(check.number_of(segment.file))).column(0)
        for start in range(0, len(found), PORTION):
            yield found.slice(start, PORTION).to_pylist()

    @contextmanager
    def _writing(self) -> Iterator[tuple[Client, int]]:
        """A session, and the number of a new segment."""
        with self.server.session(writing=True) as client:
            yield client, 1 + secrets.randbits(62)


def _finish_events(client: Client, number: int) -> Written:
    """Sum up who was seen when, by the last receipt; an event that was still ahead of it stands by itself."""
    of_segment = f"segment = {number} AND (user_id != 0 OR company_id != 0)"
    last = f"(SELECT max(received_at) FROM events WHERE segment = {number})"
    client.command(
        f"""INSERT INTO pairs
            SELECT segment, user_id, company_id, min(time), max(time), min(received_at)
            FROM events WHERE {of_segment} AND time <= {last} GROUP BY segment, user_id, company_id
            UNION ALL
            SELECT segment, user_id, company_id, time, time, received_at
            FROM events WHERE {of_segment} AND time > {last}"""
    )
    return _finish(client, Segment.Kind.EVENTS, number)


def _finish(client: Client, kind: Segment.Kind, number: int) -> Written:
    """What the list has to record of the segment with this number. Raises Doubled."""
    parts = check.parts_of(client, [number])
    for (table, _), each in parts.items():
        if each.count > 1:  # else the server would merge them later, and the content would be read again to be checked
            client.command(f"OPTIMIZE TABLE {table} PARTITION {number} FINAL")
    parts = check.parts_of(client, [number])
    [(doubled, *bounds)] = client.query(_BOUNDS[kind].format(number)).result_rows
    if doubled:
        raise Doubled(f"{doubled} rows of segment {number} are there twice: a request was repeated on its way")
    return Written(
        f"{kind}-{number}",
        sum(parts[table, number].rows for table in check.COUNTED[kind] if (table, number) in parts),
        sum(each.size for each in parts.values()),
        check.checksum_of(client, kind, number),
        check.stamp_of(kind, number, parts),
        *(None if each is None else (EPOCH + timedelta(microseconds=each)).replace(tzinfo=UTC) for each in bounds),
    )


_KEYS: dict[str, str] = {
    SealQueue.Source.EVENT: "SELECT id FROM events WHERE segment = {}",
    SealQueue.Source.CUSTOMER: "SELECT id FROM customers WHERE segment = {}",
    SealQueue.Source.VERSION: "SELECT version FROM versions WHERE segment = {}",
}
_BOUNDS = {
    Segment.Kind.EVENTS: """SELECT count() - uniqExact(id), minOrNull(time), maxOrNull(time), minOrNull(received_at),
        maxOrNull(received_at) FROM events WHERE segment = {0}""",
    Segment.Kind.CUSTOMERS: """SELECT count() - uniqExact(version, sealed), NULL, NULL, minOrNull(received_at),
        maxOrNull(received_at) FROM versions WHERE segment = {0}""",
    Segment.Kind.SUMMARY: "SELECT 0, NULL, NULL, NULL, NULL",
}


def _expect(rows: int, written: Written) -> Written:
    if written.rows != rows:
        raise Doubled(f"{written.file} has {written.rows} rows, not {rows}: a request was repeated or cut on its way")
    return written


def _copy(client: Client, table: str, number: int, sources: Sequence[Segment], rest: str = "") -> None:
    """Put rows of the sources into the segment with this number."""
    select = f"SELECT {number} AS segment, * EXCEPT (segment) FROM {table} WHERE {among(sources)}"
    client.command(f"INSERT INTO {table} {select} {rest}")


def _less(column: str, without: Collection[int]) -> str:
    return f"AND {column} NOT IN ({', '.join(map(str, without))})" if without else ""


def _drop(client: Client, numbers: Collection[int]) -> None:
    for table, number in check.parts_of(client, numbers):
        client.command(f"ALTER TABLE {table} DROP PARTITION {number}")
