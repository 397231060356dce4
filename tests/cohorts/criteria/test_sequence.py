"""`sequence`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cohorts.criteria.asking import receive, refused, say, who, why, words
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def do(user: str, name: str, at: datetime, **item: Any) -> None:
    request = {"time": at.isoformat()}
    receive("action", {"action_name": name, "user_id": user, "request": request, **item}, at)


def sequence(*names: str, window: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    steps = [{"type": "action", "action_name": [name]} for name in names or ("a", "b")]
    return {"sequence": steps, "within": window or {"last": "1d"}, **how}


def test_steps_are_in_order_and_strictly_later():
    do("right", "a", NOON - TICK)
    do("right", "b", NOON)
    do("wrong", "b", NOON - TICK)
    do("wrong", "a", NOON)
    do("same", "a", NOON)
    do("same", "b", NOON)
    assert who(sequence()) == {"right"}


def test_one_event_is_one_step():
    do("once", "a", NOON)
    do("twice", "a", NOON - TICK)
    do("twice", "a", NOON)
    assert who(sequence("a", "a")) == {"twice"}


def test_each_step_may_be_as_late_as_the_limit():
    do("in time", "a", NOON - HOUR)
    do("in time", "b", NOON)
    do("late", "a", NOON - HOUR - TICK)
    do("late", "b", NOON)
    assert who(sequence(each_within="1h")) == {"in time"}
    assert who(sequence()) == {"in time", "late"}


def test_some_chain_is_enough_where_the_first_match_leads_nowhere():
    for name, minutes in (("a", 200), ("b", 190), ("a", 100), ("b", 70), ("c", 20)):
        do("u", name, NOON - minutes * MINUTE)
    assert who(sequence("a", "b", "c", each_within="1h")) == {"u"}


def test_a_later_start_does_not_hide_an_earlier_one():
    for name, minutes in (("a", 60), ("b", 50), ("a", 40), ("c", 30)):
        do("u", name, NOON - minutes * MINUTE)
    assert who(sequence("a", "b", "c", each_within="30m")) == {"u"}


def test_every_step_lies_in_the_window():
    do("u", "a", NOON - 24 * HOUR)
    do("u", "b", NOON)
    assert who(sequence()) == set()
    assert who(sequence(window={"last": "2d"})) == {"u"}


def test_users_of_a_company_make_one_chain():
    say("u", company="acme")
    say("v", company="acme")
    do("u", "a", NOON - MINUTE)
    do("v", "b", NOON)
    assert who(sequence(), kind="company") == {"acme"}
    assert who(sequence()) == set()


def given_up(*names: str, **how: Any) -> dict[str, Any]:
    return sequence(*names, **{"each_within": "1h", "completed": False, **how})


def test_what_was_begun_is_given_up_when_the_limit_has_passed():
    say("never")
    do("never", "b", NOON - 5 * HOUR)
    do("given up", "a", NOON - HOUR)
    do("may go on", "a", NOON - HOUR + TICK)
    do("completed", "a", NOON - 2 * HOUR)
    do("completed", "b", NOON - HOUR)
    assert who(given_up()) == {"given up"}


def test_one_partial_chain_that_can_go_on_is_enough():
    do("u", "a", NOON - 5 * HOUR)
    do("u", "a", NOON - MINUTE)
    assert who(given_up()) == set()


def test_a_step_in_between_keeps_it_going():
    for name, minutes in (("a", 100), ("b", 50)):
        do("u", name, NOON - minutes * MINUTE)
    assert who(given_up("a", "b", "c")) == set()
    assert who(given_up("a", "b", "c", each_within="30m")) == {"u"}  # b came too late: the chain ended with a
    assert who(given_up("a", "x", "c")) == {"u"}


def test_a_window_that_is_over_ends_all_chains():
    do("u", "a", NOON - 12 * HOUR - TICK)
    assert who(given_up(each_within="7d", window={"calendar": "yesterday"})) == {"u"}
    assert who(given_up(each_within="7d", window={"last": "7d"})) == set()
    assert who(given_up(each_within="7d", window={"before": NOON.isoformat()})) == {"u"}
    assert who(given_up(each_within="7d", window={"before": (NOON + TICK).isoformat()})) == set()


def test_completing_is_behavior():
    do("u", "a", NOON - 30 * MINUTE)
    do("u", "b", NOON - MINUTE)
    assert why(sequence(each_within="1h")) == {
        "u": (
            "Action a, then Action b (each within 1 hour): 2 of 2 steps, the last on 2026-03-02 11:59, "
            "in the last day (all)",
            "behavior",
        )
    }


def test_giving_up_is_time():
    do("u", "a", NOON - 61 * MINUTE)
    sentence, reason = why(given_up())["u"]
    assert sentence.endswith(": 1 of 2 steps, the last on 2026-03-02 10:59, in the last day (begun and not completed)")
    assert reason == "time"


def test_leaving_the_window_is_time():
    do("u", "a", NOON - 24 * HOUR - MINUTE)
    do("u", "b", NOON - MINUTE - HOUR)
    assert why(sequence())["u"] == (
        "Action a, then Action b: not begun in the last day (all)",
        "time",
    )


def test_words():
    assert words(sequence(each_within="2d")) == (
        "completed Action a, then Action b (each within 2 days) in the last day"
    )
    assert words(given_up()) == (
        "began and did not complete Action a, then Action b (each within 1 hour) in the last day"
    )


STEPS = "sequence: expected a list of 2 to 10 steps"


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        (sequence("a"), STEPS),
        (sequence(*"abcdefghijk"), STEPS),
        ({**sequence(), "sequence": {}}, STEPS),
        ({**sequence(), "sequence": [{}, {"type": "x"}]}, 'sequence[1].type: expected "api_call", "action" or "any"'),
        (sequence(each_within="0s"), 'each_within: expected a duration such as "7d", longer than 0'),
        (sequence(each_within=None), 'each_within: expected a duration such as "7d"'),
        (sequence(completed="no"), "completed: expected true or false"),
        (
            sequence(completed=False),
            'each_within: missing, it says when a sequence that is not "completed" is given up',
        ),
        (sequence(at_least=1), 'at_least: unknown key, expected "sequence", "each_within", "within" or "completed"'),
        (
            {"sequence": [{}, {}]},
            'within: missing, expected a window such as {"last": "7d"} or {"ever": true}',
        ),
    ],
)
def test_faults(node, fault):
    assert refused(node) == fault
