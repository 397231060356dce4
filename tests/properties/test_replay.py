"""Instants that are replayed one after the other show what a look at each of them alone shows."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.columns import open_columns
from ingest.models import CustomerKind
from tests.properties.comparing import answers, recorded
from tests.properties.definitions import plain
from tests.properties.histories import histories, instants
from tests.reference_world import Clock

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "6"))


@st.composite
def cases(draw: st.DrawFn):
    """A history, questions, and ascending instants to ask them at."""
    history = draw(histories())
    kinds = draw(st.lists(st.sampled_from(["user", "company"]), min_size=1, max_size=3))
    questions = [(kind, draw(plain(kind, history.anchor))) for kind in kinds]
    asked = draw(st.sets(instants(history.anchor), min_size=2, max_size=3))
    step = draw(st.sampled_from([timedelta(minutes=15), timedelta(hours=7), timedelta(days=1)]))
    return history, questions, sorted({at + count * step for at in asked for count in range(2)})


@settings(
    max_examples=EXAMPLES,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(cases())
def test_a_replay_answers_as_a_look_at_each_instant(case):
    history, questions, asked = case
    with recorded(history.received, history.sealed_after), open_columns().replay(asked) as snapshots:
        for at, replayed in zip(asked, snapshots, strict=True):
            clock = Clock(at, history.zone, 3)
            with open_columns().snapshot(at) as alone:
                assert replayed.at == at
                for kind in CustomerKind:
                    assert replayed.universe(kind) == alone.universe(kind)
                    tables = [
                        snapshot.rows(snapshot.activity(kind).order_by("customer")) for snapshot in (replayed, alone)
                    ]
                    assert tables[0].equals(tables[1])
                for kind, node in questions:
                    found = [ids for _, ids in answers(replayed, clock, kind, node)]
                    assert found == [ids for _, ids in answers(alone, clock, kind, node)], (kind, node, at)
