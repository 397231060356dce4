"""What is foretold of a definition comes to pass where nothing more happens: the judge is asked at later instants."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.criteria import Clock, View, parse
from cohorts.criteria.ahead import Ahead, Unforeseeable, foretell
from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind
from tests import reference
from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import KEPT_BODIES, Question, recorded
from tests.properties.definitions import OF_EVENTS, nodes, profile
from tests.properties.histories import DURATIONS, OFFSETS, TICK, History, histories
from tests.reference import first_instant, length
from tests.reference_world import Clock as PlainClock
from tests.reference_world import World

pytestmark = pytest.mark.django_db
HORIZON = timedelta(days=40)
KINDS = st.sampled_from(["user", "company"])


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_what_is_foretold_comes_to_pass(engine):
    @tried(engine)
    @given(histories(), st.data(), st.integers(1, 7))
    def agree(history, data, week_starts_on):
        question = KINDS.flatmap(lambda kind: st.tuples(st.just(kind), nodes(kind, history.anchor)))
        check(engine, history, data, data.draw(st.lists(question, min_size=2, max_size=6)), week_starts_on)

    agree()


@pytest.mark.parametrize("leaf", [*OF_EVENTS, profile])
def test_what_is_foretold_of_each_kind_of_leaf_comes_to_pass(leaf):
    @tried("duckdb", 1 / 3)
    @given(histories(), st.data(), KINDS, st.integers(1, 7))
    def agree(history, data, kind, week_starts_on):
        strategy = profile(kind, history.anchor) if leaf is profile else leaf(history.anchor)
        some = data.draw(st.lists(strategy, min_size=3, max_size=8))
        check("duckdb", history, data, [(kind, node) for node in some], week_starts_on)

    agree()


def check(engine: str, history: History, data: Any, questions: list[Question], week_starts_on: int) -> None:
    """Compare at some instants, and beside those at which something is foretold to turn."""
    now = max(one.at for one in history.received)
    to_come = instants_to_come(history, now)
    chosen = data.draw(st.lists(st.sampled_from(to_come), min_size=5, max_size=10)) if to_come else []

    @cache
    def world(at: datetime) -> World:
        return World(history.received, PlainClock(at, history.zone, week_starts_on), KEPT_BODIES)

    with recorded(history.received, history.sealed_after, engine):
        names = dict(Customer.objects.values_list("pk", "external_id"))
        for kind, node in questions:
            found = foretold(kind, node, PlainClock(now, history.zone, week_starts_on))
            turns = {turn for steps in found.values() for turn in steps.turns}
            for at in sorted({now, *chosen, *turns, *(turn - TICK for turn in turns)}):
                told = {names[id_]: steps.at(at) for id_, steps in found.items()}
                assert told == {id_: reference.matches(node, kind, id_, world(at)) for id_ in told}, (
                    kind,
                    node,
                    now,
                    at,
                )


def instants_to_come(history: History, now: datetime) -> list[datetime]:
    """Where things can turn: on and beside the borders of windows around what was received, and at local midnights."""
    ages = [timedelta(), *OFFSETS, *map(length, DURATIONS)]
    times = {event.time for event in World(history.received, PlainClock(now + HORIZON, history.zone)).events}
    dates = {(now + timedelta(days=day)).astimezone(history.zone).date() for day in range(9)}
    borders = {time + age for time in times for age in ages} | {first_instant(date, history.zone) for date in dates}
    near = {border + beside for border in borders for beside in (-TICK, timedelta(), TICK)}
    return sorted(each for each in near if now <= each <= now + HORIZON)


def foretold(kind: str, node: dict[str, Any], clock: PlainClock) -> dict[int, Any]:
    """Per customer what is foretold of it; nobody where nothing can be."""
    criteria = parse({"version": 1, "match": node}, CustomerKind(kind))
    with open_columns().snapshot(clock.at) as snapshot, open_columns().snapshot(clock.at + HORIZON) as later:
        view = View(snapshot, criteria.kind, Clock(clock.at, clock.zone, clock.week_starts_on))
        try:
            return foretell(criteria, Ahead(view, later, view.universe))[0]
        except Unforeseeable:
            return {}
