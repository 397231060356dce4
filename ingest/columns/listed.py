"""The list of segments, as readers see it."""

from __future__ import annotations

from ingest.columns.interface import ColumnsDamaged
from ingest.models import Customer, Event, SealQueue, Segment


def listed_segments() -> list[Segment]:
    """The published segments. Raises ColumnsDamaged when there are none, but rows that were sealed."""
    listed = list(Segment.objects.filter(state=Segment.State.PUBLISHED).order_by("pk"))
    kinds = {segment.kind for segment in listed}
    for kind, model, source in (
        (Segment.Kind.EVENTS, Event, SealQueue.Source.EVENT),
        (Segment.Kind.CUSTOMERS, Customer, SealQueue.Source.CUSTOMER),
    ):
        if kind not in kinds and model.objects.count() > SealQueue.objects.filter(source=source).count():
            raise ColumnsDamaged(f"the list names no segment of {kind}, but there are rows that were sealed")
    return listed
