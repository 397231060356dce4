"""What the buttons of the builder do to a definition."""

from __future__ import annotations

import pytest

from cohorts.builder.edit import Refused
from cohorts.builder.edit import edit as edit_document

A, B, C = ({"field": name, "op": "exists"} for name in ("email", "name", "user_id"))
BLANK = {"field": "", "op": "is", "value": ""}


def edit(match, wanted):
    """The node after the edit, and where the person goes on."""
    document, goes_on = edit_document({} if match is None else {"match": match}, wanted)
    return document.get("match"), goes_on


def test_the_first_row_stands_alone():
    assert edit(None, "add match field") == (BLANK, "match")


def test_a_second_row_makes_a_group_of_both():
    assert edit(A, "add match field") == ({"all": [A, BLANK]}, "match.all[1]")
    assert edit({"not": A}, "add match field") == ({"all": [{"not": A}, BLANK]}, "match.all[1]")


@pytest.mark.parametrize("group", ["all", "any"])
def test_further_rows_join_the_group(group):
    assert edit({group: [A]}, "add match field") == ({group: [A, BLANK]}, f"match.{group}[1]")


def test_a_row_of_another_kind_starts_from_its_blank():
    match, _ = edit(None, "add match performed")
    assert match == {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "7d"}}


def test_conditions_on_events_are_added_where_none_were():
    match, goes_on = edit({"performed": {}, "at_least": 1}, "add match.performed.where field")
    assert match == {"performed": {"where": BLANK}, "at_least": 1}
    assert goes_on == "match.performed.where"


def test_a_new_group_is_of_the_other_sort():
    assert edit({"all": [A]}, "add-group match field") == ({"all": [A, {"any": [BLANK]}]}, "match.all[1].any[0]")
    assert edit({"any": [A]}, "add-group match field") == ({"any": [A, {"all": [BLANK]}]}, "match.any[1].all[0]")
    assert edit(A, "add-group match field") == ({"all": [A, {"any": [BLANK]}]}, "match.all[1].any[0]")


def test_an_alternative_stands_beside_its_row():
    assert edit({"all": [A, B]}, "wrap match.all[1] field") == (
        {"all": [A, {"any": [B, BLANK]}]},
        "match.all[1].any[1]",
    )
    assert edit(A, "wrap match field") == ({"any": [A, BLANK]}, "match.any[1]")


def test_not_turns_a_row_around_and_back():
    assert edit({"all": [A, B]}, "negate match.all[0]") == ({"all": [{"not": A}, B]}, "")
    assert edit({"all": [{"not": A}, B]}, "negate match.all[0]") == ({"all": [A, B]}, "")


def test_a_removed_row_leaves_the_others():
    assert edit({"all": [A, B, C]}, "remove match.all[1]") == ({"all": [A, C]}, "match.all[0]")
    assert edit({"all": [A, B]}, "remove match.all[0]") == ({"all": [B]}, "match.all[0]")


def test_nothing_empty_is_left_behind():
    assert edit(A, "remove match") == (None, "match")
    assert edit({"all": [A]}, "remove match.all[0]") == (None, "match")
    assert edit({"all": [A, {"any": [{"not": B}]}]}, "remove match.all[1].any[0].not")[0] == {"all": [A]}
    assert edit({"all": [A, {"not": {"any": [B]}}]}, "remove match.all[1].not.any[0]")[0] == {"all": [A]}
    performed = {"performed": {"where": {"all": [B]}}, "at_least": 1}
    assert edit(performed, "remove match.performed.where.all[0]")[0] == {"performed": {}, "at_least": 1}


def test_a_second_value_makes_a_list_and_the_last_one_a_single_value():
    one = {"field": "email", "op": "is", "value": "a"}
    two = {"field": "email", "op": "is", "value": ["a", ""]}
    assert edit(one, "another match.value") == (two, "match.value[1]")
    assert edit(two, "another match.value")[0]["value"] == ["a", "", ""]
    assert edit(two, "drop match.value[1]") == (one, "match.value")
    assert edit({**two, "value": ["a", "b", "c"]}, "drop match.value[0]")[0]["value"] == ["b", "c"]


def test_names_of_actions_come_and_go():
    leaf = {"performed": {"type": "action"}}
    named, goes_on = edit(leaf, "another match.performed.action_name")
    assert named == {"performed": {"type": "action", "action_name": [""]}}
    assert goes_on == "match.performed.action_name[0]"
    assert edit(named, "drop match.performed.action_name[0]")[0] == leaf


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "add",
        "explode match",
        "remove match.all[7]",
        "remove match.all[0].field[0]",
        "remove nothing",
        "remove match.__class__",
        "negate match.all[0].value.x",
        "drop match.all",
        "drop match.all[0].op",
        "another match.all[9].value",
        "wrap match.any[0]",
        "add match.all[0].field.x.y field",
        "add match.all[99999].where field",
        "remove " + "match" + "[0]" * 70,
    ],
)
def test_an_edit_that_does_not_fit_is_refused(wanted):
    before = {"all": [{"field": "email", "op": "is", "value": "a"}]}
    with pytest.raises(Refused):
        edit(before, wanted)
    assert before == {"all": [{"field": "email", "op": "is", "value": "a"}]}
