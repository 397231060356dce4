"""The ways to come to a figure of a customer's values, in the engine, and to hold it against a threshold.

Exact on every engine: sums are of whole millionths, the average compares the sum with the threshold times the weight,
and percentiles are decided by counting on which side of the threshold the values lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import partial

import ibis
import ibis.expr.types as ir

from cohorts.criteria.figures import PERCENTILES
from cohorts.criteria.thresholds import Threshold

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


def rank(percent: int, values: ir.Table) -> ir.Table:
    """`customer, figure`: the percentile itself, of `customer, weight, value`."""
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
