"""Whether segments are what was written: by what the server says of their parts, and by content where those changed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from ingest.columns.interface import ColumnsDamaged
from ingest.models import Segment

TABLES_OF = {
    Segment.Kind.EVENTS: ("events", "pairs"),
    Segment.Kind.CUSTOMERS: ("versions", "customers"),
    Segment.Kind.SUMMARY: ("pairs",),
}
COUNTED = {
    Segment.Kind.EVENTS: ("events",),
    Segment.Kind.CUSTOMERS: ("versions", "customers"),
    Segment.Kind.SUMMARY: ("pairs",),
}
"""The tables whose rows a segment counts."""


class Missing(ColumnsDamaged):
    """Nothing of the segment is there: it is lost, or the list was read before a merge replaced it."""


@dataclass(frozen=True)
class Parts:
    """Of one partition the rows, the bytes, a digest of its files (a merge by the server changes it), and how many."""

    rows: int
    size: int
    digest: str
    count: int


def number_of(file: str) -> int:
    """The partition of a segment with this name; 0, which none has, of a segment that another engine wrote."""
    number = file.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def among(segments: Sequence[Segment]) -> str:
    """The condition that a row is in one of the segments."""
    return f"segment IN ({', '.join(str(number_of(each.file)) for each in segments)})" if segments else "false"


def parts_of(client: Client, numbers: Collection[int] | None = None) -> dict[tuple[str, int], Parts]:
    """By table and partition, what the server has; of all partitions, or of these."""
    asked = "" if numbers is None else f"AND partition IN ({', '.join(repr(str(each)) for each in numbers) or 'NULL'})"
    found = client.query(
        f"""SELECT table, toUInt64(partition), sum(rows), sum(bytes_on_disk),
                   hex(sipHash128(arraySort(groupArray(hash_of_all_files)))), count()
            FROM system.parts WHERE database = currentDatabase() AND active {asked}
            GROUP BY table, partition"""
    )
    return {(table, number): Parts(*values) for table, number, *values in found.result_rows}


def stamp_of(kind: str, number: int, parts: dict[tuple[str, int], Parts]) -> str:
    """What changes whenever a part of the segment does, and is cheap to read."""
    found = [parts.get((table, number)) for table in TABLES_OF[Segment.Kind(kind)]]
    text = "/".join(f"{each.rows}:{each.digest}" if each else "-" for each in found)
    return hashlib.sha256(text.encode()).hexdigest()


def checksum_of(client: Client, kind: str, number: int) -> str:
    """A digest of the content, in whatever order the rows stand."""
    sums = "SELECT '{0}' AS name, count() AS n, sum(cityHash64(tuple(*))) AS content FROM {0} WHERE segment = {1}"
    tables = TABLES_OF[Segment.Kind(kind)]
    found = client.query(" UNION ALL ".join(sums.format(table, number) for table in tables)).result_rows
    return hashlib.sha256(repr(sorted(map(tuple, found))).encode()).hexdigest()


def check(client: Client, segments: Sequence[Segment], sound: dict[str, str]) -> None:
    """Raise Missing or ColumnsDamaged unless all are as listed.

    Content is read only where the stamp is neither the one it was written with nor one found `sound` before.
    """
    numbers = [number_of(segment.file) for segment in segments]
    parts = parts_of(client, numbers)
    for segment, number in zip(segments, numbers, strict=True):
        rows = _count(segment, number, parts)
        if rows != segment.rows:
            raise ColumnsDamaged(f"{_describe(segment)} has {rows} rows, not {segment.rows}")
        stamp = stamp_of(segment.kind, number, parts)
        if stamp not in (segment.stamp, sound.get(segment.file)):
            check_content(client, segment)
            sound[segment.file] = stamp


def check_content(client: Client, segment: Segment) -> None:
    """Raise ColumnsDamaged unless the segment holds what was written."""
    if checksum_of(client, segment.kind, number_of(segment.file)) != segment.checksum:
        raise ColumnsDamaged(f"{_describe(segment)} does not have the content that was written")


def _count(segment: Segment, number: int, parts: dict[tuple[str, int], Parts]) -> int:
    kind = Segment.Kind(segment.kind)
    if not any((table, number) in parts for table in TABLES_OF[kind]) and segment.rows:
        raise Missing(f"{_describe(segment)} is missing")
    return sum(parts[table, number].rows for table in COUNTED[kind] if (table, number) in parts)


def _describe(segment: Segment) -> str:
    return f"segment {segment.pk} ({segment.file})"
