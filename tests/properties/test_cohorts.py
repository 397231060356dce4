"""Cohorts that are defined by others: one pass gives each the members that the judge finds."""

from __future__ import annotations

import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts import membership
from cohorts.refresh import refresh_cohorts
from ingest.models import Customer
from tests import reference
from tests.factories import make_cohort
from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import KEPT_BODIES, recorded
from tests.properties.definitions import plain
from tests.properties.histories import ANCHORS, History, histories
from tests.reference_world import Clock, World

pytestmark = pytest.mark.django_db
ZONES = st.sampled_from(sorted({zone for zone, _ in ANCHORS}))


@st.composite
def chains(draw: st.DrawFn) -> tuple[Any, list[tuple[str, dict[str, Any], str]]]:
    """A history, and of cohorts of one kind the id, the match (which may name those before it) and the time zone."""
    history, kind = draw(histories()), draw(st.sampled_from(["user", "company"]))
    cohorts: list[tuple[str, dict[str, Any], str]] = []
    for _ in range(draw(st.integers(2, 4))):
        node = plain(kind, history.anchor)
        if cohorts:
            named = st.sampled_from([{"cohort": id_} for id_, _, _ in cohorts])
            group = st.lists(st.one_of(named, named, node), min_size=1, max_size=3)
            node = st.one_of(named, group.map(lambda items: {"all": items}), group.map(lambda items: {"any": items}))
            node = st.one_of(node, node.map(lambda inner: {"not": inner}))
        cohorts.append((str(uuid.UUID(int=len(cohorts) + 1)), draw(node), draw(ZONES)))
    return (history, kind), cohorts


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_cohorts_of_cohorts_have_the_members_of_the_reference(engine):
    @tried(engine)
    @given(chains())
    def agree(case):
        check(engine, *case)

    agree()


def check(engine: str, about: tuple[History, str], given_: list[tuple[str, dict[str, Any], str]]) -> None:
    history, kind = about
    at = history.instants[0]
    with recorded(history.received, history.sealed_after, engine):
        cohorts = [
            make_cohort(id=uuid.UUID(id_), kind=kind, criteria={"version": 1, "match": match}, time_zone=zone)
            for id_, match, zone in given_
        ]
        evaluations = refresh_cohorts(cohorts[::-1], at)
        assert [evaluation.error for evaluation in evaluations] == [""] * len(cohorts)
        names = dict(Customer.objects.values_list("pk", "external_id"))
        world = World(history.received, Clock(at, ZoneInfo("UTC")), KEPT_BODIES)
        world.cohorts = {id_: (match, ZoneInfo(zone)) for id_, match, zone in given_}
        for cohort in cohorts:
            expected = reference.members({"cohort": str(cohort.pk)}, kind, world)
            assert {names[id_] for id_ in membership.members(cohort)} == expected
