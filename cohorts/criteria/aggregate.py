"""`aggregate`: one figure of a field over a customer's events, such as the average duration of its calls.

Exact on every engine: sums are of whole millionths, the average compares the sum with the threshold times the weight,
and percentiles are decided by counting on which side of the threshold the values lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.cells import Cell
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import LeafKind, View
from cohorts.criteria.measured import Figures, MeasuredLeaf, Source, say_events
from cohorts.criteria.place import Place, quoted, read_choice, read_object, read_text
from cohorts.criteria.thresholds import Threshold, parse_threshold
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import Clock, Window, event_span, parse_within
from cohorts.criteria.wording import say_number
from ingest.fields import Field, FieldType, UnknownField, event_field

KEYS = ("aggregate", "of", "by", "op", "value", "within")
REQUIRED = ("of", "by", "op", "value")
PERCENTILES = {"p50": 50, "p90": 90, "p95": 95, "p99": 99}
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

MILLION = 10**6
LARGEST = 1e18
"Numbers beyond it, either way, have no part in sums and averages."
WHOLE = "decimal(38, 0)"
LARGEST_WHOLE = Decimal(10) ** 37
MOST_DECIMALS = 9
"Of a threshold for an average, beyond those of a millionth."


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
        if self.by == "distinct":
            return self._measure_distinct(source)
        return MEASURES[self.by](self._values(source), self.threshold)

    def figures(self, view: View, measured: ir.Table, ids: BitMap) -> dict[int, Figures]:
        if self.by not in PERCENTILES:
            return super().figures(view, measured, ids)
        among = Source(view, view.clock, among=view.snapshot.among(ids))
        ranked = _percentile_values(self._values(among), PERCENTILES[self.by])
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
        return Gaze((self.events,), lambda clock: [event_span(self.window, clock)])

    def _cell(self, source: Source, rows: ir.Table) -> Cell:
        return Cell(source.view.snapshot, rows, self.field)

    def _values(self, source: Source) -> ir.Table:
        """`customer, value, weight`: the numbers to measure."""
        rows = source.matching(self.events, event_span(self.window, source.clock))
        values = rows.select("customer", "weight", value=self._cell(source, rows).number())
        return values.filter(values.value.notnull())

    def _measure_distinct(self, source: Source) -> ir.Table:
        rows = source.matching(self.events, event_span(self.window, source.clock))
        cell = self._cell(source, rows)
        if self.field.type == FieldType.TAGS:
            rows = rows.select("customer", value=cell.tags().unnest())
            counted = [rows.value.nunique()]
        else:
            rows = rows.select("customer", **{name: read(cell) for name, read in SCALARS[self.field.type].items()})
            counted = [rows[name].nunique() for name in SCALARS[self.field.type]]
        counts = rows.group_by("customer").aggregate(figure=sum(counted[1:], start=counted[0]))
        return counts.mutate(holds=self.threshold.holds(counts.figure))


def _zero_is_zero(cell: Cell) -> ir.NumericValue:
    return cell.number() + 0.0


SCALARS: dict[FieldType, dict[str, Callable[[Cell], ir.Value]]] = {
    FieldType.TEXT: {"text": Cell.text},
    FieldType.NUMBER: {"number": _zero_is_zero},
    FieldType.ANY: {"text": Cell.text, "number": _zero_is_zero, "boolean": Cell.boolean},
}
"The types of scalars that a field can hold; values of two types are never the same."


def _measure_extreme(largest: bool) -> Callable[[ir.Table, Threshold], ir.Table]:
    def measure(values: ir.Table, threshold: Threshold) -> ir.Table:
        figure = values.value.max() if largest else values.value.min()
        found = values.group_by("customer").aggregate(figure=figure)
        return found.mutate(holds=threshold.holds(found.figure))

    return measure


def _measure_sum(values: ir.Table, threshold: Threshold) -> ir.Table:
    sums = _sums(values)

    def border(value: float, rounding: str) -> ir.DecimalScalar:
        millionths = (Decimal(repr(value)) * MILLION).to_integral_value(rounding)
        return _whole(max(-LARGEST_WHOLE, min(LARGEST_WHOLE, millionths)))

    return sums.mutate(
        holds=threshold.decide(
            below=lambda value: sums.figure < border(value, ROUND_CEILING),
            at_most=lambda value: sums.figure <= border(value, ROUND_FLOOR),
        )
    )


def _measure_average(values: ir.Table, threshold: Threshold) -> ir.Table:
    sums = _sums(values)

    def sides(value: float) -> tuple[ir.DecimalValue, ir.DecimalValue]:
        """The sum, and the value times the weight, both multiplied until the value is whole."""
        millionths = Decimal(repr(max(-2 * LARGEST, min(2 * LARGEST, value)))) * MILLION
        decimals = min(max(-int(millionths.normalize().as_tuple().exponent), 0), MOST_DECIMALS)
        factor = Decimal(10) ** decimals
        times = _whole((millionths * factor).to_integral_value())
        return sums.figure * _whole(factor), times * sums.weight.cast(WHOLE)

    def below(value: float) -> ir.BooleanValue:
        total, times = sides(value)
        return total < times

    def at_most(value: float) -> ir.BooleanValue:
        total, times = sides(value)
        return total <= times

    return sums.mutate(holds=threshold.decide(below, at_most))


def _sums(values: ir.Table) -> ir.Table:
    """`customer, figure, weight`: the sum in millionths, each value rounded once to 6 decimals, halves up."""
    values = values.filter(values.value.abs() <= LARGEST)
    down = values.value.floor()
    millionths = ((values.value - down) * float(MILLION) + 0.5).floor()
    rounded = down.cast(WHOLE) * _whole(Decimal(MILLION)) + millionths.cast(WHOLE)
    return values.group_by("customer").aggregate(
        figure=(rounded * values.weight.cast(WHOLE)).sum().cast(WHOLE), weight=values.weight.sum()
    )


def _measure_percentile(percent: int) -> Callable[[ir.Table, Threshold], ir.Table]:
    """The smallest value such that `percent` of the weight has a value no greater: the nearest rank."""

    def measure(values: ir.Table, threshold: Threshold) -> ir.Table:
        needed = percent * values.weight.sum()

        def reached(within: ir.BooleanValue) -> ir.BooleanValue:
            return 100 * ibis.ifelse(within, values.weight, 0).sum() >= needed

        holds = threshold.decide(
            below=lambda value: reached(values.value < value), at_most=lambda value: reached(values.value <= value)
        )
        return values.group_by("customer").aggregate(holds=holds)

    return measure


def _percentile_values(values: ir.Table, percent: int) -> ir.Table:
    """`customer, figure`: the percentile itself."""
    steps = values.group_by("customer", "value").aggregate(weight=values.weight.sum())
    upwards = ibis.window(group_by="customer", order_by="value", preceding=None, following=0)
    ranked = steps.mutate(
        reached=steps.weight.sum().over(upwards), total=steps.weight.sum().over(ibis.window(group_by="customer"))
    )
    ranked = ranked.filter(100 * ranked.reached >= percent * ranked.total)
    return ranked.group_by("customer").aggregate(figure=ranked.value.min())


def _whole(value: Decimal) -> ir.DecimalScalar:
    return ibis.literal(value, type=WHOLE)


MEASURES: dict[str, Callable[[ir.Table, Threshold], ir.Table]] = {
    "avg": _measure_average,
    "sum": _measure_sum,
    "min": _measure_extreme(largest=False),
    "max": _measure_extreme(largest=True),
    **{name: _measure_percentile(percent) for name, percent in PERCENTILES.items()},
}
"How to come to a figure of numbers: from `customer, value, weight`."


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
        _find_field(name, by, place.key("of")),
        by,
        parse_threshold(value["op"], value["value"], place.key("op"), place.key("value")),
        parse_within(value, place),
    )


def _find_field(name: str, by: str, place: Place) -> Field:
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
