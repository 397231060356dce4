"""What the definition of an alert rule may say, how it reads, and what it is refused for."""

from __future__ import annotations

from typing import Any

import pytest

from cohorts.criteria import CriteriaError
from notifications.alerts.conditions import CONDITIONS
from notifications.alerts.definition import parse

CALLS = {"type": "api_call"}
FAILED = {**CALLS, "where": {"field": "response.status", "op": ">=", "value": 500}}
RECENT = {"where": {"field": "metadata.due", "op": "before", "value": {"ago": "7d"}}}
COUNT = {"of": CALLS, "figure": "count"}


def rule(**changes: Any) -> dict[str, Any]:
    plain = {"version": 1, "metric": COUNT, "every": "hour", "condition": {"static": {"op": ">", "value": 100}}}
    return {key: value for key, value in (plain | changes).items() if value is not None}


def change(**changes: Any) -> dict[str, Any]:
    return {"change": {"direction": "down", "percent": 50, "against": "week"} | changes}


def refused(**changes: Any) -> str:
    with pytest.raises(CriteriaError) as refusal:
        parse(rule(**changes))
    return str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "number of API Call per hour is more than 100"),
        (
            {
                "metric": {"ratio": FAILED, "to": CALLS},
                "every": "5m",
                "mode": "rolling",
                "group_by": ["company_id"],
                "minimum": 20,
                "condition": {"static": {"op": ">", "value": 0.05}, "of_last": {"k": 2, "n": 3}},
            },
            "share of API Call where response.status is at least 500 in API Call over the last 5 minutes for each "
            "company_id (of the 50 with the most events) is more than 5%, in 2 of the last 3 windows, of at least "
            "20 events",
        ),
        (
            {"metric": {"of": CALLS, "figure": "p95", "field": "duration_ms"}, "condition": change()},
            "95th percentile of duration_ms over API Call per hour fell by 50% or more against a week before",
        ),
        (
            {"condition": {"anomaly": {"direction": "up", "sensitivity": "low"}}, "every": "day"},
            "number of API Call per day is higher than expected by its own past (low sensitivity)",
        ),
        (
            {"condition": {"silence": {"after": 2}}, "group_by": ["company_id"], "most_groups": 10},
            "number of API Call per hour for each company_id (of the 10 with the most events) has no events in "
            "2 intervals in a row, after events in most of the 24 before",
        ),
    ],
)
def test_a_definition_reads_as_a_sentence(changes: dict[str, Any], words: str):
    assert parse(rule(**changes)).words() == words


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": True}, "version: expected 1"),
        ({"metric": None}, "metric: missing"),
        ({"metrics": 1}, "metrics: unknown key"),
        ({"metric": {"of": CALLS}}, "metric.figure: missing"),
        ({"metric": {"of": CALLS, "figure": "p95"}}, "metric.field: missing, expected a field"),
        ({"metric": COUNT | {"field": "duration_ms"}}, "metric.field: no field is expected"),
        ({"metric": {"of": CALLS, "figure": "sum", "field": "request.verb"}}, "metric.field: expected a field that"),
        ({"metric": {"ratio": CALLS}}, "metric.to: missing"),
        ({"metric": {"ratio": CALLS, "to": CALLS, "figure": "count"}}, "metric.figure: unknown key"),
        ({"metric": {"of": RECENT, "figure": "count"}}, "metric.of: expected a filter without times that move"),
        ({"every": "2m"}, 'every: expected "1m", "5m", "15m"'),
        ({"mode": "sliding"}, 'mode: expected "calendar" or "rolling"'),
        ({"group_by": []}, "group_by: expected a list of one or two fields"),
        ({"group_by": ["user_id", "company_id", "type"]}, "group_by: expected at most 2 fields"),
        ({"group_by": ["type", "type"]}, "group_by[1]: expected another field"),
        ({"group_by": ["plan"]}, "group_by[0]: expected a field of an event"),
        ({"group_by": ["company.plan"]}, "group_by[0]: expected a field of a company"),
        ({"group_by": ["user.first_seen_time"]}, "group_by[0]: expected a field of a profile, not"),
        ({"group_by": ["tags"]}, "group_by[0]: expected a field with one text, number or boolean"),
        ({"most_groups": 10}, 'most_groups: expected only with "group_by"'),
        ({"group_by": ["type"], "most_groups": 0}, "most_groups: expected a whole number from 1 to 1,000"),
        ({"minimum": -1}, "minimum: expected a whole number"),
        ({"recovers": 0}, "recovers: expected a whole number from 1 to 100"),
        ({"grace": "25h"}, 'grace: expected a duration of at most "24h"'),
        ({"week_starts_on": 8}, "week_starts_on: expected a whole number from 1 to 7"),
        ({"condition": {}}, 'condition: expected an object with one of the keys "static"'),
        ({"condition": change() | {"silence": {"after": 1}}}, "condition: expected an object with one of the keys"),
        ({"condition": {"static": {"op": "is", "value": 1}}}, "condition.static.op: expected"),
        ({"condition": {"static": {"op": ">"}}}, "condition.static.value: missing"),
        ({"condition": {"static": {"outside": [2, 1]}}}, "condition.static.outside: expected the lower bound first"),
        (
            {"condition": {"static": {"op": ">", "value": 5, "recover_at": 6}}},
            "condition.static.recover_at: expected what is good",
        ),
        (
            {"condition": {"static": {"op": ">", "value": 5}, "of_last": {"k": 4, "n": 3}}},
            'condition.of_last.k: expected 1 to "n"',
        ),
        ({"condition": change(percent=101)}, "condition.change.percent: expected a number above 0, at most 100"),
        ({"condition": change(against="day"), "every": "week"}, 'condition.change.against: expected "before" or "w'),
        ({"condition": {"anomaly": {"direction": "sideways"}}}, "condition.anomaly.direction: expected"),
        ({"condition": {"silence": {}}}, "condition.silence.after: missing"),
        ({"condition": {"silence": {"after": 1, "before": 1}}}, "condition.silence.before: expected 2 to"),
    ],
)
def test_what_is_refused_says_where_and_what_is_expected(changes: dict[str, Any], fault: str):
    assert refused(**changes).startswith(fault)


def test_what_a_new_rule_starts_from_is_complete_but_for_what_is_to_fill_in():
    for key, kind in CONDITIONS.items():
        filled = {name: {"op": ">", "value": 1} if "value" in inner else inner for name, inner in kind.blank.items()}
        assert parse(rule(condition=filled)).words(), key
