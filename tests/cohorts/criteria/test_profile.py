"""Conditions on fields of the customer: whom they find, and what they say of those for whom they turned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ingest.columns import open_columns
from ingest.erase import erase_events
from ingest.models import Event
from tests.cohorts.criteria.asking import BEFORE, call, receive, say, say_of_company, who, why
from tests.factories import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EARLIER = NOON - DAY


def asked(field: str, op: str, *value: Any) -> dict[str, Any]:
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


PRO = asked("metadata.plan", "is", ["pro", "enterprise"])


def test_a_negative_operator_finds_everybody_else():
    say("pro", plan="pro")
    say("free", plan="free")
    call("unknown")
    assert who(asked("metadata.plan", "is_not", "pro")) == {"free", "unknown"}


def test_fields_of_the_company_are_missing_without_one():
    say("member", company="acme")
    say_of_company("acme", plan="pro")
    say("alone")
    assert who(asked("company.metadata.plan", "is", "pro")) == {"member"}
    assert who(asked("company.metadata.plan", "not_exists")) == {"alone"}


def test_a_company_cohort_asks_its_own_fields():
    receive("company", {"company_id": "acme", "company_domain": "acme.test"}, BEFORE)
    assert who(asked("company_domain", "ends_with", ".TEST"), kind="company") == {"acme"}
    assert who(asked("company_id", "starts_with", "AC"), kind="company") == {"acme"}


def test_a_changed_attribute_is_profile():
    say("u", BEFORE, plan="free")
    say("u", NOON, plan="pro")
    assert why(PRO) == {"u": ('metadata.plan is "pro" (is pro or enterprise)', "profile")}


def test_a_value_of_another_kind_is_shown():
    for name in ("number", "boolean", "object", "text"):
        say(name, BEFORE, plan="pro")
    for name, value in [("number", 5), ("boolean", True), ("object", {"a": 1}), ("text", "x\n" * 200)]:
        say(name, NOON, plan=value)
    found = {name: sentence for name, (sentence, _) in why(asked("metadata.plan", "is", "pro")).items()}
    assert found["number"] == "metadata.plan is 5 (is pro)"
    assert found["boolean"] == "metadata.plan is true (is pro)"
    assert found["object"] == "metadata.plan is of another type (is pro)"
    assert len(found["text"]) < 110


def test_a_new_customer_without_the_attribute_is_told_so():
    say("u", NOON, name="Ann")
    assert why(asked("metadata.plan", "is_not", "pro")) == {"u": ("metadata.plan is not set (is not pro)", "profile")}


def test_a_new_customer_known_by_an_event_is_behavior():
    call("u")
    assert why(asked("metadata.plan", "not_exists")) == {"u": ("metadata.plan is not set (is not set)", "behavior")}


def test_a_company_that_changes_is_profile_for_its_users():
    say("u", BEFORE, company="acme")
    say_of_company("acme", NOON, plan="pro")
    assert why(asked("company.metadata.plan", "is", "pro"))["u"] == (
        'company.metadata.plan is "pro" (is pro)',
        "profile",
    )


def test_another_company_is_profile_when_said_and_behavior_when_an_event_tells():
    say_of_company("acme", plan="pro")
    say("said", NOON, company="acme")
    call("called", NOON, company_id="acme")
    call("called", EARLIER, company_id="other")
    say("said", EARLIER)
    reasons = {name: reason for name, (_, reason) in why(asked("company.metadata.plan", "is", "pro")).items()}
    assert reasons == {"said": "profile", "called": "behavior"}


def test_an_age_that_moves_on_is_time():
    say("u", EARLIER, renewal=(NOON - 7 * DAY - MINUTE).isoformat())
    found = why(asked("metadata.renewal", "before", {"ago": "7d"}))
    assert found == {"u": ("metadata.renewal is 2026-02-23 11:59 (is more than 7 days ago)", "time")}


def test_times_are_told_in_the_cohorts_zone():
    call("u", NOON - MINUTE)
    found = why(asked("first_seen_time", "on", {"calendar": "today"}), zone="Asia/Kathmandu")
    assert found == {"u": ("first seen 2026-03-02 17:44 (today)", "behavior")}


def test_a_first_event_is_behavior_and_its_growing_old_is_time():
    call("new")
    call("old", NOON - 7 * DAY - MINUTE)
    found = why(asked("first_seen_time", "on", {"last": "7d"}))
    assert found["new"] == ("first seen 2026-03-02 12:00 (in the last 7 days)", "behavior")
    assert found["old"] == ("first seen 2026-02-23 11:59 (in the last 7 days)", "time")


def test_silence_is_time_and_its_end_is_behavior():
    silent = asked("last_seen_time", "before", {"ago": "7d"})
    call("gone", NOON - 7 * DAY - MINUTE)
    call("back", NOON - 9 * DAY)
    call("back", NOON - MINUTE)
    found = why(silent)
    assert found["gone"] == ("last seen 2026-02-23 11:59 (more than 7 days ago)", "time")
    assert found["back"] == ("last seen 2026-03-02 11:59 (more than 7 days ago)", "behavior")


def test_a_late_event_moves_first_seen_by_behavior():
    call("u", NOON - MINUTE - DAY)
    call("u", NOON - 9 * DAY, received=NOON)
    assert why(asked("first_seen_time", "on", {"last": "7d"}))["u"][1] == "behavior"


def test_an_erased_event_moves_last_seen_by_behavior():
    call("u", NOON - 9 * DAY)
    call("u", NOON - DAY)
    silent = asked("last_seen_time", "before", {"ago": "7d"})
    then = who(silent, BEFORE)
    erase_events([Event.objects.latest("time").pk], NOON - MINUTE)
    open_columns().seal(NOON)
    assert why(silent, then=then) == {"u": ("last seen 2026-02-21 12:00 (more than 7 days ago)", "behavior")}


def test_created_is_behavior_with_an_event_else_profile_and_grows_old_by_time():
    call("by event")
    say("by profile", NOON)
    say("old", NOON - DAY - MINUTE)
    found = why(asked("created", "on", {"last": "1d"}))
    assert found["by event"] == ("created 2026-03-02 12:00 (in the last day)", "behavior")
    assert found["by profile"][1] == "profile"
    assert found["old"] == ("created 2026-03-01 11:59 (in the last day)", "time")


def test_never_seen_is_told_as_not_set():
    say("u", NOON)
    assert why(asked("last_seen_time", "not_exists")) == {"u": ("last_seen_time is not set (is not set)", "profile")}


def test_a_time_at_the_end_of_the_calendar_can_be_told():
    say("u", NOON, when="0001-01-01T00:00:00Z")
    found = why(asked("metadata.when", "before", {"ago": "1d"}), zone="America/New_York")
    assert found["u"][0] == "metadata.when is 0001-01-01 00:00 UTC (is more than 1 day ago)"
