"""Write one segment: fill a new file, put it in its place, and say what the list has to record of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ingest.columns import files
from ingest.columns.engine import Engine
from ingest.columns.store import Written
from ingest.columns.tables import Fill, count_rows
from ingest.models import Segment


def write_segment(engine: Engine, kind: str, fill: Fill) -> Written:
    """Write a file of the kind. Until the list names it, nobody reads it; a killed process leaves a stray file."""
    name = f"{kind}-{uuid.uuid4().hex}"
    temporary, final = engine.directory / f"{name}.tmp", engine.directory / f"{name}{files.SUFFIX}"
    with engine.cursor() as cursor:
        cursor.execute(f"ATTACH '{temporary}' AS \"{name}\"")
        try:
            fill(cursor, f'"{name}"')
            rows = count_rows(cursor, f'"{name}"', kind)
            [bounds] = cursor.execute(_BOUNDS[Segment.Kind(kind)].format(f'"{name}"')).fetchall()
            cursor.execute(f'CHECKPOINT "{name}"')
        finally:
            cursor.execute(f'DETACH "{name}"')
    files.settle(temporary, final)
    return _describe(final, rows, bounds)


def _describe(path: Path, rows: int, bounds: Sequence[datetime | None]) -> Written:
    stat = path.stat()
    checksum = files.checksum_of(path)
    aware = [bound and bound.replace(tzinfo=UTC) for bound in bounds]
    return Written(path.name, rows, stat.st_size, checksum, files.stamp_of(stat), *aware)


_BOUNDS = {
    Segment.Kind.EVENTS: "SELECT min(time), max(time), min(received_at), max(received_at) FROM {0}.events",
    Segment.Kind.CUSTOMERS: "SELECT NULL, NULL, min(first_received), max(received_at) FROM {0}.newest",
    Segment.Kind.SUMMARY: "SELECT NULL, NULL, NULL, NULL",
}
