"""`aggregate`: one figure of a field over a customer's events, such as the average duration of its calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.cells import Cell
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.figures import PERCENTILES, passes
from cohorts.criteria.leaf import LeafKind, View
from cohorts.criteria.measured import Figures, MeasuredLeaf, Source, say_events
from cohorts.criteria.place import Place, quoted, read_choice, read_object, read_text
from cohorts.criteria.thresholds import Threshold, parse_threshold
from cohorts.criteria.turning import Gaze
from cohorts.criteria.ways import MILLION, WAYS, millionths, rank
from cohorts.criteria.windows import Clock, Window, event_span, parse_within
from cohorts.criteria.wording import say_number
from ingest.columns.interface import Measure, Span
from ingest.fields import Field, FieldType, UnknownField, event_field

KEYS = ("aggregate", "of", "by", "op", "value", "within")
REQUIRED = ("of", "by", "op", "value")
LABELS = {
    "avg": "average",
    "sum": "sum",
    "min": "lowest",
    "max": "highest",
    "distinct": "number of different values",
    "p50": "median",
    "p90": "90th percentile",
    "p95": "95th percentile",
    "p99": "99th percentile",
}
"The ways to come to a figure, in words that `of FIELD` follows."
ZERO_OF_NOTHING = ("sum", "distinct")


@dataclass(frozen=True)
class Aggregate(MeasuredLeaf):
    """The customers whose figure passes the threshold."""

    path: str
    events: Events
    name: str
    field: Field
    by: str
    threshold: Threshold
    window: Window

    @property
    def passes_empty(self) -> bool:
        return self.by in ZERO_OF_NOTHING and self.threshold.passed_by(0)

    def words(self) -> str:
        figure = f"{LABELS[self.by]} of {self.name} over {self.events.words()}"
        return f"{figure} is {self.threshold.words()} {self.window.words}"

    def measure(self, source: Source) -> ir.Table:
        reduce, finish = (self._different, self._count) if self.by == "distinct" else (self._reduce, self._finish)
        return source.measured(self._span(source), Measure(partial(reduce, source), finish, self.key))

    def figures(self, view: View, measured: ir.Table, ids: BitMap) -> dict[int, Figures]:
        if self.by not in PERCENTILES:
            return super().figures(view, measured, ids)
        source = Source(view, view.clock, among=ids)
        ranking = Measure(partial(self._values, source), partial(rank, PERCENTILES[self.by]), None)
        ranked = source.measured(self._span(source), ranking)
        return {row["customer"]: row for row in view.snapshot.rows(ranked).to_pylist()}

    def value(self, figures: Figures) -> float | None:
        if self.by == "avg" and figures:
            return round(float(Decimal(figures["figure"]) / MILLION / int(figures["weight"])), 6)
        if self.by == "sum":
            return float(Decimal(figures.get("figure", 0)) / MILLION)
        figure = figures.get("figure", 0 if self.by in ZERO_OF_NOTHING else None)
        return None if figure is None else float(figure)

    def say(self, figures: Figures, clock: Clock) -> str:
        value = self.value(figures)
        found = "none" if value is None else say_number(value)
        what = f"{LABELS[self.by]} of {self.name} over {say_events(self.events)}"
        return f"{what}: {found} {self.window.words} ({self.asked})"

    @property
    def asked(self) -> str:
        return self.threshold.words()

    @property
    def gaze(self) -> Gaze:
        return Gaze((self.events,), lambda clock: [event_span(self.window, clock)], self.window.ages)

    def foretell(self, ahead: Ahead) -> Foretold:
        def select(rows: ir.Table) -> ir.Table:
            columns = self._columns(Cell(ahead.later, rows, self.field))
            return rows.select("customer", "time", "weight", **columns)

        def holds(track: Track, clock: Clock) -> bool:
            places = track.inside(event_span(self.window, clock))
            return passes([track.rows[place] for place in places], self.by, self.threshold)

        return foretell_events(ahead, self.gaze, self.window, select, holds, heavy=True)

    def _columns(self, cell: Cell) -> dict[str, ir.Value]:
        if self.by == "distinct" and self.field.type == FieldType.TAGS:
            return {"tags": cell.tags()}
        if self.by == "distinct":
            return {name: read(cell) for name, read in SCALARS[self.field.type].items()}
        number = cell.number()
        if self.by not in ("sum", "avg"):
            return {"number": number}
        return {"millionths": millionths(number).cast("string")}

    def _span(self, source: Source) -> Span:
        return event_span(self.window, source.clock)

    def _values(self, source: Source, rows: ir.Table) -> ir.Table:
        """`customer, value, weight`: the numbers to measure."""
        rows = source.matching(rows, self.events)
        cell = Cell(source.view.snapshot, rows, self.field)
        values = rows.select("customer", "weight", value=cell.number())
        return values.filter(values.value.notnull())

    def _reduce(self, source: Source, rows: ir.Table) -> ir.Table:
        return WAYS[self.by].reduce(self._values(source, rows), self.threshold)

    def _finish(self, reduced: ir.Table) -> ir.Table:
        return WAYS[self.by].finish(reduced, self.threshold)

    def _different(self, source: Source, rows: ir.Table) -> ir.Table:
        """`customer`, and a column per type of scalar: each value once."""
        rows = source.matching(rows, self.events)
        cell = Cell(source.view.snapshot, rows, self.field)
        if self.field.type == FieldType.TAGS:
            values = rows.select("customer", text=cell.tags().unnest())
        else:
            values = rows.select("customer", **{name: read(cell) for name, read in SCALARS[self.field.type].items()})
        there = [values[name].notnull() for name in values.columns[1:]]
        return values.filter(ibis.or_(*there)).distinct()

    def _count(self, values: ir.Table) -> ir.Table:
        counted = [values[name].nunique() for name in values.columns if name != "customer"]
        counts = values.group_by("customer").aggregate(figure=sum(counted[1:], start=counted[0]))
        return counts.mutate(holds=self.threshold.holds(counts.figure))


def _zero_is_zero(cell: Cell) -> ir.NumericValue:
    return cell.number() + 0.0


SCALARS: dict[FieldType, dict[str, Callable[[Cell], ir.Value]]] = {
    FieldType.TEXT: {"text": Cell.text},
    FieldType.NUMBER: {"number": _zero_is_zero},
    FieldType.ANY: {"text": Cell.text, "number": _zero_is_zero, "boolean": Cell.boolean},
}
"The types of scalars that a field can hold; values of two types are never the same."


def parse(value: dict[str, Any], place: Place) -> Aggregate:
    """The leaf of an object with the key `aggregate`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS, REQUIRED)
    events = parse_events(value["aggregate"], place.key("aggregate"))
    by = read_choice(value["by"], place.key("by"), list(LABELS))
    name = read_text(value["of"], place.key("of"))
    return Aggregate(
        place.path,
        events,
        name,
        find_field(name, by, place.key("of")),
        by,
        parse_threshold(value["op"], value["value"], place.key("op"), place.key("value")),
        parse_within(value, place),
    )


def find_field(name: str, by: str, place: Place) -> Field:
    """The field of events that a figure is of. Raises CriteriaError where it has none that fits."""
    try:
        field = event_field(name)
    except UnknownField as error:
        raise place.fault(str(error)) from None
    if by != "distinct" and field.type not in (FieldType.NUMBER, FieldType.ANY):
        raise place.fault(f"expected a field that can hold numbers for {quoted([by])}")
    return field


KIND = LeafKind(
    parse=parse,
    label="Whose figure",
    icon="functions",
    form="aggregate",
    blank={
        "aggregate": {"type": "api_call"},
        "of": "duration_ms",
        "by": "avg",
        "op": ">",
        "value": "",
        "within": {"last": "7d"},
    },
)
