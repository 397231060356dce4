"""Whether the copy is what the list says, and which rows are in it: for the doctor."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.columns.interface import ColumnsDamaged
from ingest.columns.store import Store
from ingest.models import SealQueue, Segment

KIND = {
    SealQueue.Source.EVENT: Segment.Kind.EVENTS,
    SealQueue.Source.CUSTOMER: Segment.Kind.CUSTOMERS,
    SealQueue.Source.VERSION: Segment.Kind.CUSTOMERS,
}
"""In which segments the rows of a source are."""


def find_faults(store: Store) -> Iterator[str]:
    """A sentence for each segment in the list that is missing or not what was written."""
    published = Segment.objects.filter(state=Segment.State.PUBLISHED)
    for segment in published.order_by("pk").iterator(100):
        try:
            store.check(segment)
        except ColumnsDamaged as damage:
            # It may have been merged into another since the list was read, and be gone for that reason.
            if published.filter(pk=segment.pk).exists():
                yield str(damage)


def sealed_keys(store: Store, source: str) -> Iterator[list[int]]:
    """The keys of the rows of a source that the copy holds, some at a time. Raises ColumnsDamaged."""
    kind = KIND[SealQueue.Source(source)]
    for segment in Segment.objects.filter(state=Segment.State.PUBLISHED, kind=kind).order_by("pk").iterator(100):
        yield from store.keys(segment, source)
