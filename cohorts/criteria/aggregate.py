"""`aggregate`: one figure of a field over a customer's events, such as the average duration of its calls.

Exact on every engine: sums are of whole millionths, the average compares the sum with the threshold times the weight,
and percentiles are decided by counting on which side of the threshold the values lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
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

MILLION = 10**6
LARGEST = 1e18
"Numbers beyond it, either way, have no part in sums and averages."
WHOLE = "decimal(38, 0)"
LARGEST_WHOLE = Decimal(10) ** 37
BEYOND = Fraction(10**24 + 1)
"Millionths that no average reaches."
DIGITS = 10**18
"Of a threshold for an average so many decimals beyond those of a millionth are compared at once."


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
        ranking = Measure(partial(self._values, source), partial(_rank, PERCENTILES[self.by]), None)
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


@dataclass(frozen=True)
class Way:
    """How to come to a figure: `reduce` takes `customer, value, weight`, `finish` what any number of those gave."""

    reduce: Callable[[ir.Table, Threshold], ir.Table]
    finish: Callable[[ir.Table, Threshold], ir.Table]


def _extreme(largest: bool) -> Way:
    def find(values: ir.Table, threshold: Threshold) -> ir.Table:
        figure = values.value.max() if largest else values.value.min()
        return values.group_by("customer").aggregate(value=figure)

    def finish(found: ir.Table, threshold: Threshold) -> ir.Table:
        figures = find(found, threshold).rename(figure="value")
        return figures.mutate(holds=threshold.holds(figures.figure))

    return Way(find, finish)


def _hold_sum(sums: ir.Table, threshold: Threshold) -> ir.Table:
    sums = _add_up(sums)

    def border(value: float, rounding: str) -> ir.DecimalScalar:
        millionths = (Decimal(repr(value)) * MILLION).to_integral_value(rounding)
        return _whole(max(-LARGEST_WHOLE, min(LARGEST_WHOLE, millionths)))

    return sums.mutate(
        holds=threshold.decide(
            below=lambda value: sums.figure < border(value, ROUND_CEILING),
            at_most=lambda value: sums.figure <= border(value, ROUND_FLOOR),
        )
    )


def _hold_average(sums: ir.Table, threshold: Threshold) -> ir.Table:
    sums = _add_up(sums)

    def beyond(value: float) -> ir.DecimalValue:
        """A number with the sign of the sum less the value times the weight.

        It is found as by long division, so that no product outgrows what the engine adds exactly: what is left after
        the whole millionths of the value is compared with its further digits. Those come to less than the weight, so
        what lies outside of -1 to the weight is decided and need not grow.
        """
        weight, rest = sums.weight.cast(WHOLE), sums.figure
        millionths: Fraction = max(-BEYOND, min(BEYOND, Fraction(repr(value)) * MILLION))
        digits, fraction = divmod(millionths, 1)
        rest = rest - _whole(Decimal(digits)) * weight
        while fraction:
            digits, fraction = divmod(fraction * DIGITS, 1)
            undecided = ibis.least(ibis.greatest(rest, _whole(Decimal(-1))), weight)
            rest = undecided * _whole(Decimal(DIGITS)) - _whole(Decimal(digits)) * weight
        return rest

    return sums.mutate(holds=threshold.decide(lambda value: beyond(value) < 0, lambda value: beyond(value) <= 0))


def _sum(values: ir.Table, threshold: Threshold) -> ir.Table:
    """`customer, figure, weight`: the sum in millionths, each value rounded once to 6 decimals, halves up."""
    values = values.filter(values.value.abs() <= LARGEST)
    rounded = _rounded(values.value)
    return _add_up(values.select("customer", "weight", figure=rounded * values.weight.cast(WHOLE)))


def millionths(number: ir.NumericValue) -> ir.DecimalValue:
    """The number in millionths, rounded to whole ones, halves up; null for none and for one beyond LARGEST."""
    return ibis.ifelse(number.abs() <= LARGEST, _rounded(number), None)


def _rounded(value: ir.NumericValue) -> ir.DecimalValue:
    down = value.floor()
    rest = ((value - down) * float(MILLION) + 0.5).floor()
    return down.cast(WHOLE) * _whole(Decimal(MILLION)) + rest.cast(WHOLE)


def _add_up(sums: ir.Table) -> ir.Table:
    return sums.group_by("customer").aggregate(figure=sums.figure.sum().cast(WHOLE), weight=sums.weight.sum())


def _percentile(percent: int) -> Way:
    """The smallest value such that `percent` of the weight has a value no greater: the nearest rank."""

    def weigh(values: ir.Table, threshold: Threshold) -> ir.Table:
        """`customer, total`, and for each place of the threshold's values what weighs `below_` and `at_most_` it."""
        sides = {"total": values.weight.sum()}
        for value, place in _places(threshold).items():
            sides[f"below_{place}"] = ibis.ifelse(values.value < value, values.weight, 0).sum()
            sides[f"at_most_{place}"] = ibis.ifelse(values.value <= value, values.weight, 0).sum()
        return values.group_by("customer").aggregate(**sides)

    def finish(weights: ir.Table, threshold: Threshold) -> ir.Table:
        names = [name for name in weights.columns if name != "customer"]
        sums = weights.group_by("customer").aggregate(**{name: weights[name].sum() for name in names})

        def reached(side: str, value: float) -> ir.BooleanValue:
            return 100 * sums[f"{side}_{_places(threshold)[value]}"] >= percent * sums.total

        return sums.mutate(holds=threshold.decide(partial(reached, "below"), partial(reached, "at_most")))

    return Way(weigh, finish)


def _places(threshold: Threshold) -> dict[float, int]:
    return {value: place for place, value in enumerate(threshold.values)}


def _rank(percent: int, values: ir.Table) -> ir.Table:
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


WAYS = {
    "avg": Way(_sum, _hold_average),
    "sum": Way(_sum, _hold_sum),
    "min": _extreme(largest=False),
    "max": _extreme(largest=True),
    **{name: _percentile(percent) for name, percent in PERCENTILES.items()},
}


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
