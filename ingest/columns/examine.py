"""Whether the copy is what the list says, and which rows are in it: for the doctor."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.columns import files
from ingest.columns.engine import Engine, catalog
from ingest.columns.interface import ColumnsDamaged
from ingest.models import SealQueue, Segment

PORTION = 100_000
"""Keys handed out at a time."""
_TABLES: dict[str, tuple[Segment.Kind, str]] = {
    SealQueue.Source.EVENT: (Segment.Kind.EVENTS, "SELECT id FROM {0}.events"),
    SealQueue.Source.CUSTOMER: (Segment.Kind.CUSTOMERS, "SELECT id FROM {0}.customers"),
    SealQueue.Source.VERSION: (
        Segment.Kind.CUSTOMERS,
        "SELECT version FROM {0}.newest UNION ALL SELECT version FROM {0}.superseded",
    ),
}


def find_faults(directory: Path, engine: Engine) -> Iterator[str]:
    """A sentence for each segment in the list that is missing or not what was written; reads all of every file."""
    for segment in Segment.objects.filter(state=Segment.State.PUBLISHED).order_by("pk").iterator(100):
        try:
            files.check_content(directory, segment)
            with engine.attached([segment]):
                pass
        except ColumnsDamaged as damage:
            # It may have been merged into another since the list was read, and be gone for that reason.
            if Segment.objects.filter(pk=segment.pk, state=Segment.State.PUBLISHED).exists():
                yield str(damage)


def sealed_keys(engine: Engine, source: str) -> Iterator[list[int]]:
    """The keys of the rows of a source that the copy holds, some at a time."""
    kind, select = _TABLES[source]
    for segment in Segment.objects.filter(state=Segment.State.PUBLISHED, kind=kind).order_by("pk"):
        with engine.attached([segment]), engine.cursor() as cursor:
            rows: Any = cursor.execute(select.format(catalog(segment)))
            while portion := rows.fetchmany(PORTION):
                yield [key for (key,) in portion]
