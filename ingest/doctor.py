"""What ought to be true of what came in: every row is in the columnar copy once or waits, and names what exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import Count, Exists, F, Model, OuterRef
from pyroaring import BitMap64

from ingest.arrivals import waiting
from ingest.columns import ColumnsDamaged, open_columns
from ingest.examination import Check, Examination, Finding, Severity
from ingest.models import Arrival, Customer, CustomerKind, CustomerVersion, Event, SealQueue, Segment

REBUILD = "Run manage.py rebuild_columns: it makes the copy again from the rows, while the site works."
READ = 5_000
"""Rows fetched at a time."""
SEALING_TAKES = timedelta(minutes=30)
"""A segment that was begun longer ago is not being written any more."""
Source = SealQueue.Source
ROWS: dict[str, tuple[type[Model], str, str]] = {
    Source.EVENT: (Event, "event", Source.ERASED_EVENT),
    Source.VERSION: (CustomerVersion, "statement about a customer", Source.ERASED_VERSION),
    Source.CUSTOMER: (Customer, "customer", ""),
}
"""Source -> the table, what a row of it is, and the source of those that were erased and have to leave the copy."""


def damaged_segments(examination: Examination) -> Iterator[Finding]:
    """Files that are missing, or not what was written."""
    for fault in open_columns().faults():
        yield Finding(f"The columnar copy is damaged: {fault}.", REBUILD)


def rows_not_sealed_once(examination: Examination) -> Iterator[Finding]:
    """Rows that evaluations miss, see twice, or still see though they are gone."""
    for source, (model, word, erased) in ROWS.items():
        rows, waiting = _keys(model.objects.all(), "pk", examination), _waiting(source)  # type: ignore[attr-defined]
        try:
            copied, twice = _copied(source, examination)
        except ColumnsDamaged as damage:
            yield Finding(f"The columnar copy cannot be read: {damage}.", REBUILD)
            return
        yield from _told(rows - waiting - copied, word, "neither in the columnar copy nor waiting for it")
        if source != Source.CUSTOMER:  # of a customer the copy may hold several rows
            yield from _told(twice, word, "in the columnar copy more than once")
            yield from _told(copied & waiting & rows, word, "in the columnar copy and waiting to get there again")
        yield from _told(copied - rows - _waiting(erased), word, "in the columnar copy without a row")


def _copied(source: str, examination: Examination) -> tuple[BitMap64, BitMap64]:
    """The keys that the copy holds, and those that it holds more than once. Raises ColumnsDamaged."""
    copied, twice = BitMap64(), BitMap64()
    for keys in open_columns().sealed_keys(source):
        portion = BitMap64(keys)
        twice |= portion & copied
        if len(portion) < len(keys):
            twice |= BitMap64(key for key, times in Counter(keys).items() if times > 1)
        copied |= portion
        examination.seen(len(keys))
    return copied, twice


def _keys(rows: Any, column: str, examination: Examination | None = None) -> BitMap64:
    keys = BitMap64()
    for key in rows.values_list(column, flat=True).order_by().iterator(READ):
        keys.add(key)
        if examination is not None:
            examination.seen(1)
    return keys


def _waiting(source: str) -> BitMap64:
    return _keys(SealQueue.objects.filter(source=source), "row")


def _told(keys: BitMap64, word: str, state: str) -> Iterator[Finding]:
    if keys:
        yield Finding(f"{len(keys)} rows are {state}; the first is {word} {keys.min()}.", REBUILD)


def faults_of_the_queue(examination: Examination) -> Iterator[Finding]:
    """Entries of the queue that point to nothing, stand twice, or were left behind."""
    drop = "Delete these entries of the seal queue, then run manage.py rebuild_columns."
    for source, (model, word, _) in ROWS.items():
        row = model.objects.filter(pk=OuterRef("row"))  # type: ignore[attr-defined]
        queued = SealQueue.objects.filter(source=source)
        for entry in queued.filter(~Exists(row)).order_by("pk")[:READ].iterator():
            yield Finding(f"Entry {entry.pk} of the seal queue names {word} {entry.row}, which does not exist.", drop)
        doubled = queued.order_by().values("row").annotate(times=Count("pk")).filter(times__gt=1)
        for entry_of in doubled.iterator():
            yield Finding(f"The seal queue names {word} {entry_of['row']} {entry_of['times']} times.", drop)
    for entry in SealQueue.objects.exclude(segment=None).exclude(segment__state=Segment.State.ASSIGNED)[:READ]:
        yield Finding(f"Entry {entry.pk} waits for segment {entry.segment_id}, which is already published.", drop)
    begun = Segment.objects.filter(state=Segment.State.ASSIGNED, created_at__lt=examination.now - SEALING_TAKES)
    for segment in begun:
        what = f"Sealing of segment {segment.pk} was begun at {segment.created_at:%Y-%m-%d %H:%M} UTC and not finished."
        yield Finding(what, "Start the worker, or run manage.py run_cycle: the next sealing finishes it.")


def broken_identities(examination: Examination) -> Iterator[Finding]:
    """Rows that name a customer of the wrong kind, or none."""
    mend = "Rows were changed by hand or restored in part: restore the database from a backup."
    users = Customer.objects.filter(pk=OuterRef("user_id"), kind=CustomerKind.USER)
    companies = Customer.objects.filter(pk=OuterRef("company_id"), kind=CustomerKind.COMPANY)
    strangers = (
        (Event.objects.filter(~Exists(users), user_id__isnull=False), "name a user that does not exist"),
        (Event.objects.filter(~Exists(companies), company_id__isnull=False), "name a company that does not exist"),
        (Customer.objects.filter(~Exists(companies), company_id__isnull=False), "belong to what is no company"),
        (Customer.objects.filter(company=F("pk")), "belong to themselves"),
        (CustomerVersion.objects.filter(~Exists(companies), company_id__isnull=False), "name what is no company"),
    )
    for rows, fault in strangers:
        if count := rows.count():
            plural = rows.model._meta.verbose_name_plural
            yield Finding(f"{count} {plural} {fault}; the first is {rows.order_by('pk')[0].pk}.", mend)


def unrecorded_arrivals(examination: Examination) -> Iterator[Finding]:
    """What was accepted and became no rows, for a reason nobody foresaw or because nobody records it."""
    for arrival in Arrival.objects.exclude(error="").defer("content").order_by("pk")[:READ].iterator():
        yield Finding(
            f"{arrival.items} items accepted at {arrival.received_at:%Y-%m-%d %H:%M} UTC could not be recorded: "
            f"{arrival.error}",
            "Nothing of them is lost. Report the error; once it is mended, try again under Arrivals in the admin.",
        )
    oldest = waiting().order_by("pk").values_list("received_at", flat=True).first()
    if oldest is not None and oldest < examination.now - SEALING_TAKES:
        yield Finding(
            f"What was accepted at {oldest:%Y-%m-%d %H:%M} UTC waits to be recorded.",
            "Start the worker: manage.py run_worker.",
            Severity.WARNING,
        )


def much_waits(examination: Examination) -> Iterator[Finding]:
    """A queue that grows because nobody seals."""
    queued = SealQueue.objects.count()
    sealed_at = Segment.objects.order_by(F("published_at").desc(nulls_last=True)).values_list("published_at").first()
    last = sealed_at[0] if sealed_at else None
    if queued and last is not None and last < examination.now - SEALING_TAKES:
        yield Finding(
            f"{queued} rows wait to be sealed, and the last sealing was at {last:%Y-%m-%d %H:%M} UTC.",
            "Start the worker: manage.py run_worker.",
            Severity.WARNING,
        )


CHECKS = (
    Check(
        "segments",
        "Every file of the columnar copy is there and holds what was written",
        damaged_segments,
        deep=True,
        at_one_instant=False,
    ),
    Check(
        "sealed",
        "Every event and every statement about a customer is in the columnar copy once, or waits",
        rows_not_sealed_once,
        deep=True,
    ),
    Check("arrivals", "What was accepted is recorded", unrecorded_arrivals),
    Check("queue", "What waits to be sealed exists, and waits once", faults_of_the_queue),
    Check("identities", "Events and profiles name customers that exist", broken_identities, deep=True),
    Check("sealing", "Sealing keeps up", much_waits),
)
