"""`company`: whom it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.columns import open_columns
from tests.cohorts.criteria.asking import (
    BEFORE,
    call,
    leaf_of,
    matched,
    refused,
    say,
    say_of_company,
    who,
    why,
    words,
)
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ON_PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
ACTIVE = {"performed": {}, "at_least": 1, "within": {"last": "1h"}}


def company(node: dict[str, Any]) -> dict[str, Any]:
    return {"company": node}


def test_users_have_what_their_company_has():
    say("u", company="acme")
    say("v", company="other", plan="pro")
    say("alone", plan="pro")
    say_of_company("acme", plan="pro")
    assert who(company(ON_PRO)) == {"u"}


def test_a_user_without_a_company_never_matches():
    say("alone")
    say("u", company="acme")
    assert who(company({"not": ON_PRO})) == {"u"}


def test_events_inside_are_those_of_the_company():
    say("quiet", company="acme")
    say("busy", company="acme")
    call("busy")
    assert who(company(ACTIVE)) == {"quiet", "busy"}


def test_the_company_can_ask_of_its_users():
    say("u", company="acme")
    say("boss", company="acme", plan="pro")
    say("v", company="other")
    assert who(company({"users": ON_PRO, "are": "any"})) == {"u", "boss"}


def test_what_the_company_says_is_profile():
    say("u", company="acme")
    say_of_company("acme", BEFORE)
    say_of_company("acme", NOON, plan="pro")
    assert why(company(ON_PRO)) == {"u": ('company acme: metadata.plan is "pro" (is pro)', "profile")}


def test_what_the_company_does_is_behavior():
    say("u", company="acme")
    call(None, NOON, company_id="acme")
    assert why(company(ACTIVE)) == {"u": ("company acme: any event: 1 time in the last hour (at least 1)", "behavior")}


def test_what_the_company_no_longer_does_is_time():
    say("u", company="acme")
    call(None, NOON - HOUR - MINUTE, company_id="acme")
    assert why(company({"all": [ACTIVE, {"not": ON_PRO}]})) == {
        "u": ("company acme: any event: 0 times in the last hour (at least 1)", "time")
    }


def test_another_company_is_profile():
    say_of_company("pro", plan="pro")
    say_of_company("free", plan="free")
    say("u", company="free")
    say("u", NOON, company="pro")
    assert why(company(ON_PRO)) == {"u": ("company pro matches (metadata.plan is pro)", "profile")}


def test_a_company_that_comes_by_an_event_is_behavior():
    say_of_company("pro", plan="pro")
    say("u")
    call("u", NOON, company_id="pro")
    assert why(company(ON_PRO)) == {"u": ("company pro matches (metadata.plan is pro)", "behavior")}


def test_a_leaf_two_levels_below_is_explained():
    say("u", company="acme")
    say("boss", company="acme")
    say("boss", NOON, plan="pro")
    sentence, reason = why(company({"users": ON_PRO, "are": "any"}))["u"]
    assert sentence == "company acme: 1 of 2 users match: metadata.plan is pro (any)"
    assert reason == "profile"


def test_without_an_evaluation_before_each_condition_is_told():
    say("u", company="acme")
    say_of_company("acme", plan="pro")
    open_columns().seal(NOON)
    with open_columns().snapshot(NOON) as snapshot:
        answer = matched(leaf_of(company(ON_PRO)), snapshot, "user", "UTC")
        [evidence] = answer.evidence(answer.members, None).values()
    assert evidence.sentence == 'company acme: metadata.plan is "pro" (is pro)'


def test_words():
    assert words(company({"all": [ON_PRO, ACTIVE]})) == (
        "belongs to a company (metadata.plan is pro, and performed any event at least 1 time in the last hour)"
    )


@pytest.mark.parametrize(
    ("node", "kind", "fault"),
    [
        (company({}), "user", "company: expected one of the keys"),
        (company({"field": "user_id", "op": "exists"}), "user", "company.field: expected a field of a company"),
        (company(company(ON_PRO)), "user", "company.company: expected where users are asked for"),
        (company(ON_PRO), "company", "company: expected where users are asked for"),
        ({**company(ON_PRO), "are": "any"}, "user", 'are: unknown key, expected "company"'),
        (
            company({"not": {"not": {"not": {"not": {"not": {"not": {"not": ON_PRO}}}}}}}),
            "user",
            "company.not.not.not.not.not.not.not: expected at most 8 levels",
        ),
        (company({"any": [ON_PRO] * 100}), "user", "company.any[99]: expected at most 100 conditions"),
    ],
)
def test_faults(node, kind, fault):
    assert refused(node, kind).startswith(fault)
