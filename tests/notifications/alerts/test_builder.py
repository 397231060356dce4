"""The rule editor: any definition as a form and back, choices that fit each other, faults at their input."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from notifications.alerts.builder.group_fields import suggest_group_fields
from notifications.alerts.definition import parse
from notifications.alerts.recipes import RECIPES
from tests.factories import NOON
from tests.notifications.alerts.builder_forms import change, html_of, inputs_of, of

pytestmark = pytest.mark.django_db

CALLS = {"type": "api_call"}
FAILED = {"field": "response.status", "op": ">=", "value": 500}
RULES: list[dict[str, Any]] = [
    {},
    {"metric": {"of": {**CALLS, "where": FAILED}, "figure": "count"}, "minimum": 0},
    {"metric": {"of": {"type": "action", "action_name": ["Signed Up", "Paid"]}, "figure": "distinct", "field": "tags"}},
    {"metric": {"of": {}, "figure": "p99", "field": "metadata.size"}, "every": "5m", "mode": "rolling"},
    {"metric": {"ratio": {**CALLS, "where": {"any": [FAILED, {"not": FAILED}]}}, "to": CALLS}, "recovers": 3},
    {"group_by": ["company_id"], "most_groups": 200, "grace": "1h"},
    {"group_by": ["company.metadata.plan", "request.route"], "grace": "0s"},
    {"condition": {"static": {"op": "<=", "value": -2.5}, "of_last": {"k": 2, "n": 3}}},
    {"condition": {"static": {"op": ">", "value": 10, "recover_at": 7}}},
    {"condition": {"static": {"outside": [10, 20]}}},
    {"condition": {"static": {"outside": [10, 20], "recover_at": [12, 18]}}},
    {"condition": {"change": {"direction": "up", "percent": 12.5, "against": "before"}}, "every": "month"},
    {"condition": {"anomaly": {"direction": "down", "sensitivity": "high"}}},
    {"condition": {"silence": {"after": 2}}},
    {"condition": {"silence": {"after": 2, "before": 30}}, "every": "week", "week_starts_on": 7},
]


@pytest.mark.parametrize("rule", [*RULES, *(recipe.rule for recipe in RECIPES)])
def test_every_rule_goes_through_the_form_and_back(rule):
    draft = of(**rule)
    assert draft.is_valid, draft.fault
    back = change(draft)
    assert replace(parse(back.document), document={}) == replace(parse(draft.document), document={})
    ids = re.findall(r'\bid="([^"]+)"', html_of(draft))
    assert sorted(ids) == sorted(set(ids))


def test_a_share_begins_with_the_same_events_and_a_condition_to_fill_in():
    share = change(of(), **{"metric:measure": "ratio"})
    assert share.document["metric"]["to"] == CALLS
    assert share.document["metric"]["ratio"]["type"] == "api_call"
    assert share.fault_id == "b-metric-ratio-where-field"
    assert share.fault_is_open
    figure = change(share, **{"metric:measure": "p95"})
    assert figure.fault_id == "b-metric-field"
    done = change(figure, **{"metric.field:field": "Duration in ms"})
    assert done.document["metric"]["field"] == "duration_ms"


def test_a_threshold_becomes_a_range_and_back():
    threshold = change(of(), **{"condition:when": "static"})
    assert threshold.fault_id == "b-condition-static-value"
    assert "number" in threshold.fault_text
    ranged = change(threshold, **{"condition.static.value:number": "20", "condition.static:compare": "outside"})
    assert ranged.document["condition"] == {"static": {"outside": ["", 20]}}
    again = change(ranged, **{"condition.static:compare": "<"})
    assert again.document["condition"] == {"static": {"op": "<", "value": 20}}


def test_groups_come_and_go_with_what_belongs_to_them():
    grouped, goes_on = of().edited("another group_by")
    assert goes_on == "group_by[0]"
    assert grouped.fault_is_open
    grouped = change(grouped, **{"group_by[0]:field": "Company ID"})
    assert grouped.document["group_by"] == ["company_id"]
    grouped = change(grouped, **{"most_groups:least": "7"})
    alone, _ = grouped.edited("drop group_by[0]")
    assert alone.is_valid
    assert "most_groups" not in alone.document


def test_what_a_length_has_no_season_for_is_compared_with_the_interval_before():
    rule = of(condition={"change": {"direction": "up", "percent": 50, "against": "day"}})
    weekly = change(rule, every="week")
    assert weekly.is_valid
    assert weekly.document["condition"]["change"]["against"] == "before"


@pytest.mark.parametrize(
    ("rule", "id_", "words"),
    [
        ({"metric": {"of": CALLS, "figure": "p95", "field": "nonsense"}}, "b-metric-field", "no such field"),
        (
            {"metric": {"of": {**CALLS, "where": {**FAILED, "value": "x"}}, "figure": "count"}},
            "b-metric-of-where-value",
            "number",
        ),
        ({"group_by": ["company_id", "company_id"]}, "b-group_by-1", "another field"),
        ({"group_by": ["company_id"], "most_groups": 5000}, "b-most_groups", "1,000"),
        ({"minimum": "many"}, "b-minimum", "whole number"),
        ({"grace": "48h"}, "b-grace", "24"),
        ({"condition": {"static": {"op": ">", "value": 5, "recover_at": 9}}}, "b-condition-static-recover_at", "good"),
        (
            {"condition": {"change": {"direction": "down", "percent": 300, "against": "day"}}},
            "b-condition-change-percent",
            "100",
        ),
        ({"condition": {"silence": {"after": 0}}}, "b-condition-silence-after", "1"),
    ],
)
def test_a_fault_stands_at_its_input(rule, id_, words):
    draft = of(**rule)
    assert draft.fault_id == id_
    assert words in draft.fault_text
    place = re.search(f'id="{id_}-fault">([^<]*)</span>', html_of(draft))
    assert place, f"no place for a fault at {id_}"
    assert words in place[1]


def test_the_last_valid_rule_stays_in_use_while_another_is_typed():
    broken = change(of(recovers=2), **{"recovers:least": "x"})
    assert not broken.is_valid
    assert parse(broken.definition.document).recovers == 2
    assert dict(inputs_of(broken))["recovers:least"] == "x"


def test_groups_are_offered_that_a_rule_can_have():
    offered = [option.words for option in suggest_group_fields("", NOON)]
    assert offered[:2] == ["company_id", "user_id"]
    assert "request.route" in offered
    assert not {"tags", "company.first_seen_time"} & set(offered)
    assert [option.words for option in suggest_group_fields("route", NOON)] == ["request.route"]
