"""Figures of a field on and beside their thresholds: rounding, large and tiny numbers, weights, every rank."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOON
from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import Question, assert_same_members, recorded
from tests.properties.definitions import FIGURES
from tests.reference import figure_of
from tests.reference_world import Clock, Received

pytestmark = pytest.mark.django_db
OPS = [">", ">=", "is"]
"The others are complements of these."
NUMBERS = st.one_of(
    st.sampled_from(
        [0, -0.0, 0.1, 0.2, 0.3, 1, 1.0, 100, 0.0000005, -0.0000005, 1e-20, -1e-20, 1e18, -1e18, 2e18, 1e300]
    ),
    st.integers(-1000, 1000),
    st.integers(-(10**6), 10**6).map(lambda n: n / 10**6),
    st.integers(-(10**12), 10**12).map(lambda n: n / 10**6),
    st.floats(-1e6, 1e6),
)
ODD = st.sampled_from(["5", True, None, [5], {"n": 5}, "pro", "2026-03-02"])
VALUES = st.lists(
    st.tuples(st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD), st.sampled_from([1, 1, 2, 5, 19, 10**6])), max_size=12
)


def beside(figure: Any) -> list[float]:
    """The figure as criteria can write it, and numbers next to it."""
    if not isinstance(figure, int | float | Fraction):
        return [0, 1e18]
    exact, near = float(figure), round(float(figure), 6)
    next_one = nextafter(exact, inf)
    return [0, exact, next_one] if abs(figure) > 2**53 else [near, near + 0.000001, near - 0.000001, exact, next_one]


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_figures_are_those_of_the_reference(engine):
    @tried(engine, 1 / 3)
    @given(st.lists(VALUES, min_size=1, max_size=3))
    def agree(customers):
        check(engine, customers)

    agree()


def check(engine: str, customers: list[list[tuple[Any, int]]]) -> None:
    received = [Received("user", {"user_id": "none"}, NOON)]
    for number, values in enumerate(customers):
        for place, (value, weight) in enumerate(values):
            item = {"transaction_id": f"{number} {place}", "user_id": f"u{number}", "weight": weight}
            request = {"time": NOON.isoformat(), "verb": "GET", "uri": "/"}
            received.append(Received("event", item | {"request": request, "metadata": {"v": value}}, NOON))
    questions: list[Question] = []
    for by in [*FIGURES, "distinct"]:
        asked = {each for values in customers for each in beside(figure_of(values, by))}
        questions += [("user", aggregate(by, op, value)) for op in OPS for value in asked]
    with recorded(received, on=engine):
        assert_same_members(received, Clock(NOON, ZoneInfo("UTC")), questions)


def aggregate(by: str, op: str, value: float) -> dict[str, Any]:
    return {"aggregate": {}, "of": "metadata.v", "by": by, "op": op, "value": value, "within": {"ever": True}}


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_a_number_of_seventeen_digits_is_not_taken_for_its_neighbour(engine):
    check(engine, [[(0.010433, 19)], [(-0.009121, 1)]])
