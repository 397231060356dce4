"""Any valid definition, shown as a form and read back, is the same definition."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cohorts.criteria import parse
from ingest.models import CustomerKind
from tests.cohorts.builder.forms import inputs_of, of, post, same
from tests.factories import NOON
from tests.properties.definitions import nodes

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "60"))
pytestmark = pytest.mark.django_db
ZONES = ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"]


@settings(
    max_examples=EXAMPLES,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.sampled_from(["user", "company"]).flatmap(lambda kind: st.tuples(st.just(kind), nodes(kind, NOON))),
    st.sampled_from(ZONES),
)
def test_a_definition_passes_through_the_form_unchanged(case, zone):
    kind, match = case
    parse({"version": 1, "match": match}, CustomerKind(kind))
    shown = of(match, kind, time_zone=zone, week_starts_on=3)
    read = post(inputs_of(shown), kind)
    assert same(read.match) == same(match)
    assert (read.time_zone, read.week_starts_on) == (zone, 3)
    assert read.fingerprint == post(inputs_of(read), kind).fingerprint


def condition(field, op, *value):
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def counted(events, **rest):
    return {"performed": events, "at_least": 1, "within": {"last": "7d"}} | rest


DEEP = condition("email", "exists")
for _ in range(7):
    DEEP = {"not": DEEP}

RARE = [
    DEEP,
    condition("email", "is", "x\ny"),
    condition("email", "is", "\u202egnp"),
    condition("email", "is", [" a", "b ", "\t"]),
    condition("email", "is", [f"v{number}" for number in range(500)]),
    condition("email", "is", ["one\ntwo", *(f"v{number}" for number in range(20))]),
    condition("email", "is_not", ["a"]),
    condition("metadata.n", "is", [1, 2.5, "1", True, False, "true", -3, 1e18, 5e-324]),
    condition("metadata.n", "is", [1, "1", True, False, "null", "x" * 5000]),
    condition("metadata.n", "is", "<script>alert('{{7*7}}')</script>&amp;\"'"),
    condition("metadata.n", "is", 2**53),
    condition("metadata.n", "between", [1, 2]),
    condition("metadata.n", "between", ["2026-03-01T00:00:00Z", {"in": "3w"}]),
    condition("metadata.n", "before", "2026-03-01T10:20:30.123456+05:45"),
    condition("metadata.name with spaces", "is", "a"),
    condition("metadata.First seen", "is", "a"),
    condition("metadata.a:b[0].c", "is", "a"),
    condition("first_seen_time", "between", [{"ago": "0s"}, {"in": "36500d"}]),
    condition("first_seen_time", "after", "0001-01-01T00:00:00Z"),
    condition("first_seen_time", "before", "9999-12-31T23:59:59-00:00"),
    condition("first_seen_time", "before", "20260301T000000Z"),
    condition("first_seen_time", "on", {"last": "007d"}),
    condition("company.metadata.plan", "is", "pro"),
    condition("company.company_id", "not_exists"),
    counted({}),
    counted({"type": "any"}),
    counted({"action_name": ["a"]}),
    counted({"type": "api_call", "action_name": ["a", "b"]}),
    counted({"where": {"any": [condition("tags", "is", "x"), {"not": {"all": [condition("tags", "exists")]}}]}}),
    counted({"where": condition("request.headers.X-Y", "is", "x")}),
    counted({}, at_least=0, at_most=0),
    counted({}, at_least=0, at_most=5),
    counted({}, at_least=2, at_most=2),
    {"performed": {}, "at_most": 0, "within": {"ever": True}},
    {"performed": {}, "at_most": 3, "within": {"from": "37d", "to": "7d"}},
    counted({}, within={"after": "2026-03-01T00:00:00Z"}),
    counted({}, within={"before": "2026-03-01T00:00:00.5Z"}),
    counted({}, within={"after": "2025-10-26T02:30:00+01:00", "before": "2026-03-01T00:00:00Z"}),
    {"all": [DEEP["not"], {"any": [counted({})]}]},
    {"any": [{"all": [{"any": [DEEP["not"]["not"]["not"]]}]}]},
    {"all": [condition("email", "is", f"{number}@acme.test") for number in range(100)]},
]


@pytest.mark.parametrize("match", RARE)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_rare_definitions_pass_through_the_form_unchanged(match, zone):
    parse({"version": 1, "match": match}, CustomerKind.USER)
    assert same(post(inputs_of(of(match, time_zone=zone))).match) == same(match)


def test_a_blank_form_asks_for_everybody():
    read = post(inputs_of(of(None)))
    assert read.match is None
    assert read.is_valid
    assert read.criteria == ""
    assert read.words == "all users"
