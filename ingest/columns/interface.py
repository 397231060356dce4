"""What the columnar copy offers to everything above it. Which engine runs is known only inside this package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns.weights import Weights
from ingest.fields import Field, FieldType
from ingest.models import CustomerKind


class ColumnsDamaged(Exception):
    """A segment is missing or differs from the list: nothing may be evaluated until the copy is rebuilt."""


@dataclass(frozen=True)
class Span:
    """A half-open stretch of time: `start <= t < end`, aware UTC instants; no start means from the beginning."""

    start: datetime | None
    end: datetime


def without(span: Span, other: Span) -> list[Span]:
    """The parts of a span that lie outside another: none, one or two."""
    before_other = other.start is not None and (span.start is None or span.start < other.start)
    parts = []
    if before_other:
        assert other.start is not None
        parts.append(Span(span.start, min(span.end, other.start)))
    if span.end > other.end:
        parts.append(Span(other.end if span.start is None else max(span.start, other.end), span.end))
    return [part for part in parts if part.start is None or part.start < part.end]


def instant(at: datetime) -> ir.TimestampScalar:
    """The instant as a value to compare the times of tables with: those are UTC without a zone."""
    return ibis.literal(at.astimezone(UTC).replace(tzinfo=None), "timestamp(6)")


NAMED = ("id", "time", "type", "action_name", "verb", "route", "uri", "status", "transaction_id")
"""What is told of single events."""


@dataclass(frozen=True)
class Newest:
    """Of each of some customers the newest few of its events in some spans; with `first` the earliest ones.

    With `since` only those that were not yet visible then, with `then` only those that were.
    """

    kind: CustomerKind
    ids: BitMap
    spans: Sequence[Span]
    most: int
    first: bool = False
    since: datetime | None = None
    then: datetime | None = None


@dataclass(frozen=True)
class Sealed:
    """What one pass of sealing moved into the copy."""

    events: int
    versions: int


class Weighing(Protocol):
    """How much chosen events of each customer weigh; for a company also those of its users that name none."""

    def within(self, kind: CustomerKind, span: Span) -> Weights:
        """The visible events in the span."""

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        """Those of `within` that were not yet visible at `since`; reads recent segments only."""

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        """The events in the spans that were visible at `then`, an earlier instant."""


@dataclass(frozen=True)
class Measure:
    """What to find out about each customer's events, in two steps, so that an engine can keep the first for events
    that never change and the second for customers who did nothing since.

    `reduce` makes of a table as `Snapshot.events` one with the column `customer` and whatever `finish` needs, any
    number of rows for each; `finish` makes of that one row per customer, from this customer's rows alone. However the
    events are divided, `finish` must give the same of the parts, each reduced by itself, as of all reduced together:
    sums are added up, minima and different values taken again. `key` says all there is to say about both steps; None
    where one of them depends on the clock.
    """

    reduce: Callable[[ir.Table], ir.Table]
    finish: Callable[[ir.Table], ir.Table]
    key: str | None

    def of(self, events: ir.Table) -> ir.Table:
        """Both steps at once, all that an engine without anything to keep needs."""
        return self.finish(self.reduce(events))


@dataclass(frozen=True)
class FieldSeen:
    """A field that rows were found to have: how many, by the type of the value."""

    path: str
    rows: Mapping[FieldType, int]

    @property
    def type(self) -> FieldType:
        """The type that most of them have."""
        return max(self.rows, key=lambda type_: self.rows[type_], default=FieldType.TEXT)


@dataclass(frozen=True)
class ValueSeen:
    """A value that rows were found to have, and how many."""

    value: str | float | bool
    rows: int


class Snapshot(Protocol):
    """What was visible at one instant: events with `time` and `received_at` at or before it, profiles received by then.

    Tables are Ibis expressions on one connection and die with the snapshot. `customer` is always a customer id
    (`Customer.pk`, 32 bits). Times are UTC without a zone: compare them with `instant(...)`, never with an aware
    literal. No column that a caller compares is null unless it says so.
    """

    at: datetime

    def events(self, kind: CustomerKind, span: Span) -> ir.Table:
        """Visible events in the span, one row for each that belongs to a customer of the kind.

        Columns: `id, customer, time, received_at, weight`, and what `value` and `exists` read.
        """

    def all_events(self, span: Span) -> ir.Table:
        """Every visible event in the span once, whoever it belongs to: the columns of `events`, and in place of
        `customer` the `user_id` and `company_id` that it names (null for none)."""

    def weigh(self, chosen: Callable[[ir.Table], ir.Table], key: str | None) -> Weighing:
        """Weigh the rows that `chosen` leaves of a table with the columns of `all_events`.

        `key` says all there is to say about the choice, so that what was found is used again in later snapshots;
        None where the choice depends on the clock.
        """

    def newest(
        self, chosen: Callable[[ir.Table], ir.Table], key: str | None, asked: Newest
    ) -> Sequence[Mapping[str, Any]]:
        """The events asked for, of those that `chosen` leaves, in their order: `customer` and NAMED of each.

        `chosen` and `key` as for `weigh`.
        """

    def measured(
        self,
        kind: CustomerKind,
        span: Span,
        measure: Measure,
        *,
        seen_at: datetime | None = None,
        among: BitMap | None = None,
    ) -> ir.Table:
        """What `measure` makes of the events of `events(kind, span)`, computed once.

        `seen_at`, an earlier instant, leaves only what was visible then, `among` only these customers.
        """

    def profiles(self, kind: CustomerKind) -> ir.Table:
        """One row per existing customer of the kind: `customer, external_id, held_from` (null: known by events only),
        and what `value` and `exists` read. Erased customers are left out."""

    def of_profiles(
        self, kind: CustomerKind, ids: BitMap, field: Field, select: Callable[[ir.Table], ir.Table], key: str | None
    ) -> pa.Table:
        """What `select` makes of the profiles of these customers; no others are read.

        It is given a row for each of them, perhaps without those that lack the field, and reads no other field.
        `key` as for `weigh`, of what is selected.
        """

    def passing(
        self, kind: CustomerKind, field: Field, test: Callable[[ir.Table], ir.BooleanValue], key: str | None
    ) -> BitMap:
        """The customers of the kind for whom `test`, of a table as `profiles`, is true.

        It reads this field only, and is false where that is not there. `key` as for `weigh`.
        """

    def activity(self, kind: CustomerKind, among: BitMap | None = None) -> ir.Table:
        """One row per existing customer of the kind: `customer, first_seen_time, last_seen_time` (null without
        events), `created`; with `among` of these only."""

    def new_activity(self, kind: CustomerKind, since: datetime) -> ir.Table:
        """Per customer with newly visible events since then: `customer, first_new, last_new` (times of events)."""

    def users_of(self, companies: BitMap) -> BitMap:
        """The users who belong to one of the companies."""

    def companies_of(self, users: BitMap) -> dict[int, int]:
        """`{user: company}` of those of the users that belong to one."""

    def companies(self) -> ir.Table:
        """`user, company`: the company each user belongs to; users without one are left out."""

    def changed_profiles(self, kind: CustomerKind, since: datetime) -> BitMap:
        """Customers of whom something was said after `since` (and by the instant); for a user also of its company."""

    def erased_since(self, kind: CustomerKind, since: datetime) -> BitMap:
        """Customers who lost events to an erasure after `since`."""

    def universe(self, kind: CustomerKind) -> BitMap:
        """Every customer of the kind that exists at the instant (`criteria-rules` 1), without erased ones."""

    def value(self, table: ir.Table, field: Field, as_type: FieldType) -> ir.Value:
        """The field's value where it has that type, else null. TAGS and other lists have no single value."""

    def tags(self, table: ir.Table) -> ir.ArrayValue:
        """The tags of events; an empty list where there are none."""

    def exists(self, table: ir.Table, field: Field) -> ir.BooleanValue:
        """Whether the field is there with any type, objects and arrays included; never null."""

    def fields_seen(self, kind: CustomerKind | None) -> Sequence[FieldSeen]:
        """The fields by path (`metadata.plan`) that some of the newest events have, or of a kind of customer some
        customers; most frequent first. Fields with a column of their own are not among them."""

    def values_seen(self, kind: CustomerKind | None, field: Field, containing: str = "") -> Sequence[ValueSeen]:
        """Values of the field in the newest events, or of some customers of a kind, most frequent first: at most a
        hundred, that contain the text. Of a field of times there are none to count."""

    def keep(self, table: ir.Table) -> ir.Table:
        """The table computed once, for several uses within this snapshot."""

    def among(self, ids: BitMap) -> ir.Table:
        """A table with one column `customer` of these ids, to restrict others by a semi-join."""

    def ids(self, table: ir.Table) -> BitMap:
        """The values of the column `customer`, executed."""

    def holding(self, table: ir.Table, *, holds: bool = True) -> BitMap:
        """The values of the column `customer` in the rows whose column `holds` is so."""

    def rows(self, table: ir.Table, among: BitMap | None = None) -> pa.Table:
        """The table, executed; with `among` the rows of these customers only."""


class Columns(Protocol):
    """The columnar copy: fed by sealing, read through snapshots, a cache that can always be made again."""

    def seal(self, now: datetime) -> Sealed:
        """Move every waiting row into the copy, each exactly once; finishes what a killed process began."""

    def snapshot(self, at: datetime, *, keep: bool = False) -> AbstractContextManager[Snapshot]:
        """Open what was visible at the instant. Raises ColumnsDamaged when the copy cannot be trusted.

        `keep` what is found about old segments for later snapshots: worth its price for what is asked again and
        again, as the criteria of saved cohorts are.
        """

    def replay(self, instants: Sequence[datetime]) -> AbstractContextManager[Iterator[Snapshot]]:
        """What was visible at each of many ascending instants, one snapshot after the other, each good until the
        next is asked for. The same answers as `snapshot`, found with less work. Raises ColumnsDamaged."""

    def rebuild(self, now: datetime) -> Iterable[tuple[int, int]]:
        """Make the copy again from the rows; yields (rows done, rows in all). Readers use the old one until the end."""

    def faults(self) -> Iterable[str]:
        """What of the copy is missing or not what was written, a sentence each; reads all of it."""

    def sealed_keys(self, source: str) -> Iterable[Sequence[int]]:
        """The keys of the rows of a `SealQueue.Source` (event, version, customer) in the copy, some at a time."""
