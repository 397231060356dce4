"""Random histories and random criteria: the same members as the judge finds.

PROPERTY_EXAMPLES sets how many histories are tried (`make properties` tries many, and others every time).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.comparing import Question, assert_same_members, recorded
from tests.properties.definitions import OF_EVENTS, nodes, related
from tests.properties.histories import History, histories
from tests.reference_world import Clock

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "15"))
pytestmark = pytest.mark.django_db


@st.composite
def cases(draw: st.DrawFn) -> tuple[History, list[Question], int]:
    history = draw(histories())
    question = st.sampled_from(["user", "company"]).flatmap(
        lambda kind: st.tuples(st.just(kind), nodes(kind, history.anchor))
    )
    return history, draw(st.lists(question, min_size=2, max_size=10)), draw(st.integers(1, 7))


def tried(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize="PROPERTY_EXAMPLES" not in os.environ,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@tried(EXAMPLES)
@given(cases())
def test_members_are_those_of_the_reference(case):
    history, questions, week_starts_on = case
    check(history, questions, week_starts_on)


@tried(EXAMPLES)
@given(histories(), st.data(), st.integers(1, 7))
def test_customers_are_found_by_those_they_belong_to(history, data, week_starts_on):
    questions = [
        (kind, node)
        for kind in ("user", "company")
        for node in data.draw(st.lists(related(kind, history.anchor), min_size=2, max_size=8))
    ]
    check(history, questions, week_starts_on)


@pytest.mark.parametrize("leaf", OF_EVENTS)
def test_each_kind_of_leaf_finds_those_of_the_reference(leaf):
    """One kind at a time, as often as trees of all kinds together would seldom ask it."""

    @tried(-(-EXAMPLES // 3))
    @given(histories(), st.data(), st.integers(1, 7))
    def agree(history, data, week_starts_on):
        nodes = data.draw(st.lists(leaf(history.anchor), min_size=5, max_size=15))
        check(history, [(kind, node) for node in nodes for kind in ("user", "company")], week_starts_on)

    agree()


def check(history: History, questions: list[Question], week_starts_on: int) -> None:
    with recorded(history.received, history.sealed_after):
        for at in history.instants:
            assert_same_members(history.received, Clock(at, history.zone, week_starts_on), questions)
