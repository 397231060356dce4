"""The figure that a leaf asks for: an operator on numbers and what it compares with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import ibis.expr.types as ir

from cohorts.criteria.operators import COMPARISONS
from cohorts.criteria.place import Place, read_choice, read_list, read_number
from cohorts.criteria.wording import say_number

OPERATORS = (*COMPARISONS, "is", "is_not", "between")
EXPECTED_PAIR = "a list of the lower and the upper bound"
PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
Test = Callable[[float], ir.BooleanValue]
"Whether the figure lies on one side of a value; never null."


@dataclass(frozen=True)
class Threshold:
    """What the figure of a customer has to be: `values` are one, the two ends of a range, or any of several."""

    op: str
    values: tuple[float, ...]

    def holds(self, figure: ir.NumericValue) -> ir.BooleanValue:
        """Whether a figure that is not null is as asked for."""
        return self.decide(below=lambda value: figure < value, at_most=lambda value: figure <= value)

    def passed_by(self, figure: float) -> bool:
        """Whether a figure that is known here is as asked for."""
        return self._passed(figure, self.values)

    def passed_exactly(self, figure: Fraction) -> bool:
        """The same for a figure that no double holds: the values are taken as they were written."""
        return self._passed(figure, [Fraction(Decimal(repr(value))) for value in self.values])

    def _passed(self, figure: Any, values: Sequence[Any]) -> bool:
        match self.op:
            case "between":
                return bool(values[0] <= figure <= values[1])
            case "is" | "is_not":
                return (figure in values) == (self.op == "is")
        return PLAIN[self.op](figure, values[0])

    def decide(self, below: Test, at_most: Test) -> ir.BooleanValue:
        """The same for a figure that is only known by the side of each value that it lies on."""
        value = self.values[0]
        match self.op:
            case "<":
                return below(value)
            case "<=":
                return at_most(value)
            case ">":
                return ~at_most(value)
            case ">=":
                return ~below(value)
            case "between":
                return ~below(value) & at_most(self.values[1])
        any_of = reduce(operator.or_, (at_most(each) & ~below(each) for each in self.values))
        return any_of if self.op == "is" else ~any_of

    def words(self, say: Callable[[float], str] = say_number) -> str:
        """`at least 0.2`, `between 1 and 5`, `exactly 3`, `not 3`."""
        said = [say(value) for value in self.values]
        if self.op == "between":
            return " and ".join(["between " + said[0], said[1]])
        if self.op in COMPARISONS:
            return f"{COMPARISONS[self.op][1]} {said[0]}"
        return f"{'exactly' if self.op == 'is' else 'not'} {' or '.join(said)}"


def parse_threshold(op: object, value: object, op_place: Place, value_place: Place) -> Threshold:
    """The threshold of an operator and a value, each at its place. Raises CriteriaError."""
    name = read_choice(op, op_place, OPERATORS)
    if name == "between":
        pair = read_list(value, value_place, EXPECTED_PAIR)
        if len(pair) != 2:
            raise value_place.fault(f"expected {EXPECTED_PAIR}")
        low, high = (read_number(each, value_place.item(index)) for index, each in enumerate(pair))
        if low > high:
            raise value_place.fault("expected the lower bound first")
        return Threshold(name, (low, high))
    if name in ("is", "is_not") and isinstance(value, list):
        items = read_list(value, value_place, "a number or a list of numbers that is not empty")
        return Threshold(name, tuple(read_number(each, value_place.item(index)) for index, each in enumerate(items)))
    return Threshold(name, (read_number(value, value_place),))
