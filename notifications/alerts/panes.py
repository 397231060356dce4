"""Events summed up by the engine for many rules at once: by group, by pane, and by when they had arrived.

An event of a pane counts in the intervals that have this pane, from the first on whose end plus grace it had arrived
by: that is its `enter`. For most events it is the end of the pane; for one that was too late it lies beyond them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, reduce
from operator import or_

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from cohorts.criteria.aggregate import SCALARS
from cohorts.criteria.cells import Cell, instant
from cohorts.criteria.events import Events
from cohorts.criteria.ways import WHOLE, millionths
from cohorts.criteria.windows import TICK, Clock
from ingest.columns.interface import Snapshot, Span
from ingest.fields import Field, FieldType
from notifications.alerts.groups import Groups, divide, encode, group_columns, group_values, pick
from notifications.alerts.intervals import Grid
from notifications.alerts.metric import Figure, Metric, Share

Columns = dict[str, ir.Value]
SCALAR_NAMES = ("text", "number", "boolean")


@dataclass(frozen=True)
class Asked:
    """What one rule wants to know: its metric, how long late events are waited for, the first pane it looks at."""

    metric: Metric
    grace: timedelta
    first: int

    @property
    def figure(self) -> str:
        return self.metric.figure if isinstance(self.metric, Figure) else "share"


class Rows:
    """What the engine found: a row for each group, each lateness, and whatever else the table has.

    `enters` has, per grace, the first interval in which the events of a row count.
    """

    def __init__(self, table: pa.Table, groups: np.ndarray, enters: Mapping[timedelta, str]) -> None:
        self.table = table
        self.enters = {grace: table[name].to_numpy() for grace, name in enters.items()}
        self.groups = groups
        "The number of the group of each row."
        self._order = np.argsort(groups, kind="stable")
        self._columns: dict[str, np.ndarray] = {}

    def of(self, group: int) -> np.ndarray:
        """Where the rows of a group are."""
        start, end = np.searchsorted(self.groups, [group, group + 1], sorter=self._order)
        return self._order[start:end]

    def whole(self, name: str) -> np.ndarray:
        """A column of whole numbers, Python's own where they can be larger than those of arrays."""
        if name not in self._columns:
            self._columns[name] = _whole(self.table[name])
        return self._columns[name]

    def number(self, name: str) -> np.ndarray:
        """A column of numbers, with NaN for null."""
        if name not in self._columns:
            self._columns[name] = self.table[name].to_numpy()
        return self._columns[name]

    @cached_property
    def codes(self) -> np.ndarray:
        """A number for each row that tells its value from others, whatever their types."""
        names = [name for name in SCALAR_NAMES if name in self.table.column_names]
        return encode(self.table.select(names))


@dataclass(frozen=True)
class Reader:
    """Reads the events of a snapshot by the panes of a grid, and by groups, which get their numbers from `groups`."""

    snapshot: Snapshot
    grid: Grid
    groups: Groups

    def sums(self, asked: Sequence[Asked], last: int, among: Sequence[int] | None = None) -> Rows:
        """For each `pane` up to `last` what adds up. Of the rule at each place:

        `events_0`, the weight of its events (of the whole, for a share), and `part_0`; of numbers `sum_0` in
        millionths with `known_0`, the weight of what is in it, or `extreme_0` (null for none).
        """
        sheet = _Sheet(self, asked, min(one.first for one in asked), last)
        table = self._among(sheet.select(), among)
        figures: Columns = {}
        for place, one in enumerate(asked):
            figures |= sheet.sums(table, place, one)
        return self._rows(sheet, table, ["pane"], figures)

    def values(self, asked: Sequence[Asked], last: int, among: Sequence[int] | None = None) -> Rows:
        """For each `pane` up to `last` every value once of the field that is the same for all rules, in the column of
        its type (`text`, `number`, `boolean`), with the weight `events_0` of those events of the rule at each place
        that have it."""
        sheet = _Sheet(self, asked, min(one.first for one in asked), last)
        cell = Cell(self.snapshot, sheet.events, _field(asked[0]))
        scalars = _scalars(cell) if "distinct" in {one.figure for one in asked} else {"number": cell.number()}
        table = self._among(sheet.select(scalars), among)
        if "tags" in table.columns:
            table = table.mutate(text=table.tags.unnest()).drop("tags")
        names = [name for name in SCALAR_NAMES if name in table.columns]
        table = table.filter(reduce(or_, (table[name].notnull() for name in names)))
        weights = {f"events_{place}": sheet.weight(table, one) for place, one in enumerate(asked)}
        return self._rows(sheet, table, ["pane", *names], weights)

    def weights(self, asked: Sequence[Asked], trailing: int, first: int, last: int) -> Rows:
        """The columns `events_0` as `sums` has them, for the intervals from `first` to `last` if each had so many
        `trailing` panes: events count from their `enter`, at the earliest the first, up to their `leave`."""
        sheet = _Sheet(self, asked, first - trailing, last - 1, panes=trailing)
        table = sheet.select()
        longer = [replace(one, first=first - trailing) for one in asked]
        soonest = {name: ibis.greatest(table[name], first) for name in sheet.enters.values()}
        table = table.mutate(leave=ibis.least(table.pane + trailing, last), **soonest)
        weights = {f"events_{place}": sheet.weight(table, one) for place, one in enumerate(longer)}
        return self._rows(sheet, table, ["leave"], weights)

    def _among(self, table: ir.Table, among: Sequence[int] | None) -> ir.Table:
        return table if among is None else pick(table, [self.groups.raws[number] for number in among])

    def _rows(self, sheet: _Sheet, table: ir.Table, by: Sequence[str], figures: Columns) -> Rows:
        keys = [*group_columns(table), *sheet.enters.values(), *by]
        found = self.snapshot.rows(table.group_by(keys).aggregate(**figures))
        return Rows(found, self.groups.numbers(found), sheet.enters)


class _Sheet:
    """The events of some panes as a narrow table: `pane`, `weight`, a column for each grace, one for each choice of
    events, one for each field of numbers, and those of the groups."""

    def __init__(self, reader: Reader, asked: Sequence[Asked], first: int, last: int, panes: int | None = None) -> None:
        self.reader, self.first, self.last = reader, first, last
        grid, snapshot = reader.grid, reader.snapshot
        self.events = snapshot.all_events(Span(grid.border(first), grid.border(last + 1)))
        self.enters = {grace: f"enter_{place}" for place, grace in enumerate(sorted({one.grace for one in asked}))}
        self.matches: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        pane = self._place(self.events.time)
        self.columns: Columns = {"pane": pane, "weight": self.events.weight.cast("int64")}
        for grace, name in self.enters.items():
            late = self._place(self.events.received_at, grace + TICK)
            beyond = pane + (panes or grid.panes) + 1
            self.columns[name] = ibis.least(ibis.greatest(pane, late) + 1, beyond)
        for one in asked:
            for events in one.metric.asked:
                self._add_match(events)
            self._add_number(one)

    def select(self, others: Columns | None = None) -> ir.Table:
        """The rows that any rule asks for, in the groups they belong to."""
        snapshot, group_by = self.reader.snapshot, self.reader.groups.group_by
        groups = group_values(self.events, group_by, snapshot)
        table = self.events.select(**self.columns, **groups, **(others or {}))
        table = table.filter(reduce(or_, (table[name] for name in self.matches.values())))
        return divide(table, group_by, snapshot)

    def weight(self, table: ir.Table, one: Asked) -> ir.IntegerScalar:
        """The weight of the rule's events; of the whole, for a share."""
        return ibis.ifelse(self._is_in(table, one), table.weight, 0).sum()

    def sums(self, table: ir.Table, place: int, one: Asked) -> Columns:
        """What of the rule's events adds up."""
        found: Columns = {f"events_{place}": self.weight(table, one)}
        metric, is_in = one.metric, self._is_in(table, one)
        if isinstance(metric, Share):
            both = is_in & table[self.matches[repr(metric.part)]]
            return found | {f"part_{place}": ibis.ifelse(both, table.weight, 0).sum()}
        if one.figure in ("sum", "avg"):
            whole = ibis.ifelse(is_in, millionths(table[self.numbers[_field(one).name]]), None)
            zero = ibis.literal(0, type=WHOLE)
            found[f"sum_{place}"] = ibis.coalesce((whole * table.weight.cast(WHOLE)).sum().cast(WHOLE), zero)
            found[f"known_{place}"] = ibis.ifelse(whole.notnull(), table.weight, 0).sum()
        if one.figure in ("min", "max"):
            number = ibis.ifelse(is_in, table[self.numbers[_field(one).name]], None)
            found[f"extreme_{place}"] = number.min() if one.figure == "min" else number.max()
        return found

    def _is_in(self, table: ir.Table, one: Asked) -> ir.BooleanValue:
        return table[self.matches[repr(one.metric.asked[-1])]] & (table.pane >= one.first)

    def _add_match(self, events: Events) -> None:
        key = repr(events)  # not the events themselves: 1 == True
        if key not in self.matches:
            self.matches[key] = f"is_{len(self.matches)}"
            clock = Clock(self.reader.snapshot.at, self.reader.grid.zone)
            self.columns[self.matches[key]] = events.has(self.events, self.reader.snapshot, clock)

    def _add_number(self, one: Asked) -> None:
        if one.figure in ("sum", "avg", "min", "max"):
            name = self.numbers.setdefault(_field(one).name, f"number_{len(self.numbers)}")
            self.columns[name] = Cell(self.reader.snapshot, self.events, _field(one)).number()

    def _place(self, times: ir.TimestampColumn, later: timedelta = timedelta()) -> ir.IntegerColumn:
        """The pane of each time if borders were so much later, by its number; before or after all panes, whatever
        number lies before or after theirs."""
        grid = self.reader.grid
        if not grid.is_dated:
            since = times.delta(instant(grid.border(self.first) + later), unit="us")
            return since // (grid.step // TICK) + self.first
        borders = [(number, grid.border(number) + later) for number in range(self.first, self.last + 2)]
        return _search(times, borders, self.first - 1)


def _whole(column: pa.ChunkedArray) -> np.ndarray:
    try:
        numbers: np.ndarray = column.cast(pa.int64()).to_numpy()
        return numbers
    except pa.ArrowInvalid:
        return np.array([int(number) for number in column.to_pylist()], dtype=object)


def _search(times: ir.TimestampColumn, borders: Sequence[tuple[int, datetime]], before: int) -> ir.IntegerColumn:
    """The number of the last border at each time or before it, by halving; `before` where there is none."""
    if not borders:
        return ibis.literal(before)
    middle = len(borders) // 2
    number, at = borders[middle]
    lower = _search(times, borders[:middle], before)
    upper = _search(times, borders[middle + 1 :], number)
    return ibis.ifelse(times < instant(at), lower, upper)


def _field(one: Asked) -> Field:
    assert isinstance(one.metric, Figure)
    assert one.metric.field is not None
    return one.metric.field


def _scalars(cell: Cell) -> Columns:
    """The value by its type; the tags, where it is a list of them."""
    if cell.field.type == FieldType.TAGS:
        return {"tags": cell.tags()}
    return {name: read(cell) for name, read in SCALARS[cell.field.type].items()}
