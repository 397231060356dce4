"""Every kind of leaf as the builder offers it: its blank row, its choices, and its way through the form."""

from __future__ import annotations

import pytest

from cohorts.criteria import LEAVES
from tests.cohorts.builder.forms import change, html_of, inputs_of, of, post, same
from tests.factories import make_cohort

pytestmark = pytest.mark.django_db
CALLS = {"type": "api_call"}
FAILED = {**CALLS, "where": {"all": [{"field": "response.status", "op": ">=", "value": 400}]}}
WEEK = {"last": "7d"}
PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
AGGREGATE = {"aggregate": FAILED, "of": "duration_ms", "by": "p95", "op": ">", "value": 800, "within": WEEK}
RATIO = {"ratio": FAILED, "to": CALLS, "op": ">=", "value": 0.2, "minimum": 20, "within": {"last": "24h"}}
TREND = {"trend": CALLS, "change": "<=", "percent": -50, "minimum": 100, "within": WEEK}
SEQUENCE = {"sequence": [{"type": "action", "action_name": ["Signed Up"]}, CALLS], "within": WEEK}

DOCUMENTS = [
    ("user", AGGREGATE),
    ("user", {**AGGREGATE, "op": "between", "value": [1, 2.5]}),
    ("user", {**AGGREGATE, "op": "is_not", "value": [1, 2, 3]}),
    ("user", {**AGGREGATE, "op": "is", "value": [1]}),
    ("user", {**AGGREGATE, "of": "tags", "by": "distinct"}),
    ("user", RATIO),
    ("company", {**{key: value for key, value in RATIO.items() if key != "minimum"}, "to": {}}),
    ("user", TREND),
    ("user", {**TREND, "minimum": 0, "within": {"from": "14d", "to": "7d"}}),
    ("user", SEQUENCE),
    ("user", {**SEQUENCE, "completed": True}),
    ("user", {**SEQUENCE, "each_within": "2d"}),
    ("user", {**SEQUENCE, "each_within": "2d", "completed": False}),
    ("user", {**SEQUENCE, "sequence": [FAILED] * 10}),
    ("user", {"first": FAILED, "within": {"calendar": "today"}}),
    ("user", {"company": PRO}),
    ("user", {"company": {"any": [TREND, {"users": {"not": PRO}, "at_least": 3}]}}),
    ("company", {"users": {"all": [PRO]}, "are": "none"}),
]


@pytest.mark.parametrize(("kind", "match"), DOCUMENTS)
def test_a_leaf_passes_through_the_form_unchanged(kind, match):
    shown = of({"all": [match]}, kind)
    assert shown.is_valid, shown.fault_text
    assert same(post(inputs_of(shown), kind).match) == same({"all": [match]})
    assert 'class="unknown"' not in html_of(shown)


def test_a_cohort_is_chosen_by_its_name():
    chosen, other = make_cohort(name="On trial"), make_cohort(name="Others")
    make_cohort(name="Companies", kind="company")
    shown = of({"cohort": str(chosen.pk)})
    assert "On trial</option>" in html_of(shown)
    assert "Companies</option>" not in html_of(shown)
    assert change(shown, **{"match.cohort": str(other.pk)}).match == {"cohort": str(other.pk)}


@pytest.mark.parametrize("kind", [kind for kind in LEAVES if kind != "field"])
def test_a_new_row_is_valid_or_says_what_is_missing(kind):
    customers = LEAVES[kind].customers[0]
    built, _ = of({"all": [PRO]}, customers).edited(f"add match {kind}")
    again = post(inputs_of(built), customers)
    assert again.is_valid or again.fault_is_open
    assert again.match["all"][1].keys() >= {kind}
    assert 'class="unknown"' not in html_of(again)


def test_an_operator_that_takes_two_numbers_has_two_inputs():
    ranged = change(of(RATIO), **{"match.op": "between"})
    assert ranged.match["value"] == [0.2, ""]
    filled = change(ranged, **{"match.value[1]:number": "0.5"})
    assert filled.is_valid
    assert change(filled, **{"match.op": "<"}).match["value"] == 0.2


def test_a_minimum_may_be_left_out():
    assert "minimum" not in change(of(TREND), **{"match.minimum:least": ""}).match


def test_steps_are_added_and_removed():
    longer, _ = of(SEQUENCE).edited("another match.sequence")
    assert longer.is_valid
    assert longer.match["sequence"][2] == CALLS
    shorter, _ = longer.edited("drop match.sequence[0]")
    assert shorter.match["sequence"] == [CALLS, CALLS]


def test_a_sequence_that_is_given_up_has_a_limit():
    given_up = change(of(SEQUENCE), **{"match:steps": "abandoned"})
    assert (given_up.match["completed"], given_up.match["each_within"]) == (False, "1d")
    assert given_up.is_valid
    done = change(given_up, **{"match:steps": "done"})
    assert (done.match["completed"], "each_within" in done.match) == (True, False)


def test_shares_of_users_are_chosen():
    some = change(of({"users": PRO, "are": "any"}, "company"), **{"match:share": "least"})
    assert some.match == {"users": PRO, "at_least": 1}
    assert change(some, **{"match:share": "all"}).match == {"users": PRO, "are": "all"}
