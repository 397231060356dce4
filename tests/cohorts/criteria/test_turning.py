"""The events that turned a leaf, and the figures its value came from."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohorts.criteria import turning
from ingest.models import Event
from tests.cohorts.criteria.asking import BEFORE, NOON, call, evidence, say, say_of_company

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CALLS = {"type": "api_call"}
FAILED = {**CALLS, "where": {"field": "response.status", "op": "is", "value": 400}}


def performed(events, last="24h", **bounds):
    return {"performed": events, "within": {"last": last}, **(bounds or {"at_least": 1})}


def turned_by(node, **how):
    """Id -> the events named, as (id, minutes before noon)."""
    return {
        id_: [(event.id, (NOON - event.time) / MINUTE) for event in each.events]
        for id_, each in evidence(node, **how).items()
    }


def test_the_newest_three_that_came_are_named_newest_first():
    call("ann", NOON - HOUR, transaction_id="old")
    for minutes in (9, 8, 7, 6):
        call("ann", NOON - minutes * MINUTE, transaction_id=f"t{minutes}")
    node = performed(CALLS, at_least=5)
    assert turned_by(node) == {"ann": [("t6", 6), ("t7", 7), ("t8", 8)]}


def test_an_event_says_what_it_was_and_has_our_id_where_the_sender_gave_none():
    call("ann", NOON - MINUTE, status=400)
    call("ann", NOON - 2 * MINUTE, transaction_id="fine")
    [event] = evidence(performed(FAILED))["ann"].events
    assert (event.what, event.time) == ("GET /items -> 400", NOON - MINUTE)
    assert Event.objects.get(pk=event.id).time == NOON - MINUTE


def test_a_late_event_is_named_and_not_the_newer_ones_that_were_there():
    call("ann", NOON - HOUR)
    call("ann", NOON - 5 * HOUR, received=NOON - MINUTE, transaction_id="late")
    assert turned_by(performed(CALLS, at_least=2)) == {"ann": [("late", 300)]}


def test_what_went_out_of_a_window_is_named():
    call("ann", BEFORE - DAY + MINUTE, transaction_id="gone")
    call("ann", BEFORE - HOUR, status=400, transaction_id="other")
    assert turned_by(performed({"type": "any"}, at_least=2)) == {"ann": [("gone", 24 * 60 + 14)]}


def test_what_came_into_a_window_between_two_ages_is_named():
    call("ann", BEFORE - DAY + MINUTE, transaction_id="come")
    node = {"performed": CALLS, "at_least": 1, "within": {"from": "48h", "to": "24h"}}
    assert turned_by(node) == {"ann": [("come", 24 * 60 + 14)]}


def test_of_a_first_time_the_first_is_named():
    call("ann", NOON - 3 * MINUTE, transaction_id="first")
    call("ann", NOON - MINUTE, transaction_id="second")
    assert turned_by({"first": CALLS, "within": {"last": "24h"}}) == {"ann": [("first", 3)]}


def test_of_a_sequence_that_was_given_up_the_last_step_is_named():
    call("ann", BEFORE - HOUR + MINUTE, transaction_id="begun")
    node = {"sequence": [CALLS, FAILED], "each_within": "1h", "within": {"last": "7d"}, "completed": False}
    assert turned_by(node) == {"ann": [("begun", 74)]}


def test_of_a_trend_that_time_turned_what_passed_a_border_is_named():
    call("ann", BEFORE - DAY + MINUTE, transaction_id="moved on")
    node = {"trend": CALLS, "change": "<=", "percent": -50, "within": {"last": "24h"}}
    found = evidence(node)["ann"]
    assert [event.id for event in found.events] == ["moved on"]
    assert (found.value, found.figures, found.threshold) == (-100, {"now": 0, "before": 1}, "fell by at least 50%")


def test_a_ratio_tells_its_two_counts():
    call("ann", NOON - HOUR)
    call("ann", NOON - MINUTE, status=400, transaction_id="bad")
    node = {"ratio": FAILED, "to": CALLS, "op": ">=", "value": 0.5, "within": {"last": "24h"}}
    found = evidence(node)["ann"]
    assert (found.value, found.figures) == (0.5, {"part": 1, "whole": 2})
    assert [event.id for event in found.events] == ["bad"]


def test_an_aggregate_tells_its_figure():
    call("ann", NOON - HOUR, metadata={"n": 1})
    call("ann", NOON - MINUTE, metadata={"n": 4})
    node = {"aggregate": CALLS, "of": "metadata.n", "by": "p90", "op": ">", "value": 3, "within": {"last": "24h"}}
    found = evidence(node)["ann"]
    assert (found.value, found.threshold, len(found.events)) == (4, "more than 3", 1)


def test_a_profile_tells_what_it_was():
    say("ann", plan="free")
    say("bob")
    say("ann", NOON - MINUTE, plan="pro")
    say("bob", NOON - MINUTE, plan="pro")
    found = evidence({"field": "metadata.plan", "op": "is", "value": "pro"})
    assert {id_: (each.value, each.figures) for id_, each in found.items()} == {
        "ann": ("pro", {"was": "free"}),
        "bob": ("pro", {"was": None}),
    }


def test_through_a_company_and_its_users_the_events_of_those_are_named():
    say("ann", company="acme")
    say_of_company("acme", plan="pro")
    call("ann", NOON - MINUTE, transaction_id="t1")
    assert turned_by({"company": performed(CALLS)}) == {"ann": [("t1", 1)]}
    assert turned_by({"users": performed(CALLS), "are": "any"}, kind="company") == {"acme": [("t1", 1)]}


def test_where_very_many_move_no_events_are_looked_for(monkeypatch):
    monkeypatch.setattr(turning, "MOST_CUSTOMERS", 1)
    call("ann", NOON - MINUTE)
    call("bob", NOON - MINUTE)
    assert turned_by(performed(CALLS)) == {"ann": [], "bob": []}
