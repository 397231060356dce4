"""`performed`: whom it finds, and what it says of those for whom it turned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cohorts.criteria import Evidence
from ingest.columns import open_columns
from ingest.erase import erase_events
from ingest.models import Event
from tests.cohorts.criteria.asking import BEFORE, QUARTER, before, call, leaf_of, matched, receive, say, who, why
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
FAILED = {"type": "api_call", "where": {"field": "response.status", "op": "is", "value": 400}}


def performed(
    window: dict[str, Any] | None = None, events: dict[str, Any] | None = None, **bounds: int
) -> dict[str, Any]:
    return {"performed": events or {}, "within": window or {"last": "1h"}, **(bounds or {"at_least": 1})}


def test_counts_are_sums_of_weight():
    call("heavy", weight=5)
    call("light")
    assert who(performed(at_least=5)) == {"heavy"}
    assert who(performed(at_least=1, at_most=4)) == {"light"}


def test_at_most_includes_those_without_any_event():
    say("quiet")
    call("busy", weight=2)
    assert who(performed(at_most=0)) == {"quiet"}
    assert who(performed(at_least=0, at_most=1)) == {"quiet"}


def test_events_are_chosen_by_type_action_name_and_filter():
    receive("action", {"action_name": "Signed Up", "user_id": "new"}, NOON)
    receive("action", {"action_name": "signed up", "user_id": "other"}, NOON)
    call("failing", status=400)
    assert who(performed(events={"type": "action"})) == {"new", "other"}
    assert who(performed(events={"type": "action", "action_name": ["Signed Up", "Invited"]})) == {"new"}
    assert who(performed(events=FAILED)) == {"failing"}


def test_events_of_users_count_for_their_company():
    say("u", company="acme")
    call("u", NOON)
    call("u", NOON - MINUTE, company_id="other")
    assert who(performed(), kind="company") == {"acme", "other"}


def test_today_is_the_cohorts_day():
    call("u", NOON - 7 * HOUR)  # 5:00 in UTC, midnight in New York
    today = performed({"calendar": "today"})
    assert who(today, zone="America/New_York") == {"u"}
    assert who(today, zone="America/Chicago") == set()


def test_events_that_come_are_behavior():
    for minutes in (1, 2, 3):
        call("u", NOON - minutes * MINUTE, status=400)
    found = why(performed({"calendar": "today"}, FAILED))
    assert found == {"u": ("API Call where response.status is 400: 3 times today (at least 1)", "behavior")}


def test_late_events_are_behavior():
    call("u", NOON - DAY, received=NOON)
    assert why(performed({"last": "2d"}))["u"][1] == "behavior"


def test_an_upper_bound_is_left_by_behavior():
    say("u")
    call("u")
    assert why(performed(at_most=0)) == {"u": ("any event: 1 time in the last hour (at most 0)", "behavior")}


def test_events_that_leave_the_window_are_time():
    call("u", NOON - HOUR - MINUTE)
    assert why(performed()) == {"u": ("any event: 0 times in the last hour (at least 1)", "time")}


def test_a_day_that_ends_is_time():
    call("u", BEFORE)
    assert why(performed({"calendar": "today"}), zone="Etc/GMT-12")["u"][1] == "time"


def test_events_that_grow_into_the_window_are_time():
    call("u", NOON - 7 * DAY - MINUTE)
    found = why(performed({"from": "37d", "to": "7d"}))
    assert found == {"u": ("any event: 1 time between 37 days and 7 days ago (at least 1)", "time")}


def test_new_events_that_make_no_difference_leave_it_to_time():
    for _ in range(3):
        call("u", NOON - HOUR - MINUTE, weight=3, metadata={"n": _})
    call("u", NOON)
    assert why(performed(at_least=5))["u"] == ("any event: 1 time in the last hour (at least 5)", "time")


def test_a_filter_that_moves_on_is_time():
    call("u", NOON - 3 * HOUR, metadata={"until": (NOON - MINUTE).isoformat()})
    over = {"where": {"field": "metadata.until", "op": "before", "value": {"ago": "0s"}}}
    assert why(performed({"ever": True}, over))["u"][1] == "time"


def test_erased_events_are_behavior():
    call("u", NOON - 59 * MINUTE)
    then = who(performed(), BEFORE)
    erase_events([Event.objects.get().pk], NOON - MINUTE)
    open_columns().seal(NOON)
    assert why(performed(), then=then) == {"u": ("any event: 0 times in the last hour (at least 1)", "behavior")}


def test_events_that_were_sealed_after_the_evaluation_are_behavior():
    say("u")
    then = who(performed(), BEFORE)
    call("u", BEFORE)
    open_columns().seal(NOON)
    assert why(performed(), then=then)["u"][1] == "behavior"


def test_a_customer_who_appears_by_profile_is_profile():
    say("u", NOON)
    assert why(performed(at_most=0)) == {"u": ("any event: 0 times in the last hour (at most 0)", "profile")}


def test_a_customer_who_appears_by_another_event_is_behavior():
    call("u", status=200)
    assert why(performed(events=FAILED, at_most=0))["u"][1] == "behavior"


def test_a_company_whose_users_come_or_go_is_profile():
    call("u", NOON - 30 * MINUTE)
    say("u", BEFORE, company="old")
    say("v", BEFORE, company="new")
    say("u", NOON, company="new")
    assert {name: reason for name, (_, reason) in why(performed(), kind="company").items()} == {
        "old": "profile",
        "new": "profile",
    }


def test_a_first_evaluation_is_behavior():
    call("u")
    assert first_evidence(performed()).reason == "behavior"


def test_a_long_filter_is_cut_in_the_sentence():
    call("u")
    events = {"where": {"field": "request.verb", "op": "is_not", "value": [f"{n}{'x' * 500}" for n in range(9)]}}
    sentence = first_evidence(performed(events=events)).sentence
    assert len(sentence) < 300
    assert sentence.endswith("1 time in the last hour (at least 1)")


def first_evidence(node: dict[str, Any]) -> Evidence:
    """What is said of the one member, where nothing was evaluated before."""
    open_columns().seal(NOON)
    with open_columns().snapshot(NOON) as snapshot:
        answer = matched(leaf_of(node), snapshot, "user", "UTC")
        [evidence] = answer.evidence(answer.members, None).values()
    return evidence


def test_evidence_of_many_takes_few_queries(django_assert_max_num_queries):
    for n in range(50):
        call(f"u{n}", NOON - n * MINUTE)
    open_columns().seal(NOON)
    with open_columns().snapshot(NOON) as snapshot:
        asked: list[str] = []
        execute = snapshot._execute
        snapshot._execute = lambda sql: asked.append(sql) or execute(sql)
        answer = matched(leaf_of(performed()), snapshot, "user", "UTC")
        already = len(asked)
        assert len(answer.evidence(answer.members, before(answer, NOON - QUARTER))) == 50
        assert len(asked) - already < 25
