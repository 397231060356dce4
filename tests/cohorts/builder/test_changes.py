"""Changing a field, an operator, a window: the rest of the condition follows, and what fits stays."""

from __future__ import annotations

import pytest

from ingest.columns import open_columns
from tests.cohorts.builder.forms import change, html_of, inputs_of, of
from tests.factories import NOON, make_user

pytestmark = pytest.mark.django_db


def condition(field, op, *value):
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def performed(**rest):
    return {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "7d"}} | rest


PLAN = condition("metadata.plan", "is", "pro")


@pytest.mark.parametrize(
    ("before", "field", "after"),
    [
        (condition("", "is", ""), "First seen", condition("first_seen_time", "on", {"calendar": "today"})),
        (condition("", "is", ""), "  email ", condition("email", "is", "")),
        (condition("email", "is", ["a", "b"]), "Name", condition("name", "is", ["a", "b"])),
        (condition("metadata.n", ">", 5), "email", condition("email", "is", "5")),
        (condition("metadata.n", "is", [5, "a", True]), "email", condition("email", "is", ["5", "a", ""])),
        (condition("email", "contains", "a"), "created", condition("created", "on", {"calendar": "today"})),
        (condition("email", "exists"), "created", condition("created", "exists")),
        (condition("created", "on", {"last": "3d"}), "metadata.when", condition("metadata.when", "on", {"last": "3d"})),
    ],
)
def test_another_field_keeps_what_fits_it(before, field, after):
    assert change(of(before), **{"match.field:field": field}).match == after


@pytest.mark.parametrize(
    ("before", "op", "after"),
    [
        (PLAN, "is_not", condition("metadata.plan", "is_not", "pro")),
        (PLAN, "exists", condition("metadata.plan", "exists")),
        (PLAN, ">", condition("metadata.plan", ">", "pro")),
        (PLAN, "between", condition("metadata.plan", "between", ["", ""])),
        (PLAN, "before", condition("metadata.plan", "before", "pro")),
        (condition("metadata.plan", "is", 5), "between", condition("metadata.plan", "between", [5, ""])),
        (condition("email", "not_exists"), "starts_with", condition("email", "starts_with", "")),
        (condition("email", "is", ["a", "b"]), "contains", condition("email", "contains", "a")),
        (
            condition("created", "on", {"last": "3d"}),
            "before",
            condition("created", "before", {"ago": "3d"}),
        ),
        (
            condition("created", "on", {"calendar": "today"}),
            "between",
            condition("created", "between", [{"ago": "7d"}, {"ago": "0d"}]),
        ),
        (condition("created", "after", {"ago": "3d"}), "not_on", condition("created", "not_on", {"last": "3d"})),
    ],
)
def test_another_operator_keeps_what_fits_it(before, op, after):
    assert change(of(before), **{"match.op": op}).match == after


@pytest.mark.parametrize(
    ("wanted", "after"),
    [
        ("between", {"from": "30d", "to": "7d"}),
        ("yesterday", {"calendar": "yesterday"}),
        ("ever", {"ever": True}),
        ("since", {"after": ""}),
        ("until", {"before": ""}),
        ("dates", {"after": "", "before": ""}),
        ("nonsense", {"calendar": "nonsense"}),
    ],
)
def test_another_window_starts_from_something_that_can_be_read(wanted, after):
    changed = change(of(performed()), **{"match.within:window": wanted})
    assert changed.match["within"] == after
    html_of(changed)


@pytest.mark.parametrize(
    ("wanted", "bounds"),
    [
        ("most", {"at_most": 3}),
        ("exactly", {"at_least": 3, "at_most": 3}),
        ("between", {"at_least": 3, "at_most": 4}),
        ("never", {"at_most": 0}),
    ],
)
def test_other_bounds_start_from_the_number_there(wanted, bounds):
    changed = change(of(performed(at_least=3)), **{"match:times": wanted}).match
    assert changed == {"performed": {"type": "api_call"}, **bounds, "within": {"last": "7d"}}


def test_a_range_that_became_one_number_stays_as_it_was_written():
    between = of(performed(at_least=2, at_most=5))
    assert change(between, **{"match.at_most:number": "2"}).match["at_most"] == 2


def test_at_most_becomes_a_range_from_none():
    most = of({"performed": {}, "at_most": 5, "within": {"ever": True}})
    changed = change(most, **{"match:times": "between"}).match
    assert (changed["at_least"], changed["at_most"]) == (0, 5)


def test_from_never_back_to_at_least_asks_for_one():
    never = of({"performed": {}, "at_most": 0, "within": {"ever": True}})
    assert change(never, **{"match:times": "least"}).match["at_least"] == 1


def test_another_kind_of_row_starts_blank():
    changed = change(of(PLAN), **{"match:kind": "performed"})
    assert changed.match == performed()


def test_all_becomes_any():
    group = {"all": [PLAN, condition("email", "exists")]}
    assert change(of(group), **{"match:group": "any"}).match == {"any": group["all"]}


def test_an_age_becomes_a_date_in_the_time_zone_of_the_cohort():
    aged = of(condition("created", "before", {"ago": "7d"}), time_zone="Europe/Berlin")
    chosen = change(aged, **{"match.value:moment": "date"})
    assert not chosen.is_valid
    assert chosen.fault_text == "Choose a date and time."
    assert chosen.fault_is_open
    written = change(chosen, **{"match.value.date:local": "2026-03-01T08:30"})
    assert written.match["value"] == "2026-03-01T08:30:00+01:00"
    assert written.is_valid


def test_a_date_keeps_its_local_time_when_the_time_zone_changes():
    dated = of(condition("created", "before", "2026-03-01T00:00:00+00:00"))
    assert change(dated, time_zone="Asia/Kathmandu").match["value"] == "2026-03-01T00:00:00+05:45"


def test_a_value_takes_the_type_that_was_chosen():
    assert change(of(PLAN), **{"match.value": "400", "match.value:as": "number"}).match["value"] == 400
    assert change(of(PLAN), **{"match.value:as": "boolean"}).match["value"] is True
    unfinished = change(of(PLAN), **{"match.value:as": "number"})
    assert unfinished.match["value"] is None
    assert dict(inputs_of(unfinished))["match.value:as"] == "number"


def test_a_new_value_is_of_the_type_that_the_data_has(settings):
    make_user("u1", NOON, metadata={"seats": 3})
    open_columns().seal(NOON)
    named = change(of(condition("", "is", "")), **{"match.field:field": "metadata.seats"})
    assert dict(inputs_of(named))["match.value:as"] == "number"
    assert change(named, **{"match.value": "12"}).match["value"] == 12


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("400", 400),
        (" 0.5 ", 0.5),
        ("-3", -3),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        ("0,5", "0,5"),
        ("", ""),
        ("٣", "٣"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, number):
    changed = change(of(condition("metadata.n", ">", 1)), **{"match.value:number": text})
    assert changed.match["value"] == number
    assert changed.is_valid == (not isinstance(number, str))


def test_long_lists_are_written_one_a_line():
    many = of(condition("email", "is", [f"v{number}" for number in range(20)]))
    changed = change(many, **{"match.value:lines": "a\r\n\r\n  b \r\nc"})
    assert changed.match["value"] == ["a", "b", "c"]
    assert change(many, **{"match.value:lines": " \n"}).fault_is_open
