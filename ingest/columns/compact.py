"""Compact: merge small segments into larger ones, keep the summary of the large ones, take erased rows out.

Each step writes a new segment from old ones (never from rows) and replaces them in the list in one transaction. The
old ones stay for a while, for those who read an older list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from ingest.columns.store import Store, Written
from ingest.models import SealQueue, Segment

GRACE = timedelta(minutes=10)
"""How long a replaced segment stays."""
TOGETHER = 8
"""So many segments of similar size are merged into one."""
FULL = 2_500_000
"""A segment of events with this many rows is not merged any more; twice this is the most one gets."""
TINY = 1_000
"""Rows below which all segments are of similar size."""


class Overtaken(Exception):
    """The list changed meanwhile: what was written is of no use."""


def compact(store: Store, now: datetime) -> None:
    """Merge while anything is due, then sum up what is full."""
    for kind in (Segment.Kind.EVENTS, Segment.Kind.CUSTOMERS):
        while batch := _due(kind):
            merge(store, kind, batch, now)
    summarize(store, now)


def published(kind: str) -> QuerySet[Segment]:
    return Segment.objects.filter(state=Segment.State.PUBLISHED, kind=kind)


def _due(kind: Segment.Kind) -> list[Segment]:
    """The segments to merge next: enough of similar size, or a few that make a full one. Oldest first."""
    limit = 2 * FULL if kind is Segment.Kind.EVENTS else None
    sizes: dict[int, list[Segment]] = defaultdict(list)
    for segment in published(kind).order_by("min_time", "pk"):
        if limit is None or segment.rows < FULL:
            sizes[_size(segment)].append(segment)
    for _, alike in sorted(sizes.items()):
        batch = _batch(alike, limit)
        fills = limit is not None and sum(segment.rows for segment in batch) >= FULL
        if len(batch) > 1 and (len(alike) >= TOGETHER or fills):
            return batch
    return []


def _size(segment: Segment) -> int:
    """How often TOGETHER times TINY rows fit: segments with the same number are of similar size."""
    size, rows = 0, segment.rows // TINY
    while rows:
        size, rows = size + 1, rows // TOGETHER
    return size


def _batch(alike: Sequence[Segment], limit: int | None) -> list[Segment]:
    if limit is None:
        return list(alike)
    batch: list[Segment] = []
    for segment in alike:
        if len(batch) > 1 and sum(each.rows for each in batch) + segment.rows > limit:
            break
        batch.append(segment)
    return batch


def merge(
    store: Store, kind: str, sources: Sequence[Segment], now: datetime, without: Sequence[int] = ()
) -> Segment | None:
    """One segment in place of the sources, less the rows with the ids in `without` (events, or versions).

    Returns none if nothing is left of them. Raises Overtaken when the list changed meanwhile.
    """
    written = store.merge(Segment.Kind(kind), sources, without)
    level = max(source.level for source in sources) + 1
    return replace(sources, kind, written if written.rows else None, now, level=level)


@transaction.atomic
def replace(
    sources: Sequence[Segment], kind: str, written: Written | None, now: datetime, **fields: object
) -> Segment | None:
    """In the list, put what was written in place of the sources. Raises Overtaken when one is no longer in it."""
    summaries = {source.summary_id for source in sources if source.summary_id is not None}
    stale = Segment.objects.filter(pk__in=summaries)
    keys = [source.pk for source in sources]
    listed = Segment.objects.filter(pk__in=keys, state=Segment.State.PUBLISHED)
    if listed.update(state=Segment.State.REPLACED, replaced_at=now) != len(keys):
        raise Overtaken
    Segment.objects.filter(summary__in=summaries).update(summary=None)
    stale.update(state=Segment.State.REPLACED, replaced_at=now)
    if written is None:
        return None
    state = Segment.State.PUBLISHED
    values = written.record() | fields
    return Segment.objects.create(kind=kind, state=state, created_at=now, published_at=now, **values)


def summarize(store: Store, now: datetime) -> None:
    """One summary over all full segments, so that no cycle reads what is older than its windows."""
    full = list(published(Segment.Kind.EVENTS).filter(rows__gte=FULL))
    if all(segment.summary_id for segment in full):
        return
    last = max(segment.max_received_at for segment in full if segment.max_received_at)
    written = store.summarize(full, last)
    with transaction.atomic():
        old = list(published(Segment.Kind.SUMMARY))
        summary = replace(old, Segment.Kind.SUMMARY, written, now, max_received_at=last)
        listed = published(Segment.Kind.EVENTS).filter(pk__in=[segment.pk for segment in full])
        if listed.update(summary=summary) != len(full):
            raise Overtaken


def take_out_erased(store: Store, now: datetime) -> None:
    """Write the segments that hold erased rows again without them."""
    _take_out(store, Segment.Kind.EVENTS, SealQueue.Source.ERASED_EVENT, now)
    _take_out(store, Segment.Kind.CUSTOMERS, SealQueue.Source.ERASED_VERSION, now)


def _take_out(store: Store, kind: Segment.Kind, source: str, now: datetime) -> None:
    queued = list(SealQueue.objects.filter(source=source).values_list("pk", "row"))
    if not queued:
        return
    ids = sorted({row for _, row in queued})
    for segment in store.holding(kind, list(published(kind)), ids):
        merge(store, kind, [segment], now, without=ids)
    SealQueue.objects.filter(pk__in=[key for key, _ in queued]).delete()


def sweep(store: Store, now: datetime) -> None:
    """Delete what was replaced, after the grace period, and what no list ever named. Needs both locks."""
    old = list(Segment.objects.filter(state=Segment.State.REPLACED, replaced_at__lte=now - GRACE))
    store.delete(old)
    Segment.objects.filter(pk__in=[segment.pk for segment in old]).delete()
    store.delete_strays(set(Segment.objects.values_list("file", flat=True)))
