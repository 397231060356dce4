"""Random histories and random criteria: the same members as the judge finds, on every engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import Question, assert_same_members, recorded
from tests.properties.definitions import OF_EVENTS, nodes, related
from tests.properties.histories import History, histories
from tests.reference_world import Clock

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("engine", ENGINES_HERE)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[History, list[Question], int]:
    history = draw(histories())
    question = st.sampled_from(["user", "company"]).flatmap(
        lambda kind: st.tuples(st.just(kind), nodes(kind, history.anchor))
    )
    return history, draw(st.lists(question, min_size=2, max_size=10)), draw(st.integers(1, 7))


def test_members_are_those_of_the_reference(engine):
    @tried(engine)
    @given(cases())
    def agree(case):
        check(engine, *case)

    agree()


def test_customers_are_found_by_those_they_belong_to(engine):
    @tried(engine)
    @given(histories(), st.data(), st.integers(1, 7))
    def agree(history, data, week_starts_on):
        questions = [
            (kind, node)
            for kind in ("user", "company")
            for node in data.draw(st.lists(related(kind, history.anchor), min_size=2, max_size=8))
        ]
        check(engine, history, questions, week_starts_on)

    agree()


@pytest.mark.parametrize("leaf", OF_EVENTS)
def test_each_kind_of_leaf_finds_those_of_the_reference(leaf, engine):
    """One kind at a time, as often as trees of all kinds together would seldom ask it."""

    @tried(engine, 1 / 3)
    @given(histories(), st.data(), st.integers(1, 7))
    def agree(history, data, week_starts_on):
        nodes = data.draw(st.lists(leaf(history.anchor), min_size=5, max_size=15))
        check(engine, history, [(kind, node) for node in nodes for kind in ("user", "company")], week_starts_on)

    agree()


def check(engine: str, history: History, questions: list[Question], week_starts_on: int) -> None:
    with recorded(history.received, history.sealed_after, engine):
        for at in history.instants:
            assert_same_members(history.received, Clock(at, history.zone, week_starts_on), questions)
