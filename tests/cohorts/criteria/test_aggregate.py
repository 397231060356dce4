"""`aggregate`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.cohorts.criteria.asking import call, refused, say, who, why, words
from tests.engines import ENGINES, own_columns
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CALLS = {"type": "api_call"}


def figure(by: str, op: str, value: Any, of: str = "metadata.n", **changes: Any) -> dict[str, Any]:
    return {"aggregate": CALLS, "of": of, "by": by, "op": op, "value": value, "within": {"last": "1h"}} | changes


def send(user: str, *values: Any, at=NOON, weight: int = 1) -> None:
    """A call for each value of `metadata.n`."""
    for place, value in enumerate(values):
        call(user, at, weight=weight, metadata={"n": value}, transaction_id=f"{user} {at} {place}")


def test_sums_are_exact():
    send("u", 0.1, 0.2)
    assert who(figure("sum", "is", 0.3)) == {"u"}
    assert who(figure("sum", ">", 0.3)) == set()


def test_values_are_rounded_once_to_six_decimals():
    send("u", 0.0000004, 0.0000004, 0.0000004)
    assert who(figure("sum", "is", 0)) == {"u"}


def test_the_average_compares_without_dividing():
    send("u", 0.1, 0.1, 0.1)
    assert who(figure("avg", "is", 0.1)) == {"u"}
    assert who(figure("avg", "<", 0.1)) == set()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_average_is_exact_to_the_last_digit_however_large_or_fine(engine):
    with own_columns(engine):
        send("large", 1e18, 1e18, 1e18, weight=10**6)
        send("negative", -1e18, weight=10**6)
        send("third", 0, 0, 1)
        send("zero", 0, weight=10**6)
        assert who(figure("avg", "is", 1e18)) == {"large"}
        assert who(figure("avg", "<", 1e18)) == {"negative", "third", "zero"}
        assert who(figure("avg", ">", 1e300)) == set()
        assert who(figure("avg", ">", 0.1234567890123)) == {"large", "third"}
        assert who(figure("avg", "between", [1 / 3, 0.3333333333333334])) == {"third"}  # 1 / 3 is just below a third
        assert who(figure("avg", "is", 1 / 3)) == set()
        assert who(figure("avg", "between", [-1e-30, 1e-30])) == {"zero"}
        assert who(figure("avg", "<", -1e-30)) == {"negative"}


def test_sums_averages_and_percentiles_take_weights():
    call("u", weight=9, metadata={"n": 1})
    call("u", metadata={"n": 100})
    assert who(figure("sum", "is", 109)) == {"u"}
    assert who(figure("avg", "is", 10.9)) == {"u"}
    assert who(figure("p90", "is", 1)) == {"u"}
    assert who(figure("p95", "is", 100)) == {"u"}


def test_extremes_and_different_values_do_not():
    call("u", weight=9, metadata={"n": 1})
    call("u", metadata={"n": 100})
    assert who(figure("min", "is", 1)) == {"u"}
    assert who(figure("max", "is", 100)) == {"u"}
    assert who(figure("distinct", "is", 2)) == {"u"}


@pytest.mark.parametrize(("by", "value"), [("p50", 10), ("p90", 18), ("p95", 19), ("p99", 20)])
def test_a_percentile_is_the_nearest_rank(by, value):
    send("u", *range(1, 21))
    assert who(figure(by, "is", value)) == {"u"}


def test_the_sum_and_number_of_nothing_are_zero():
    say("quiet")
    send("u", 5)
    assert who(figure("sum", "<", 1)) == {"quiet"}
    assert who(figure("distinct", "is", 0)) == {"quiet"}
    assert who(figure("sum", "is_not", 0)) == {"u"}


@pytest.mark.parametrize("by", ["avg", "min", "max", "p50"])
@pytest.mark.parametrize("op", ["<", "is_not"])
def test_any_other_figure_of_nothing_is_false_whatever_the_operator(by, op):
    say("quiet")
    send("texts", "5")
    send("u", 5)
    assert who(figure(by, op, 100)) == {"u"}


def test_only_numbers_are_measured_but_any_scalar_is_a_different_value():
    send("u", 1, 1.0, "1", True, None, [1], {"a": 1})
    assert who(figure("sum", "is", 2)) == {"u"}
    assert who(figure("distinct", "is", 3)) == {"u"}


def test_different_tags_and_routes_are_counted():
    call("u", tags=["a", "b"])
    call("u", tags=["b", "c"])
    assert who(figure("distinct", "is", 3, "tags")) == {"u"}
    assert who(figure("distinct", "is", 1, "request.route")) == {"u"}


def test_numbers_too_large_to_add_are_left_out_of_sums_only():
    send("u", 1e19, 1)
    assert who(figure("sum", "is", 1)) == {"u"}
    assert who(figure("max", "is", 1e19)) == {"u"}


def test_what_comes_is_behavior_and_what_leaves_the_window_is_time():
    send("comes", 5, 6)
    send("leaves", 5.5, 6.25, at=NOON - HOUR - MINUTE)
    assert why(figure("sum", ">", 10)) == {
        "comes": ("sum of metadata.n over API Call: 11 in the last hour (more than 10)", "behavior"),
        "leaves": ("sum of metadata.n over API Call: 0 in the last hour (more than 10)", "time"),
    }


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("avg", "average of metadata.n over API Call: 4.333333 in the last hour (at least 0)"),
        ("min", "lowest of metadata.n over API Call: 1 in the last hour (at least 0)"),
        ("max", "highest of metadata.n over API Call: 10 in the last hour (at least 0)"),
        ("distinct", "number of different values of metadata.n over API Call: 3 in the last hour (at least 0)"),
        ("p50", "median of metadata.n over API Call: 2 in the last hour (at least 0)"),
        ("p99", "99th percentile of metadata.n over API Call: 10 in the last hour (at least 0)"),
    ],
)
def test_the_figure_is_told(by, said):
    send("u", 1, 2, 10)
    found = why(figure(by, ">=", 0))
    assert found == {"u": (said, "behavior")}


def test_a_figure_that_is_missing_is_told():
    send("u", 1, at=NOON - HOUR - MINUTE)
    assert why(figure("avg", ">=", 0))["u"] == (
        "average of metadata.n over API Call: none in the last hour (at least 0)",
        "time",
    )


def test_words():
    assert words(figure("p95", ">", 800, "duration_ms")) == (
        "95th percentile of duration_ms over API Call is more than 800 in the last hour"
    )
    assert words(figure("distinct", "between", [2, 5], "request.route")) == (
        "number of different values of request.route over API Call is between 2 and 5 in the last hour"
    )


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"aggregate": CALLS}, "of: missing"),
        (figure("median", ">", 1), 'by: expected "avg", "sum", "min", "max", "distinct", "p50", "p90", "p95" or "p99"'),
        (figure("sum", ">", 1, "request.verb"), 'of: expected a field that can hold numbers for "sum"'),
        (figure("sum", ">", 1, "tags"), 'of: expected a field that can hold numbers for "sum"'),
        (figure("sum", ">", 1, ""), "of: expected a text that is not empty"),
        (
            figure("sum", ">", 1, "plan"),
            'of: expected a field of an event such as "response.status", "request.headers.NAME" or "metadata.NAME", '
            'not "plan"',
        ),
        (figure("sum", "contains", 1), 'op: expected ">", ">=", "<", "<=", "is", "is_not" or "between"'),
        (figure("sum", ">", None), "value: expected a number"),
        (
            figure("sum", ">", 1, minimum=5),
            'minimum: unknown key, expected "aggregate", "of", "by", "op", "value" or "within"',
        ),
        (figure("sum", ">", 1, aggregate={"type": "x"}), 'aggregate.type: expected "api_call", "action" or "any"'),
    ],
)
def test_faults(node, fault):
    assert refused(node) == fault
