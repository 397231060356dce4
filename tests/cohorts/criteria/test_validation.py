"""Every constraint of the grammar, with the path and the words of its fault."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cohorts.criteria import LEAVES, CriteriaError, parse
from ingest.models import CustomerKind

PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
CALLED = {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "7d"}}
STATUS = {"field": "response.status", "op": "is", "value": 400}
TIME = 'expected a time with an offset such as "2026-03-01T00:00:00Z"'
MOMENT = f'{TIME}, or an age such as {{"ago": "7d"}} or {{"in": "7d"}}'
DURATION = 'expected a duration such as "7d"'
WINDOW = 'expected a window such as {"last": "7d"}, {"calendar": "today"} or {"ever": true}'
PERIOD = 'expected {"calendar": "today"} or {"last": "7d"}'
TEXT = "expected a text that is not empty"
COUNT = "expected a whole number, 0 or more"
SCALAR = "expected a text, a number, true or false, or a list of them"
TEXT_OPS = '"is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "exists" or "not_exists"'
NUMBER_OPS = '"is", "is_not", ">", ">=", "<", "<=", "between", "exists" or "not_exists"'
TIME_OPS = '"before", "after", "between", "on", "not_on", "exists" or "not_exists"'


def profile(field: str, op: str, *value: Any) -> dict[str, Any]:
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def called(**changes: Any) -> dict[str, Any]:
    """The leaf CALLED with other keys; None takes a key away."""
    return {key: value for key, value in (CALLED | changes).items() if value is not None}


def nested(levels: int, leaf: dict[str, Any]) -> dict[str, Any]:
    for _ in range(levels - 1):
        leaf = {"not": leaf}
    return leaf


def fault(match: Any, kind: CustomerKind = CustomerKind.USER) -> str:
    with pytest.raises(CriteriaError) as refused:
        parse({"version": 1, "match": match}, kind)
    return str(refused.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, 'expected an object {"version": 1, "match": ...}'),
        ([], 'expected an object {"version": 1, "match": ...}'),
        ({"version": 1}, "match: missing"),
        ({"match": PRO}, "version: missing"),
        ({"version": 2, "match": PRO}, "version: expected 1"),
        ({"version": True, "match": PRO}, "version: expected 1"),
        ({"version": "1", "match": PRO}, "version: expected 1"),
        ({"version": 1, "match": PRO, "name": "x"}, 'name: unknown key, expected "version" or "match"'),
    ],
)
def test_a_document_is_refused(document, message):
    with pytest.raises(CriteriaError) as refused:
        parse(document, CustomerKind.USER)
    assert str(refused.value) == message


KINDS = '"all", "any", "not", "field", "performed", "aggregate", "ratio", "trend", "sequence", "first", '
KINDS += '"cohort", "company" or "users"'
TREE = [
    (None, f"match: expected an object with one of the keys {KINDS}"),
    ([PRO], f"match: expected an object with one of the keys {KINDS}"),
    ({}, f"match: expected one of the keys {KINDS}, found none"),
    ({"funnel": {}, "within": {}}, f'match: expected one of the keys {KINDS}, found "funnel" and "within"'),
    ({"all": []}, "match.all: expected a list that is not empty"),
    ({"any": PRO}, "match.any: expected a list that is not empty"),
    ({"not": None}, f"match.not: expected an object with one of the keys {KINDS}"),
    ({"not": [PRO]}, f"match.not: expected an object with one of the keys {KINDS}"),
    ({"all": [PRO], "any": [PRO]}, 'match: expected only one of the keys "all" and "any"'),
    ({**PRO, "not": PRO}, 'match: expected only one of the keys "not" and "field"'),
    ({**PRO, **CALLED}, 'match: expected only one of the keys "field" and "performed"'),
    ({"all": [PRO], "note": "x"}, 'match.note: unknown key, expected "all"'),
    (
        {"all": [PRO, {"any": [{"not": {"colour": 1}}]}]},
        f'match.all[1].any[0].not: expected one of the keys {KINDS}, found "colour"',
    ),
    ({"any": [PRO] * 101}, "match.any[100]: expected at most 100 conditions, filters included"),
    (
        {"any": [*[PRO] * 98, called(performed={"where": {"all": [STATUS, STATUS]}})]},
        "match.any[98].performed.where.all[1]: expected at most 100 conditions, filters included",
    ),
    (nested(9, PRO), "match" + ".not" * 8 + ": expected at most 8 levels of nesting"),
    (
        nested(8, called(performed={"where": STATUS})),
        "match" + ".not" * 7 + ".performed.where: expected at most 8 levels of nesting",
    ),
    (nested(5000, PRO), "match" + ".not" * 8 + ": expected at most 8 levels of nesting"),
]

PROFILE = [
    ({"field": "email"}, "match.op: missing"),
    (profile("email", "is"), "match.value: missing"),
    ({**PRO, "within": {"last": "1d"}}, 'match.within: unknown key, expected "field", "op" or "value"'),
    (profile("", "exists"), f"match.field: {TEXT}"),
    (profile(None, "exists"), f"match.field: {TEXT}"),
    (
        profile("plan", "is", "pro"),
        'match.field: expected a field of a user such as "user_id", "email", "first_seen_time" or "metadata.NAME", '
        'not "plan"',
    ),
    (
        profile("company.plan", "is", "pro"),
        'match.field: expected a field of a company such as "company_id", "email", "first_seen_time" or '
        '"metadata.NAME", not "plan"',
    ),
    (profile("email", "like", "x"), f"match.op: expected {TEXT_OPS}"),
    (profile("email", ["is"], "x"), f"match.op: expected {TEXT_OPS}"),
    (profile("email", ">", 1), f"match.op: expected {TEXT_OPS}"),
    (profile("email", "on", {"calendar": "today"}), f"match.op: expected {TEXT_OPS}"),
    (profile("first_seen_time", "is", "2026-03-01T00:00:00Z"), f"match.op: expected {TIME_OPS}"),
    (profile("company.last_seen_time", "contains", "2026"), f"match.op: expected {TIME_OPS}"),
    (profile("email", "exists", True), 'match.value: no value is expected with "exists"'),
    (profile("email", "not_exists", None), 'match.value: no value is expected with "not_exists"'),
]

VALUES = [
    (profile("email", "is", None), "match.value: expected a text"),
    (profile("email", "is", ""), f"match.value: {TEXT}"),
    (profile("email", "is", []), "match.value: expected a value or a list of values that is not empty"),
    (profile("email", "is", 5), "match.value: expected a text"),
    (profile("email", "is_not", ["a", 5]), "match.value[1]: expected a text"),
    (profile("email", "is", ["a", ""]), f"match.value[1]: {TEXT}"),
    (profile("email", "is", {"a": 1}), "match.value: expected a text"),
    (profile("metadata.plan", "is", None), f"match.value: {SCALAR}"),
    (profile("metadata.plan", "is", ["a", None]), f"match.value[1]: {SCALAR}"),
    (profile("metadata.plan", "is", [["a"]]), f"match.value[0]: {SCALAR}"),
    (profile("metadata.plan", "is", "a\0b"), "match.value: expected a text without NUL characters and lone surrogates"),
    (profile("metadata.\ud800", "exists"), "match.field: expected a text without NUL characters and lone surrogates"),
    (profile("email", "contains", ""), f"match.value: {TEXT}"),
    (profile("email", "not_contains", ["a"]), f"match.value: {TEXT}"),
    (profile("email", "starts_with", 1), f"match.value: {TEXT}"),
    (profile("email", "ends_with", None), f"match.value: {TEXT}"),
    (profile("metadata.n", ">", "5"), "match.value: expected a number"),
    (profile("metadata.n", ">=", True), "match.value: expected a number"),
    (profile("metadata.n", "<", None), "match.value: expected a number"),
    (profile("metadata.n", "<=", [5]), "match.value: expected a number"),
    (profile("metadata.n", ">", float("nan")), "match.value: expected a number"),
    (profile("metadata.n", "is", float("inf")), "match.value: expected a number"),
    (profile("metadata.n", "is", 2**53 + 1), "match.value: expected a whole number between -2^53 and 2^53"),
    (profile("metadata.n", "between", 5), "match.value: expected a list of the lower and the upper bound"),
    (profile("metadata.n", "between", [5]), "match.value: expected a list of the lower and the upper bound"),
    (profile("metadata.n", "between", [1, 2, 3]), "match.value: expected a list of the lower and the upper bound"),
    (profile("metadata.n", "between", [1, "2"]), "match.value[1]: expected a number"),
    (profile("metadata.n", "between", [2, 1]), "match.value: expected the lower bound first"),
]

MOMENTS = [
    (profile("created", "before", "2026-03-01T00:00:00"), f"match.value: {MOMENT}"),
    (profile("created", "before", "2026-03-01"), f"match.value: {MOMENT}"),
    (profile("created", "before", "yesterday"), f"match.value: {MOMENT}"),
    (profile("created", "before", "0001-01-01T00:00:00+23:00"), f"match.value: {MOMENT}"),
    (profile("created", "after", 1772323200), f"match.value: {MOMENT}"),
    (profile("created", "after", None), f"match.value: {MOMENT}"),
    (profile("created", "after", {}), f"match.value: {MOMENT}"),
    (profile("created", "after", {"ago": "7d", "in": "7d"}), f"match.value: {MOMENT}"),
    (profile("created", "after", {"last": "7d"}), 'match.value.last: unknown key, expected "ago" or "in"'),
    (profile("created", "after", {"ago": "7"}), f"match.value.ago: {DURATION}"),
    (profile("created", "after", {"in": -7}), f"match.value.in: {DURATION}"),
    (profile("created", "between", ["2026-03-01T00:00:00Z", "soon"]), f"match.value[1]: {MOMENT}"),
    (profile("created", "between", [{"ago": "1d"}, {"ago": "7d"}]), "match.value: expected the earlier bound first"),
    (profile("created", "between", [{"in": "1d"}, {"ago": "7d"}]), "match.value: expected the earlier bound first"),
    (
        profile("created", "between", ["2026-03-02T00:00:00Z", "2026-03-02T00:30:00+01:00"]),
        "match.value: expected the earlier bound first",
    ),
    (profile("created", "on", "today"), f"match.value: {PERIOD}"),
    (profile("created", "on", {}), f"match.value: {PERIOD}"),
    (profile("created", "on", {"calendar": "today", "last": "7d"}), f"match.value: {PERIOD}"),
    (profile("created", "on", {"ever": True}), 'match.value.ever: unknown key, expected "calendar" or "last"'),
    (profile("created", "not_on", {"last": "0d"}), f"match.value.last: {DURATION}, longer than 0"),
]

EVENTS = [
    (called(performed=[]), 'match.performed: expected events such as {"type": "api_call"}'),
    (called(performed="api_call"), 'match.performed: expected events such as {"type": "api_call"}'),
    (
        called(performed={"kind": "api_call"}),
        'match.performed.kind: unknown key, expected "type", "action_name" or "where"',
    ),
    (called(performed={"type": "call"}), 'match.performed.type: expected "api_call", "action" or "any"'),
    (
        called(performed={"type": "action", "action_name": []}),
        "match.performed.action_name: expected a list of action names that is not empty",
    ),
    (
        called(performed={"type": "action", "action_name": "Signed Up"}),
        "match.performed.action_name: expected a list of action names that is not empty",
    ),
    (called(performed={"action_name": ["a", ""]}), f"match.performed.action_name[1]: {TEXT}"),
    (
        called(performed={"where": None}),
        'match.performed.where: expected an object with one of the keys "all", "any", "not" or "field"',
    ),
    (
        called(performed={"where": CALLED}),
        'match.performed.where: expected one of the keys "all", "any", "not" or "field", '
        'found "performed", "at_least" and "within"',
    ),
    (called(performed={"where": {"all": []}}), "match.performed.where.all: expected a list that is not empty"),
    (
        called(performed={"where": {"any": [STATUS, {"field": "email", "op": "exists"}]}}),
        'match.performed.where.any[1].field: expected a field of an event such as "response.status", '
        '"request.headers.NAME" or "metadata.NAME", not "email"',
    ),
    (
        called(performed={"where": {**STATUS, "value": "400"}}),
        "match.performed.where.value: expected a number",
    ),
    (called(performed={"where": {**STATUS, "op": "contains"}}), f"match.performed.where.op: expected {NUMBER_OPS}"),
    (
        called(performed={"where": profile("request.headers.accept", ">", 1)}),
        f"match.performed.where.op: expected {TEXT_OPS}",
    ),
    (called(performed={"where": profile("tags", "is", 5)}), "match.performed.where.value: expected a text"),
]

COUNTS = [
    (called(at_least=None), 'match: expected "at_least", "at_most" or both'),
    (called(at_least=0), 'match.at_least: expected 1 or more, or an "at_most" beside it'),
    (called(at_least=-1), f"match.at_least: {COUNT}"),
    (called(at_least="1"), f"match.at_least: {COUNT}"),
    (called(at_least=1.0), f"match.at_least: {COUNT}"),
    (called(at_least=True), f"match.at_least: {COUNT}"),
    (called(at_least=2**63), f"match.at_least: {COUNT}"),
    ({**CALLED, "at_most": None}, f"match.at_most: {COUNT}"),
    (called(at_least=3, at_most=2), 'match.at_most: expected no less than "at_least"'),
    (
        called(at_leats=3),
        'match.at_leats: unknown key, expected "performed", "at_least", "at_most" or "within"',
    ),
]

WINDOWS = [
    (None, 'match.within: missing, expected a window such as {"last": "7d"} or {"ever": true}'),
    ("7d", f"match.within: {WINDOW}"),
    ({}, f"match.within: {WINDOW}, and one form only"),
    ({"last": "7d", "calendar": "today"}, f"match.within: {WINDOW}, and one form only"),
    ({"from": "7d"}, f"match.within: {WINDOW}, and one form only"),
    ({"to": "7d"}, f"match.within: {WINDOW}, and one form only"),
    ({"ever": True, "after": "2026-03-01T00:00:00Z"}, f"match.within: {WINDOW}, and one form only"),
    (
        {"since": "7d"},
        'match.within.since: unknown key, expected "last", "from", "to", "calendar", "after", "before" or "ever"',
    ),
    ({"last": 7}, f"match.within.last: {DURATION}"),
    ({"last": "7"}, f"match.within.last: {DURATION}"),
    ({"last": "7 d"}, f"match.within.last: {DURATION}"),
    ({"last": "-7d"}, f"match.within.last: {DURATION}"),
    ({"last": "1.5d"}, f"match.within.last: {DURATION}"),
    ({"last": "7D"}, f"match.within.last: {DURATION}"),
    ({"last": "\u0667d"}, f"match.within.last: {DURATION}"),
    ({"last": "7d\n"}, f"match.within.last: {DURATION}"),
    ({"last": None}, f"match.within.last: {DURATION}"),
    ({"last": "0d"}, f"match.within.last: {DURATION}, longer than 0"),
    ({"last": "36501d"}, 'match.within.last: expected a duration of at most "36500d"'),
    ({"last": "999999999999999w"}, 'match.within.last: expected a duration of at most "36500d"'),
    ({"from": "7d", "to": "7d"}, 'match.within.from: expected a longer age than "to"'),
    ({"from": "6d", "to": "1w"}, 'match.within.from: expected a longer age than "to"'),
    ({"from": "x", "to": "7d"}, f"match.within.from: {DURATION}"),
    ({"from": "8d", "to": None}, f"match.within.to: {DURATION}"),
    (
        {"calendar": "tomorrow"},
        'match.within.calendar: expected "today", "yesterday", "this_week", "last_week", "this_month" or "last_month"',
    ),
    (
        {"calendar": ["today"]},
        'match.within.calendar: expected "today", "yesterday", "this_week", "last_week", "this_month" or "last_month"',
    ),
    ({"after": "2026-03-01T00:00:00"}, f"match.within.after: {TIME}"),
    ({"before": {"ago": "7d"}}, f"match.within.before: {TIME}"),
    ({"after": None}, f"match.within.after: {TIME}"),
    (
        {"after": "2026-03-01T00:00:00Z", "before": "2026-03-01T01:00:00+01:00"},
        'match.within.before: expected a later time than "after"',
    ),
    ({"ever": False}, "match.within.ever: expected true"),
    ({"ever": 1}, "match.within.ever: expected true"),
]


@pytest.mark.parametrize(
    ("match", "message"),
    [
        *TREE,
        *PROFILE,
        *VALUES,
        *MOMENTS,
        *EVENTS,
        *COUNTS,
        *((called(within=window), text) for window, text in WINDOWS),
    ],
)
def test_a_node_is_refused_with_the_path_of_the_fault(match, message):
    assert fault(match) == message


def test_fields_of_the_company_are_those_of_the_customer_in_a_company_cohort():
    assert fault(profile("company.metadata.plan", "exists"), CustomerKind.COMPANY).startswith(
        "match.field: expected a field of a company"
    )
    assert fault(profile("user_id", "exists"), CustomerKind.COMPANY).startswith(
        "match.field: expected a field of a company"
    )


def test_a_fault_is_short_and_printable_whatever_was_sent():
    message = fault({**PRO, "\ud800" * 1000: 1})
    assert len(message) < 500
    assert json.loads(json.dumps(message).encode()) == message.encode().decode()


ACCEPTED = [
    profile("metadata.plan", "is", ["pro", 3, 1.5, True]),
    profile("metadata.plan", "is_not", False),
    profile("metadata.a.b", "between", [-1, 2**53]),
    profile("metadata.renewal", "between", [{"ago": "0d"}, {"in": "36500d"}]),
    profile("metadata.renewal", "between", ["2026-03-01T00:00:00Z", {"ago": "1d"}]),
    profile("created", "before", "2026-03-01T00:00:00.123456789+05:45"),
    profile("campaign.utm_source", "not_exists"),
    profile("company.company_domain", "ends_with", ".test"),
    profile("company.first_seen_time", "not_on", {"calendar": "last_month"}),
    called(at_least=0, at_most=0),
    called(at_least=None, at_most=3, within={"from": "1s", "to": "0w"}),
    called(performed={}, within={"ever": True}),
    called(performed={"type": "any", "action_name": ["a"], "where": {"not": {"all": [STATUS]}}}),
    called(within={"before": "2026-03-01T00:00:00+00:00"}),
    nested(8, PRO),
    nested(7, called(performed={"where": STATUS})),
    {"any": [*[PRO] * 98, called(performed={"where": STATUS})]},
]


@pytest.mark.parametrize("match", ACCEPTED)
def test_a_valid_node_is_accepted_and_kept_as_given(match):
    document = {"version": 1, "match": match}
    assert parse(document, CustomerKind.USER).document == document


COMPARED = {"op": ">", "value": 1, "within": {"last": "7d"}}
WHOLE = {
    "field": (CustomerKind.USER, PRO, ["op", "value"]),
    "performed": (CustomerKind.USER, {**CALLED, "at_most": 3}, ["within"]),
    "aggregate": (
        CustomerKind.USER,
        {"aggregate": {}, "of": "duration_ms", "by": "avg", **COMPARED},
        ["of", "by", "op", "value", "within"],
    ),
    "ratio": (CustomerKind.USER, {"ratio": {}, "to": {}, "minimum": 2, **COMPARED}, ["to", "op", "value", "within"]),
    "trend": (
        CustomerKind.USER,
        {"trend": {}, "change": "<", "percent": 0, "minimum": 2, "within": {"last": "7d"}},
        ["change", "percent", "within"],
    ),
    "sequence": (
        CustomerKind.USER,
        {"sequence": [{}, {}], "each_within": "1d", "completed": False, "within": {"last": "7d"}},
        ["each_within", "within"],
    ),
    "first": (CustomerKind.USER, {"first": {}, "within": {"last": "7d"}}, ["within"]),
    "company": (CustomerKind.USER, {"company": PRO}, []),
    "users": (CustomerKind.COMPANY, {"users": PRO, "at_least": 2}, []),
}
"Per kind of leaf (but `cohort`, which needs one) one with every key, and the keys that it cannot do without."


def test_every_kind_of_leaf_is_held_against_its_keys():
    assert {*WHOLE, "cohort"} == set(LEAVES)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, (_, leaf, _) in WHOLE.items() for key in leaf])
def test_null_is_refused_under_every_key_of_every_leaf(name, key):
    kind, leaf, _ = WHOLE[name]
    assert parse({"version": 1, "match": leaf}, kind)
    assert fault({**leaf, key: None}, kind).startswith(f"match.{key}: expected ")


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, (_, _, keys) in WHOLE.items() for key in keys])
def test_a_leaf_without_a_key_that_it_needs_is_refused_at_that_key(name, key):
    kind, leaf, _ = WHOLE[name]
    assert fault({other: leaf[other] for other in leaf if other != key}, kind).startswith(f"match.{key}: missing")


@pytest.mark.parametrize("name", WHOLE)
def test_an_unknown_key_is_refused_in_every_leaf_and_the_known_ones_are_named(name):
    kind, leaf, _ = WHOLE[name]
    message = fault({**leaf, "color": 1}, kind)
    assert message.startswith("match.color: unknown key, expected ")
    assert all(f'"{key}"' in message for key in leaf)


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ({**WHOLE["aggregate"][1], "value": float("nan")}, "match.value: expected a number"),
        ({**WHOLE["ratio"][1], "op": "between", "value": [1, None]}, "match.value[1]: expected a number"),
        ({**WHOLE["ratio"][1], "minimum": 2**53 + 1}, f"match.minimum: {COUNT}"),
        ({**WHOLE["trend"][1], "percent": 2**53 + 1}, "match.percent: expected a whole number between -2^53 and 2^53"),
        (
            {**WHOLE["sequence"][1], "each_within": "36501d"},
            'match.each_within: expected a duration of at most "36500d"',
        ),
    ],
)
def test_figures_have_the_bounds_of_other_numbers(match, message):
    assert fault(match) == message
