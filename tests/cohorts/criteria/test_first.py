"""`first`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.cohorts.criteria.asking import BEFORE, call, receive, refused, say, who, why, words
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def first(window: dict[str, Any] | None = None, **events: Any) -> dict[str, Any]:
    return {"first": {"type": "api_call", **events}, "within": window or {"last": "1h"}}


def test_only_the_first_event_ever_counts():
    call("new", NOON - HOUR + TICK)
    call("old", NOON - HOUR)
    call("old", NOON)
    assert who(first()) == {"new"}


def test_other_events_before_do_not_matter():
    call("u", NOON - 9 * HOUR, status=200)
    call("u", NOON, status=400)
    assert who(first(where={"field": "response.status", "op": "is", "value": 400})) == {"u"}
    assert who(first()) == set()


def test_a_company_has_the_first_event_of_all_its_users():
    say("u", company="acme")
    say("v", company="acme")
    call("u", NOON - 2 * HOUR)
    call("v", NOON)
    assert who(first()) == {"v"}
    assert who(first(), kind="company") == set()


def test_a_first_event_is_behavior():
    call("u", NOON - MINUTE)
    assert why(first()) == {"u": ("first API Call: 2026-03-02 11:59 (in the last hour)", "behavior")}


def test_a_first_event_that_leaves_the_window_is_time():
    call("u", NOON - HOUR - MINUTE)
    assert why(first())["u"][1] == "time"


def test_a_late_older_event_ends_it_by_behavior():
    call("u", NOON - 30 * MINUTE)
    then = who(first(), BEFORE)
    call("u", NOON - 9 * HOUR, received=NOON)
    assert then == {"u"}
    assert who(first()) == set()
    assert why(first(), then=then) == {"u": ("first API Call: 2026-03-02 03:00 (in the last hour)", "behavior")}


def test_what_never_happened_is_told():
    call("u", NOON - 30 * MINUTE, metadata={"until": (NOON - MINUTE).isoformat()})
    open_ = first(where={"field": "metadata.until", "op": "after", "value": {"ago": "0s"}})
    sentence, reason = why(open_)["u"]
    assert sentence.endswith(": never (in the last hour)")
    assert reason == "time"


def test_words():
    receive("action", {"action_name": "Signed Up", "user_id": "u"}, NOON)
    assert words({"first": {"type": "action", "action_name": ["Signed Up"]}, "within": {"calendar": "today"}}) == (
        "first Action Signed Up today"
    )


@pytest.mark.parametrize(
    ("node", "fault"),
    [
        ({"first": {}}, 'within: missing, expected a window such as {"last": "7d"} or {"ever": true}'),
        ({**first(), "first": []}, 'first: expected events such as {"type": "api_call"}'),
        ({**first(), "at_least": 1}, 'at_least: unknown key, expected "first" or "within"'),
        (first(where={}), 'first.where: expected one of the keys "all", "any", "not" or "field", found none'),
    ],
)
def test_faults(node, fault):
    assert refused(node) == fault
