"""`ratio`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.cohorts.criteria.asking import BEFORE, call, refused, say, who, why, words
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CALLS = {"type": "api_call"}
FAILED = {**CALLS, "where": {"field": "response.status", "op": ">=", "value": 400}}


def error_rate(value: Any = 0.2, op: str = ">=", minimum: int = 5, **changes: Any) -> dict[str, Any]:
    node = {"ratio": FAILED, "to": CALLS, "op": op, "value": value, "minimum": minimum, "within": {"last": "1h"}}
    return node | changes


def calls(user: str, failed: int, fine: int, at=NOON, **item: Any) -> None:
    for status, weight in ((400, failed), (200, fine)):
        if weight:
            call(user, at, status=status, weight=weight, **item)


def test_the_share_is_of_weights_and_the_border_belongs_to_it():
    calls("fifth", 2, 8)
    calls("less", 2, 9)
    assert who(error_rate()) == {"fifth"}
    assert who(error_rate(op=">")) == set()
    assert who(error_rate(op="<")) == {"less"}


def test_too_few_events_make_it_false_whatever_the_operator():
    say("quiet")
    calls("few", 4, 0)
    calls("enough", 5, 0)
    assert who(error_rate(1)) == {"enough"}
    assert who(error_rate(7, "<")) == {"enough"}
    assert who(error_rate(7, "is_not", minimum=0)) == {"few", "enough"}


def test_the_events_need_not_be_part_of_the_others():
    calls("u", 6, 3)
    fine = {"where": {"field": "response.status", "op": "is", "value": 200}}
    assert who(error_rate(2, to=fine, minimum=1)) == {"u"}


def test_a_division_is_in_double_precision():
    calls("third", 1, 2)
    assert who(error_rate(1 / 3, "is", minimum=1)) == {"third"}


def test_users_of_a_company_count_together():
    say("u", company="acme")
    say("v", company="acme")
    calls("u", 0, 9)
    calls("v", 1, 0)
    assert who(error_rate(0.1, "is"), kind="company") == {"acme"}


def test_failures_that_come_are_behavior():
    calls("u", 0, 8, NOON - 30 * MINUTE)
    calls("u", 2, 0)
    what = "ratio of API Call where response.status is at least 400 to API Call"
    assert why(error_rate()) == {
        "u": (f"{what}: 20%, 2 to 10, in the last hour (at least 20% of at least 5)", "behavior")
    }


def test_good_calls_that_leave_the_window_are_time():
    calls("u", 0, 90, NOON - 61 * MINUTE)
    calls("u", 5, 5, NOON - 30 * MINUTE)
    assert why(error_rate())["u"][1] == "time"


def test_both_at_once_is_behavior_where_the_new_events_decide():
    calls("u", 0, 5, NOON - 61 * MINUTE)
    calls("u", 0, 5, NOON - 30 * MINUTE)
    calls("u", 5, 0)
    assert why(error_rate(0.5))["u"][1] == "behavior"


def test_a_user_who_comes_with_its_calls_is_profile():
    calls("u", 5, 0, NOON - 30 * MINUTE)
    say("u", BEFORE, company="old")
    say("u", NOON, company="new")
    assert {name: reason for name, (_, reason) in why(error_rate(), kind="company").items()} == {
        "old": "profile",
        "new": "profile",
    }


def test_words():
    assert words(error_rate()) == (
        "ratio of API Call where response.status is at least 400 to API Call is at least 20% in the last hour, "
        "of at least 5"
    )
    assert words(error_rate([0.07, 1.5], "between", minimum=1)).endswith("is between 7% and 150% in the last hour")
    assert words(error_rate([0, 1], "is_not", minimum=1)).endswith("is not 0% or 100% in the last hour")


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"ratio": CALLS}, "to: missing"),
        (error_rate(to=None), 'to: expected events such as {"type": "api_call"}'),
        (error_rate(op="~"), 'op: expected ">", ">=", "<", "<=", "is", "is_not" or "between"'),
        (error_rate("20%"), "value: expected a number"),
        (error_rate([]), "value: expected a number"),
        (error_rate([], "is"), "value: expected a number or a list of numbers that is not empty"),
        (error_rate([1, "x"], "is"), "value[1]: expected a number"),
        (error_rate([1], "between"), "value: expected a list of the lower and the upper bound"),
        (error_rate([2, 1], "between"), "value: expected the lower bound first"),
        (error_rate(minimum=-1), "minimum: expected a whole number, 0 or more"),
        (error_rate(percent=1), 'percent: unknown key, expected "ratio", "to", "op", "value", "minimum" or "within"'),
        (
            error_rate(within={}),
            'within: expected a window such as {"last": "7d"}, {"calendar": "today"} or '
            '{"ever": true}, and one form only',
        ),
        (
            {key: value for key, value in error_rate().items() if key != "within"},
            'within: missing, expected a window such as {"last": "7d"} or {"ever": true}',
        ),
    ],
)
def test_faults(node, fault):
    assert refused(node) == fault
