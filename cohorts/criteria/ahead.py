"""What becomes of a leaf as time goes by and nothing more happens: when it turns, by the clock alone.

A leaf about events reads those of some customers once, the ones that are still to come included, and asks itself
again at each instant at which one of them can come into its window or fall out of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.calendars import first_instant
from cohorts.criteria.cells import instant
from cohorts.criteria.definition import Criteria
from cohorts.criteria.leaf import Leaf, View
from cohorts.criteria.steps import Steps, combine, trace
from cohorts.criteria.tree import AllOf, Just, Node, Not, inner_nodes
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import TICK, Absolute, Calendar, Clock, Window
from ingest.columns.interface import Snapshot, Span
from ingest.models import CustomerKind

MOST_ROWS = 100_000
"""Events read for one leaf beyond which nothing is foretold."""
MOST_WORK = 5_000_000
"""Events looked at, all instants together, by leaves that look at each event again every time."""
Row = dict[str, Any]
Foretold = Mapping[int, Steps]


class Unforeseeable(Exception):
    """When a leaf turns is not told; the message says why, as the end of a sentence."""


@dataclass(frozen=True)
class Ahead:
    """Some customers, as they are now and until an instant: `later` is the snapshot as of then."""

    view: View
    later: Snapshot
    ids: BitMap

    @property
    def now(self) -> datetime:
        return self.view.clock.at

    @property
    def until(self) -> datetime:
        return self.later.at

    def of(self, kind: CustomerKind, ids: BitMap) -> Ahead:
        """The same for other customers."""
        return replace(self, view=replace(self.view, kind=kind), ids=ids)

    def events(self, kind: CustomerKind, start: datetime | None, ids: BitMap) -> ir.Table:
        """The events of these customers from an instant on, that are known now; their own time may be yet to come."""
        if kind == CustomerKind.COMPANY and self.view.snapshot.users_of(ids) != self.later.users_of(ids):
            raise Unforeseeable("a user will belong to another company")
        rows = self.later.events(kind, Span(start, self.until + TICK))
        return rows.filter(rows.received_at <= instant(self.now)).semi_join(self.later.among(ids), "customer")

    def companies_of(self, users: BitMap) -> dict[int, int]:
        """`{user: company}`, where that stays so."""
        companies = self.view.snapshot.companies_of(users)
        if companies != self.later.companies_of(users):
            raise Unforeseeable("a user will belong to another company")
        return companies

    def days(self) -> Iterator[datetime]:
        """The first instants of the local days to come."""
        zone = self.view.clock.time_zone
        day, last = (at.astimezone(zone).date() for at in (self.now, self.until))
        while day <= last:
            yield first_instant(day, zone)
            day += timedelta(days=1)

    def trace(self, instants: Iterator[datetime | None], holds: Callable[[Clock], bool]) -> Steps:
        """The truth from now on; `instants` are those at which it can turn."""
        known = (each for each in instants if each is not None and self.now < each <= self.until)
        return trace(self.now, known, lambda at: holds(self.view.at(at)))


class Track:
    """The events of one customer that a leaf looks at, in the order of their times."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: row["time"])
        self.times: list[datetime] = [row["time"] for row in self.rows]
        self._sums: dict[str, list[int]] = {}

    def inside(self, span: Span) -> range:
        """The places of the events in the span."""
        begin = 0 if span.start is None else bisect_left(self.times, span.start)
        return range(begin, max(begin, bisect_left(self.times, span.end)))

    def total(self, name: str, places: range) -> int:
        """The sum of a column of whole numbers over these places."""
        if name not in self._sums:
            self._sums[name] = list(accumulate((row[name] for row in self.rows), initial=0))
        sums = self._sums[name]
        return sums[places.stop] - sums[places.start]


Holds = Callable[[Track, Clock], bool]


def foretell_events(
    ahead: Ahead, gaze: Gaze, window: Window, select: Callable[[ir.Table], ir.Table], holds: Holds, *, heavy: bool
) -> Foretold:
    """For a leaf whose answer follows from a customer's events: `holds` at the instants at which it can turn.

    `select` makes of the events what the tracks have: `customer`, `time` and more. `heavy`: `holds` goes through the
    events one by one.
    """
    if gaze.key is None:
        raise Unforeseeable("its conditions on events depend on the time at which they are asked")
    starts = [span.start for span in gaze.spans(ahead.view.clock)]
    start = None if None in starts else min(filter(None, starts))
    events = gaze.among(ahead.events(ahead.view.kind, start, ahead.ids), ahead.view)
    tracks = _read(ahead, select(events))
    borders = _borders(ahead, window)
    return {id_: _foretell(ahead, gaze, tracks.get(id_, Track([])), borders, holds, heavy) for id_ in ahead.ids}


def _read(ahead: Ahead, table: ir.Table) -> dict[int, Track]:
    found = ahead.later.rows(table.limit(MOST_ROWS + 1))
    if len(found) > MOST_ROWS:
        raise Unforeseeable("there are very many events")
    rows: dict[int, list[Row]] = {}
    for row in found.to_pylist():
        rows.setdefault(row["customer"], []).append(row | {"time": row["time"].replace(tzinfo=UTC)})
    return {id_: Track(each) for id_, each in rows.items()}


def _borders(ahead: Ahead, window: Window) -> list[datetime]:
    """The instants at which the window itself changes, whatever is in it."""
    if isinstance(window, Calendar):
        return list(ahead.days())
    return [window.before.instant] if isinstance(window, Absolute) and window.before else []


def _foretell(ahead: Ahead, gaze: Gaze, track: Track, borders: Sequence[datetime], holds: Holds, heavy: bool) -> Steps:
    instants = {at + age for at in track.times for age in gaze.ages} | set(borders)
    due = [each for each in instants if ahead.now < each <= ahead.until]
    if heavy and len(due) * len(track.rows) > MOST_WORK:
        raise Unforeseeable("there are very many events")
    return ahead.trace(iter(due), lambda clock: holds(track, clock))


# --- The whole definition


def foretell(criteria: Criteria, ahead: Ahead) -> tuple[dict[int, Steps], dict[str, Foretold]]:
    """Per customer when it matches the criteria from now on, and per path of a leaf when it matches that."""
    leaves = {path: leaf.foretell(ahead) for path, leaf in criteria.leaves.items()}
    return {id_: _fold(criteria.match, id_, leaves) for id_ in ahead.ids}, leaves


def _fold(node: Node[Leaf], id_: int, leaves: Mapping[str, Foretold]) -> Steps:
    if isinstance(node, Just):
        return leaves[node.leaf.path][id_]
    inner = [_fold(child, id_, leaves) for child in inner_nodes(node)]
    return inner[0].negated() if isinstance(node, Not) else combine(inner, all if isinstance(node, AllOf) else any)
