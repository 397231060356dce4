"""Why a leaf about events turned: the reason that follows from asking the judge again with less."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.criteria import Before, Clock, View, parse
from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind
from tests import reference
from tests.properties.budget import ENGINES_HERE, tried
from tests.properties.comparing import KEEPING, KEPT_BODIES, as_if_large, recorded
from tests.properties.definitions import OF_EVENTS
from tests.properties.histories import histories
from tests.reference_world import Clock as PlainClock
from tests.reference_world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_reasons_are_those_of_the_reference(engine):
    @tried(engine)
    @given(histories(), st.data())
    def agree(history, data):
        leaf = st.one_of(*(leaf(history.anchor) for leaf in OF_EVENTS))
        nodes = data.draw(st.lists(leaf, min_size=5, max_size=15))
        now = max(one.at for one in history.received)
        back = data.draw(st.sampled_from([timedelta(seconds=1), *(timedelta(days=days) for days in (1, 7, 8, 30))]))
        keeping = st.sampled_from(KEEPING[engine])
        with recorded(history.received, history.sealed_after, engine):
            for node in nodes:
                for user, reason in found_reasons(history, node, now - back, now, data.draw(keeping)).items():
                    assert reason == expected_reason(history, node, user, now - back, now), (node, user, back, now)

    agree()


def found_reasons(history: Any, node: dict[str, Any], since: datetime, now: datetime, keep: bool) -> dict[str, str]:
    """Per user whose answer is another than before, the reason that the leaf gives."""
    [leaf] = parse({"version": 1, "match": node}, CustomerKind.USER).leaves.values()
    names = dict(Customer.objects.values_list("pk", "external_id"))
    with open_columns().snapshot(since) as snapshot:
        then = leaf.evaluate(View(snapshot, CustomerKind.USER, Clock(since, history.zone)))
        before = Before(since, snapshot.universe(CustomerKind.USER), {})
    with as_if_large(keep), open_columns().snapshot(now, keep=keep) as snapshot:
        answer = leaf.evaluate(View(snapshot, CustomerKind.USER, Clock(now, history.zone)))
        turned = (then.members ^ answer.members) & before.universe & snapshot.universe(CustomerKind.USER)
        return {names[id_]: str(each.reason) for id_, each in answer.evidence(turned, before).items()}


def expected_reason(history: Any, node: dict[str, Any], user: str, since: datetime, now: datetime) -> str:
    """Behavior if without the new events the answer were another, time if the clock of then would give another."""
    world = World(history.received, PlainClock(now, history.zone), KEPT_BODIES)
    answer = reference.matches(node, "user", user, world)
    world.events = [event for event in world.events if event.time <= since and event.received <= since]
    if reference.matches(node, "user", user, world) != answer:
        return "behavior"
    world.clock = PlainClock(since, history.zone)
    return "time" if reference.matches(node, "user", user, world) != answer else "other"
