"""`users`: which companies it finds, what it says of those for whom it turned, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.columns import open_columns
from ingest.erase import erase_customer
from ingest.models import Customer
from tests.cohorts.criteria.asking import call, refused, say, say_of_company, who, why, words
from tests.factories import NOON

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ON_PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
ACTIVE = {"performed": {}, "at_least": 1, "within": {"last": "1h"}}


def users(node: dict[str, Any], share: str | int = "any") -> dict[str, Any]:
    return {"users": node, **({"are": share} if isinstance(share, str) else {"at_least": share})}


def ask(node: dict[str, Any]) -> set[str]:
    return who(node, kind="company")


@pytest.mark.parametrize(
    ("share", "found"),
    [
        ("any", {"some", "every"}),
        ("all", {"every"}),
        ("none", {"empty", "no"}),
        (1, {"some", "every"}),
        (2, {"every"}),
        (3, set()),
    ],
)
def test_shares_of_users(share, found):
    say_of_company("empty")
    say("a", company="some", plan="pro")
    say("b", company="some")
    say("c", company="every", plan="pro")
    say("d", company="every", plan="pro")
    say("e", company="no")
    assert ask(users(ON_PRO, share)) == found


def test_users_count_with_their_whole_history():
    call("u", NOON, company_id="then")
    say("u", company="now")
    say_of_company("then")
    assert ask(users(ACTIVE)) == {"now"}


def test_erased_users_are_no_users():
    say("gone", company="acme")
    say("u", company="acme", plan="pro")
    assert ask(users(ON_PRO, "all")) == set()
    erase_customer(Customer.objects.get(external_id="gone"), NOON)
    open_columns().seal(NOON)
    assert ask(users(ON_PRO, "all")) == {"acme"}


def test_a_user_who_does_something_is_behavior():
    say("u", company="acme")
    say("v", company="acme")
    call("u", NOON)
    assert why(users(ACTIVE), kind="company") == {
        "acme": ("1 of 2 users match: performed any event at least 1 time in the last hour (any)", "behavior")
    }


def test_a_user_who_no_longer_does_is_time():
    say("u", company="acme")
    call("u", NOON - HOUR - MINUTE)
    assert why(users(ACTIVE), kind="company") == {
        "acme": ("0 of 1 users match: performed any event at least 1 time in the last hour (any)", "time")
    }


def test_a_user_who_says_something_is_profile():
    say("u", company="acme")
    say("u", NOON, plan="pro")
    assert why(users(ON_PRO, 1), kind="company")["acme"] == (
        "1 of 1 users match: metadata.plan is pro (at least 1)",
        "profile",
    )


def test_a_user_who_leaves_is_profile():
    say("u", company="old", plan="pro")
    say_of_company("new")
    say("u", NOON, company="new")
    assert {name: reason for name, (_, reason) in why(users(ON_PRO), kind="company").items()} == {
        "old": "profile",
        "new": "profile",
    }


def test_a_user_who_comes_by_an_event_is_behavior():
    say("u", plan="pro")
    say_of_company("acme")
    call("u", NOON, company_id="acme")
    assert why(users(ON_PRO), kind="company")["acme"][1] == "behavior"


def test_words():
    assert words(users(ON_PRO), "company") == "any of its users match (metadata.plan is pro)"
    assert words(users(ON_PRO, 3), "company") == "at least 3 of its users match (metadata.plan is pro)"


@pytest.mark.parametrize(
    ("node", "kind", "fault"),
    [
        (users({}), "company", "users: expected one of the keys"),
        (users(users(ON_PRO)), "company", "users.users: expected where companies are asked for: a user has no users"),
        (users(ON_PRO), "user", "users: expected where companies are asked for"),
        (users({"field": "company_domain", "op": "exists"}), "company", "users.field: expected a field of a user"),
        ({"users": ON_PRO}, "company", 'match: expected "are" or "at_least", and one of them only'),
        ({**users(ON_PRO), "at_least": 1}, "company", 'match: expected "are" or "at_least", and one of them only'),
        (users(ON_PRO, "most"), "company", 'are: expected "any", "all" or "none"'),
        (users(ON_PRO, 0), "company", "at_least: expected 1 or more"),
        (users(ON_PRO, -1), "company", "at_least: expected a whole number, 0 or more"),
    ],
)
def test_faults(node, kind, fault):
    assert refused(node, kind).startswith(fault)
