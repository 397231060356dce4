"""Definitions as people read them."""

from __future__ import annotations

import pytest

from cohorts.criteria import parse
from ingest.models import CustomerKind


def words(node, kind="user"):
    return parse({"version": 1, "match": node}, CustomerKind(kind)).words()


def test_the_standing_example_reads_well():
    failed = {"type": "api_call", "where": {"field": "response.status", "op": "is", "value": 400}}
    node = {
        "all": [
            {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
            {"performed": failed, "at_least": 1, "within": {"calendar": "today"}},
        ]
    }
    assert words(node) == (
        "first seen today, and performed API Call where response.status is 400 at least 1 time today"
    )


@pytest.mark.parametrize(
    ("field", "op", "value", "said"),
    [
        ("metadata.plan", "is", "pro", "metadata.plan is pro"),
        ("metadata.plan", "is", ["pro", "enterprise"], "metadata.plan is pro or enterprise"),
        ("metadata.plan", "is_not", ["a", 1.0, 0.5, True], "metadata.plan is not a, 1, 0.5 or true"),
        ("metadata.plan", "is", list("abcdefgh"), "metadata.plan is a, b, c, d, e or 3 others"),
        ("metadata.plan", "is", "x" * 100, f"metadata.plan is {'x' * 79}…"),
        ("email", "contains", "@acme", "email contains @acme"),
        ("email", "not_contains", "@acme", "email does not contain @acme"),
        ("email", "starts_with", "a\nb", "email starts with a b"),
        ("email", "ends_with", ".test", "email ends with .test"),
        ("metadata.seats", ">", 5, "metadata.seats is more than 5"),
        ("metadata.seats", ">=", 5, "metadata.seats is at least 5"),
        ("metadata.seats", "<", 5, "metadata.seats is less than 5"),
        ("metadata.seats", "<=", 5, "metadata.seats is at most 5"),
        ("metadata.seats", "between", [1, 5], "metadata.seats is between 1 and 5"),
        ("created", "before", "2026-03-01T00:00:00Z", "created before 1 Mar 2026, 00:00 UTC"),
        ("last_seen_time", "before", {"ago": "7d"}, "last seen more than 7 days ago"),
        ("metadata.renewal", "after", {"ago": "1d"}, "metadata.renewal is after 1 day ago"),
        ("metadata.renewal", "after", {"in": "2w"}, "metadata.renewal is more than 2 weeks from now"),
        ("metadata.renewal", "before", {"in": "1m"}, "metadata.renewal is before 1 minute from now"),
        (
            "metadata.x",
            "between",
            [{"ago": "3h"}, {"in": "9s"}],
            "metadata.x is between 3 hours ago and 9 seconds from now",
        ),
        ("first_seen_time", "not_on", {"calendar": "this_week"}, "first seen not this week"),
        ("company.last_seen_time", "on", {"last": "1d"}, "company last seen in the last day"),
        ("metadata.renewal", "on", {"last": "24h"}, "metadata.renewal is in the last 24 hours"),
    ],
)
def test_a_condition_in_words(field, op, value, said):
    assert words({"field": field, "op": op, "value": value}) == said


def test_existence_in_words():
    assert words({"field": "email", "op": "exists"}) == "email is set"
    assert words({"field": "first_seen_time", "op": "not_exists"}) == "first_seen_time is not set"


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"at_least": 1}, "performed any event at least 1 time ever"),
        ({"at_least": 1200}, "performed any event at least 1,200 times ever"),
        ({"at_most": 1}, "performed any event at most 1 time ever"),
        ({"at_least": 0, "at_most": 3}, "performed any event at most 3 times ever"),
        ({"at_least": 2, "at_most": 2}, "performed any event exactly 2 times ever"),
        ({"at_least": 1, "at_most": 20}, "performed any event 1 to 20 times ever"),
        ({"at_most": 0}, "did not perform any event ever"),
    ],
)
def test_counts_in_words(bounds, said):
    assert words({"performed": {"type": "any"}, "within": {"ever": True}, **bounds}) == said


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ({"last": "7d"}, "in the last 7 days"),
        ({"from": "37d", "to": "7d"}, "between 37 days and 7 days ago"),
        ({"calendar": "last_month"}, "last month"),
        ({"after": "2026-03-01T00:00:00Z"}, "since 1 Mar 2026, 00:00 UTC"),
        ({"before": "2026-03-01T00:00:30.5+09:30"}, "before 1 Mar 2026, 00:00:30.500000 UTC+09:30"),
        (
            {"after": "2026-03-01T00:00:00Z", "before": "2026-04-01T00:00:00Z"},
            "since 1 Mar 2026, 00:00 UTC and before 1 Apr 2026, 00:00 UTC",
        ),
    ],
)
def test_windows_in_words(window, said):
    assert words({"performed": {"type": "api_call"}, "at_least": 1, "within": window}) == (
        f"performed API Call at least 1 time {said}"
    )


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"type": "action", "action_name": ["Signed Up"]}, "Action Signed Up"),
        ({"type": "action", "action_name": ["Signed Up", "Invited"]}, "Action Signed Up or Invited"),
        ({"type": "any", "action_name": ["x"]}, "any event named x"),
        (
            {"where": {"all": [GET := {"field": "request.verb", "op": "is", "value": "GET"}, {"not": GET}]}},
            "any event where request.verb is GET and not (request.verb is GET)",
        ),
        (
            {"where": {"any": [GET, {"all": [GET, GET]}]}},
            "any event where any of: (request.verb is GET; request.verb is GET and request.verb is GET)",
        ),
        ({"where": {"any": [GET]}}, "any event where request.verb is GET"),
    ],
)
def test_events_in_words(events, said):
    assert (
        words({"performed": events, "at_least": 1, "within": {"ever": True}})
        == f"performed {said} at least 1 time ever"
    )
