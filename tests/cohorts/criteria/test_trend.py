"""`trend`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.cohorts.criteria.asking import call, refused, say, who, why, words
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def trend(change: str = "<=", percent: Any = -50, minimum: int = 10, **changes: Any) -> dict[str, Any]:
    node = {"trend": {"type": "api_call"}, "change": change, "percent": percent, "minimum": minimum}
    return {**node, "within": {"last": "1h"}, **changes}


def calls(user: str, before: int, now: int) -> None:
    """Calls of these weights in the hour before last and in the last."""
    for weight, at in ((before, NOON - 90 * MINUTE), (now, NOON - 30 * MINUTE)):
        if weight:
            call(user, at, weight=weight)


def test_the_window_is_compared_with_the_one_before():
    calls("half", 10, 5)
    calls("more", 10, 6)
    assert who(trend()) == {"half"}
    assert who(trend("<")) == set()
    assert who(trend("is", [-50, -40])) == {"half", "more"}


def test_the_earlier_window_has_the_same_length_and_ends_where_this_one_starts():
    call("u", NOON - HOUR, weight=4)
    call("u", NOON - HOUR + TICK, weight=3)
    call("u", NOON - 2 * HOUR, weight=9)
    assert who(trend("is", -25, 4)) == {"u"}


def test_between_two_ages_the_earlier_one_lies_before_both():
    call("u", NOON - 90 * MINUTE, weight=5)
    call("u", NOON - 150 * MINUTE, weight=10)
    call("u", NOON, weight=99)
    assert who(trend("is", -50, within={"from": "2h", "to": "1h"})) == {"u"}


def test_too_few_events_before_make_it_false_whatever_the_change():
    say("quiet")
    calls("new", 0, 50)
    calls("few", 9, 90)
    calls("enough", 10, 100)
    assert who(trend(">", 0)) == {"enough"}
    assert who(trend("is_not", 7, minimum=0)) == {"few", "enough"}


def test_going_quiet_is_time():
    call("u", NOON - 61 * MINUTE, weight=12)
    assert why(trend()) == {
        "u": (
            "API Call: -100%, 0 times in the last hour after 12 (fell by at least 50% from at least 10)",
            "time",
        )
    }


def test_growing_is_behavior():
    call("u", NOON - 90 * MINUTE, weight=30)
    call("u", NOON, weight=40)
    assert why(trend(">=", 10, 1))["u"] == (
        "API Call: +33.3%, 40 times in the last hour after 30 (grew by at least 10%)",
        "behavior",
    )


def test_nothing_to_compare_with_is_told():
    call("u", NOON - 121 * MINUTE, weight=12)
    assert why(trend())["u"] == (
        "API Call: none before in the last hour (fell by at least 50% from at least 10)",
        "time",
    )


@pytest.mark.parametrize(
    ("change", "percent", "said"),
    [
        ("<=", -50, "fell by at least 50%"),
        ("<", -50, "fell by more than 50%"),
        (">=", 20, "grew by at least 20%"),
        (">", 20.5, "grew by more than 20.5%"),
        ("<=", 20, "changed by at most 20%"),
        ("between", [-5, 5], "changed by between -5% and 5%"),
    ],
)
def test_words(change, percent, said):
    assert words(trend(change, percent)) == (
        f"API Call {said} in the last hour against as long before, at least 10 times then"
    )


ROLLING = 'within: expected a rolling window, {"last": "7d"} or {"from": "14d", "to": "7d"}'


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"trend": {}}, "change: missing"),
        (trend("falls"), 'change: expected ">", ">=", "<", "<=", "is", "is_not" or "between"'),
        (trend(percent="-50%"), "percent: expected a number"),
        (trend(minimum=0.5), "minimum: expected a whole number, 0 or more"),
        (trend(within={"calendar": "this_week"}), ROLLING),
        (trend(within={"ever": True}), ROLLING),
        (trend(within={"after": "2026-03-01T00:00:00Z"}), ROLLING),
        (trend(op=">"), 'op: unknown key, expected "trend", "change", "percent", "minimum" or "within"'),
    ],
)
def test_faults(node, fault):
    assert refused(node) == fault
