"""Compact: merge small segments into larger ones, keep the summary of the large ones, take erased rows out.

Each step writes a new file from old ones (never from rows) and replaces them in the list in one transaction. The old
files stay for a while, for those who read an older list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from ingest.columns import files
from ingest.columns.engine import Engine, catalog
from ingest.columns.segments import Written, write_segment
from ingest.columns.tables import Fill, fill_customers, fill_events, fill_summary
from ingest.models import SealQueue, Segment

GRACE = timedelta(minutes=10)
"""How long a replaced file stays."""
TOGETHER = 8
"""So many segments of similar size are merged into one."""
FULL = 2_500_000
"""A segment of events with this many rows is not merged any more; twice this is the most one gets."""
TINY = 1_000
"""Rows below which all segments are of similar size."""


class Overtaken(Exception):
    """The list changed meanwhile: what was written is of no use."""


def compact(engine: Engine, now: datetime) -> None:
    """Merge while anything is due, then sum up what is full."""
    for kind in (Segment.Kind.EVENTS, Segment.Kind.CUSTOMERS):
        while batch := _due(kind):
            merge(engine, kind, batch, now)
    summarize(engine, now)


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
    engine: Engine, kind: str, sources: Sequence[Segment], now: datetime, without: Sequence[int] = ()
) -> Segment | None:
    """One segment in place of the sources, less the rows with the ids in `without` (events, or versions).

    Returns none if nothing is left of them. Raises Overtaken when the list changed meanwhile.
    """
    with engine.attached(sources):
        written = write_segment(engine, kind, _FILLS[Segment.Kind(kind)](sources, without))
    level = max(source.level for source in sources) + 1
    return replace(sources, kind, written if written.rows else None, now, level=level)


def _union(sources: Sequence[Segment], select: str) -> str:
    return "(" + " UNION ALL ".join(select.format(catalog(source)) for source in sources) + ")"


def _less(column: str, without: Sequence[int]) -> str:
    return f" WHERE {column} NOT IN ({', '.join(map(str, without))})" if without else ""


def _merged_events(sources: Sequence[Segment], without: Sequence[int]) -> Fill:
    return fill_events(_union(sources, "SELECT * FROM {0}.events" + _less("id", without)))


def _merged_customers(sources: Sequence[Segment], without: Sequence[int]) -> Fill:
    less = _less("version", without)
    versions = "SELECT * EXCLUDE (first_received) FROM {0}.newest" + less
    return fill_customers(
        customers=_union(sources, "SELECT * FROM {0}.customers"),
        versions=_union(sources, f"{versions} UNION ALL SELECT * FROM {{0}}.superseded{less}"),
    )


_FILLS: dict[Segment.Kind, Callable[[Sequence[Segment], Sequence[int]], Fill]] = {
    Segment.Kind.EVENTS: _merged_events,
    Segment.Kind.CUSTOMERS: _merged_customers,
}


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


def summarize(engine: Engine, now: datetime) -> None:
    """One summary over all full segments, so that no cycle reads what is older than its windows."""
    full = list(published(Segment.Kind.EVENTS).filter(rows__gte=FULL))
    if all(segment.summary_id for segment in full):
        return
    last = max(segment.max_received_at for segment in full if segment.max_received_at)
    visible = f"time <= TIMESTAMP '{last:%Y-%m-%d %H:%M:%S.%f}'"
    early = "SELECT user_id, company_id, {} FROM {{0}}.early WHERE {}"
    pairs = "SELECT * FROM {0}.pairs UNION ALL " + early.format("time, time, received_at", visible)
    fill = fill_summary(_union(full, pairs), _union(full, early.format("time, received_at", "NOT " + visible)))
    with engine.attached(full):
        written = write_segment(engine, Segment.Kind.SUMMARY, fill)
    with transaction.atomic():
        old = list(published(Segment.Kind.SUMMARY))
        summary = replace(old, Segment.Kind.SUMMARY, written, now, max_received_at=last)
        listed = published(Segment.Kind.EVENTS).filter(pk__in=[segment.pk for segment in full])
        if listed.update(summary=summary) != len(full):
            raise Overtaken


def take_out_erased(engine: Engine, now: datetime) -> None:
    """Write the segments that hold erased rows again without them."""
    _take_out(engine, Segment.Kind.EVENTS, SealQueue.Source.ERASED_EVENT, now)
    _take_out(engine, Segment.Kind.CUSTOMERS, SealQueue.Source.ERASED_VERSION, now)


def _take_out(engine: Engine, kind: Segment.Kind, source: str, now: datetime) -> None:
    queued = list(SealQueue.objects.filter(source=source).values_list("pk", "row"))
    if not queued:
        return
    ids = sorted({row for _, row in queued})
    segments = list(published(kind))
    with engine.attached(segments):
        holding = [segment for segment in segments if _holds(engine, segment, ids)]
    for segment in holding:
        merge(engine, kind, [segment], now, without=ids)
    SealQueue.objects.filter(pk__in=[key for key, _ in queued]).delete()


def _holds(engine: Engine, segment: Segment, ids: Sequence[int]) -> bool:
    tables = {Segment.Kind.EVENTS: [("events", "id")]}.get(
        Segment.Kind(segment.kind), [("newest", "version"), ("superseded", "version")]
    )
    within = f"({', '.join(map(str, ids))})"
    with engine.cursor() as cursor:
        return any(
            cursor.execute(f"SELECT 1 FROM {catalog(segment)}.{table} WHERE {column} IN {within} LIMIT 1").fetchone()
            for table, column in tables
        )


def sweep(engine: Engine, now: datetime) -> None:
    """Delete replaced files after the grace period, and files that no list ever named. Needs both locks."""
    old = Segment.objects.filter(state=Segment.State.REPLACED, replaced_at__lte=now - GRACE)
    for segment in old:
        files.path_of(engine.directory, segment).unlink(missing_ok=True)
    old.filter(pk__in=[segment.pk for segment in old]).delete()
    named = set(Segment.objects.values_list("file", flat=True))
    for path in engine.directory.iterdir():
        if path.is_file() and path.suffix in (files.SUFFIX, ".tmp", ".wal") and path.name not in named:
            path.unlink(missing_ok=True)
