"""What an engine offers to those who write: sealing, merging and rebuilding know nothing else of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from ingest.models import Segment


@dataclass(frozen=True)
class Written:
    """A segment in its place, in the words of `Segment`. Times are bounds over the rows, inclusive, aware UTC."""

    file: str
    rows: int
    size: int
    checksum: str
    stamp: str
    min_time: datetime | None
    max_time: datetime | None
    min_received_at: datetime | None
    max_received_at: datetime | None

    def record(self) -> dict[str, Any]:
        return asdict(self)


class Store(Protocol):
    """Keeps segments. What it writes nobody reads until the list names it; a killed process leaves a stray."""

    @property
    def directory(self) -> Path:
        """Where the locks of those are who write."""

    def write_events(self, events: pa.Table) -> Written:
        """A segment of a table with the columns `layout.EVENTS`, which is not empty."""

    def write_customers(self, customers: pa.Table, versions: pa.Table) -> Written:
        """A segment of tables with the columns `layout.CUSTOMERS` and `layout.VERSIONS`, not both empty."""

    def merge(self, kind: Segment.Kind, sources: Sequence[Segment], without: Collection[int]) -> Written:
        """One segment from several, less the rows with the ids in `without` (events, or versions).

        Raises ColumnsDamaged when a source is not as listed.
        """

    def summarize(self, segments: Sequence[Segment], last: datetime) -> Written:
        """A segment of the kind SUMMARY over segments of events, of which the last was received at `last`."""

    def holding(self, kind: Segment.Kind, segments: Sequence[Segment], ids: Collection[int]) -> list[Segment]:
        """Those of the segments that hold a row with one of these ids (events, or versions)."""

    def delete(self, segments: Sequence[Segment]) -> None:
        """Delete the segments, as far as they are there."""

    def delete_strays(self, named: Collection[str]) -> None:
        """Delete whatever a killed process left: what is not among the names (`Segment.file`)."""

    def check(self, segment: Segment) -> None:
        """Raise ColumnsDamaged unless the segment holds what was written; reads all of it."""

    def keys(self, segment: Segment, source: str) -> Iterator[list[int]]:
        """The keys of the rows of a `SealQueue.Source` (event, version, customer) in the segment, some at a time."""
