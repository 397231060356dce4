"""Faults stand at their input, in plain language; the last valid definition stays in use meanwhile."""

from __future__ import annotations

import json
import re

import pytest
from django.http import QueryDict

from cohorts.builder import builder_from
from tests.cohorts.builder.forms import change, html_of, inputs_of, of, post

pytestmark = pytest.mark.django_db


def condition(field, op, *value):
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def performed(where=None, **rest):
    events = {"type": "api_call"} | ({"where": where} if where else {})
    return {"performed": events, "at_least": 1, "within": {"last": "7d"}} | rest


GOOD = condition("email", "exists")


@pytest.mark.parametrize(
    ("match", "id_", "words"),
    [
        (condition("", "is", ""), "b-match-field", "Choose a field."),
        (condition("plan", "is", "a"), "b-match-field", "no such field"),
        (condition("email", "is", ""), "b-match-value", "Fill this in."),
        (condition("email", "is", ["a", ""]), "b-match-value-1", "Fill this in."),
        (condition("metadata.n", ">", "abc"), "b-match-value", "Enter a number"),
        (condition("metadata.n", "is", None), "b-match-value", "Enter a number"),
        (condition("metadata.n", "between", [5, 1]), "b-match-value", "The smaller number comes first."),
        (
            condition("created", "between", [{"ago": "1d"}, {"ago": "3d"}]),
            "b-match-value",
            "The earlier time comes first.",
        ),
        (condition("created", "before", {"ago": "xd"}), "b-match-value-ago", "whole number"),
        (condition("created", "on", {"last": "0d"}), "b-match-value-last", "above 0"),
        (performed(at_least=0), "b-match-at_least", "Enter 1 or more."),
        (performed(at_least="x"), "b-match-at_least", "whole number"),
        (performed(at_least=5, at_most=2), "b-match-at_most", "must not be smaller"),
        (performed(within={"last": "d"}), "b-match-within-last", "how long"),
        (performed(within={"from": "7d", "to": "30d"}), "b-match-within-from", "longer one"),
        (performed(within={"after": ""}), "b-match-within-after", "Choose a date"),
        (performed(within={"calendar": "nonsense"}), "", "today"),
        (performed(where=condition("", "is", "")), "b-match-performed-where-field", "Choose a field."),
        ({"all": [GOOD, {"any": [condition("email", "is", "")]}]}, "b-match-all-1-any-0-value", "Fill this in."),
        ({"all": [GOOD, {"not": condition("email", "is", "")}]}, "b-match-all-1-not-value", "Fill this in."),
        ({"all": [GOOD] * 101}, "b-match-all-100", "At most 100 conditions"),
    ],
)
def test_a_fault_stands_at_its_input(match, id_, words):
    built = of(match)
    assert not built.is_valid
    assert words in built.fault_text
    html = html_of(built)
    if id_:
        assert built.fault_id == id_
        place = re.search(f'<span class="control-fault[^"]*" id="{id_}-fault">([^<]*)</span>', html)
        assert place, f"no place for a fault at {id_}"
        assert words in place[1]
        assert html.count(f'id="{id_}-fault"') == 1


def test_no_two_elements_share_an_id():
    match = {
        "all": [GOOD, performed(where={"any": [condition("tags", "is", ["a", "b"]), condition("tags", "exists")]})]
    }
    ids = re.findall(r'\bid="([^"]+)"', html_of(of(match)))
    assert sorted(ids) == sorted(set(ids))


def test_what_is_still_missing_is_no_mistake():
    assert of(condition("email", "is", "")).fault_is_open
    assert of(condition("", "is", "")).fault_is_open
    assert not of(condition("metadata.n", ">", "abc")).fault_is_open
    assert 'aria-invalid="true"' in html_of(of(condition("metadata.n", ">", "abc")))
    assert 'aria-invalid="true"' not in html_of(of(condition("email", "is", "")))


def test_the_last_valid_definition_stays_in_use():
    good = of(condition("metadata.n", ">", 5))
    broken = change(good, **{"match.value:number": "abc"})
    assert not broken.is_valid
    assert json.loads(broken.criteria)["match"] == good.match
    assert broken.words == "metadata.n is more than 5"
    assert broken.fingerprint == good.fingerprint
    again = change(broken, **{"match.value:number": "6"})
    assert json.loads(again.criteria)["match"]["value"] == 6
    assert again.fingerprint != good.fingerprint


def test_the_time_zone_belongs_to_the_definition():
    good = of(GOOD)
    moved = change(good, time_zone="Asia/Tokyo")
    assert moved.fingerprint != good.fingerprint
    assert change(good, time_zone="Mars/Olympus").time_zone == "UTC"
    assert change(good, week_starts_on="9").week_starts_on == 1
    assert change(good, week_starts_on="7").week_starts_on == 7


HOSTILE = [
    [("match.all[0]", "x"), ("match.all.any", "y")],
    [("match[0][1][2]", "x")],
    [("match.all[0].field:field", ""), ("match.all[0].field[3]", "b")],
    [("match" + ".all[0]" * 30 + ".field:field", "email")],
    [("match" + ".not" * 60, "x")],
    [("match:json", "[" * 5000)],
    [("match:json", '{"all": 5}')],
    [("match:json", '{"all": []}')],
    [("match:json", '{"field": {"a": 1}, "op": [1]}')],
    [("match:json", '{"field": "email", "op": "is", "value": {"a": [[[]]]}}')],
    [("match:json", '{"performed": 7, "within": 3, "at_least": {}}')],
    [("match:json", '{"performed": {"type": [], "action_name": {"a": 1}, "where": "x"}, "at_most": null}')],
    [("match:json", "NaN")],
    [("match:json", '{"field": "metadata.n", "op": "is", "value": NaN}')],
    [("match:json", '{"field": "metadata.n", "op": ">", "value": 1e999}')],
    [("match:json", '{"not": null}')],
    [("match:json", '{"field": "\\ud800", "op": "is", "value": "\\ud800"}')],
    [("match.performed:object", ""), ("match.within:window", "last"), ("match.within.last[7]", "x")],
    [("match:kind", "nonsense"), ("match:times", "x"), ("match:group", "y")],
    [("match.value:local", "not a date"), ("match.value:was", "x"), ("match.field:field", "created")],
    [("match.field:field", "created"), ("match.op", "before"), ("match.value.date:local", "9999-12-31T23:59")],
    [("match.field:field", "metadata." + "x" * 300), ("match.op", "is"), ("match.value", "y" * 100_000)],
    [("match.field:field", "metadata.\x00"), ("match.op", "is"), ("match.value", "\x00")],
    [("match.all[99999].field:field", "email"), ("match.all[5].field:field", "name")],
    [("match:number", "9" * 30)],
    [("match.field", "email"), ("match.op", "is"), *((f"match.value[{n}]", "") for n in range(900))],
]


@pytest.mark.parametrize("inputs", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["user", "company"])
def test_no_form_however_made_up_breaks_the_builder(inputs, kind):
    built = post([("fingerprint", "x"), ("criteria", "{"), ("time_zone", "../x"), *inputs], kind)
    html = html_of(built)
    assert "<script>alert" not in html
    inputs_of(built)
    assert built.words


@pytest.mark.parametrize(
    "criteria",
    [
        "{",
        "[]",
        "7",
        '{"match": 7}',
        '{"match": {"all": {}}}',
        "[" * 100_000,
        '{"match":' + '{"not":' * 500 + "1" + "}" * 501,
        '{"version": 1, "match": {"field": "email", "op": "is", "value": {"x": NaN}}}',
    ],
)
def test_no_address_however_made_up_breaks_the_builder(criteria):
    data = QueryDict(mutable=True)
    data["criteria"] = criteria
    built = builder_from(data, "user")
    html_of(built)
    assert built.words == "all users"
    assert built.criteria == ""
