"""The criteria language against the reference: the same members, whatever was received and whatever is asked.

PROPERTY_EXAMPLES (`make properties`) sets how many histories are tried; each is asked several definitions.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cohorts.criteria import Clock, View, parse
from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind
from ingest.parse import PARSERS
from ingest.record import record
from tests import reference
from tests.properties.definitions import definitions
from tests.properties.histories import KEPT_BODIES, History, histories

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "40"))
pytestmark = pytest.mark.django_db

Asked = tuple[str, dict[str, Any], int]
"Kind, criteria, and the week's first day."


@st.composite
def questions(draw: st.DrawFn) -> tuple[History, list[Asked]]:
    history = draw(histories())
    asked = st.sampled_from(["user", "company"]).flatmap(
        lambda kind: st.tuples(st.just(kind), definitions(kind, history.anchor), st.integers(1, 7))
    )
    return history, draw(st.lists(asked, min_size=1, max_size=8))


@settings(
    max_examples=EXAMPLES,
    derandomize="PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
@given(questions())
def test_members_are_those_of_the_reference(question):
    history, asked = question
    with tempfile.TemporaryDirectory() as directory, transaction.atomic():
        with override_settings(EVENTS_URL=f"duckdb://{directory}", KEPT_BODY_PATHS=list(KEPT_BODIES)):
            receive(history)
            for at in history.instants:
                compare(history, asked, at)
        transaction.set_rollback(True)


def receive(history: History) -> None:
    """Record the items in the order in which they came, and seal now and then."""
    end = max([one.at for one in history.received], default=history.anchor)
    for place, one in enumerate(history.received):
        record([PARSERS[one.what](one.item, one.at)])
        if place in history.sealed_after:
            open_columns().seal(end)
    open_columns().seal(end)


def compare(history: History, asked: list[Asked], at: Any) -> None:
    names = dict(Customer.objects.values_list("pk", "external_id"))
    with open_columns().snapshot(at) as snapshot:
        for kind, document, week_starts_on in asked:
            criteria = parse(document, CustomerKind(kind))
            view = View(snapshot, criteria.kind, Clock(at, history.zone, week_starts_on))
            leaves = {path: leaf.evaluate(view).members for path, leaf in criteria.leaves.items()}
            found = criteria.members(snapshot.universe(criteria.kind), leaves)
            world = reference.World(history.received, reference.Clock(at, history.zone, week_starts_on), KEPT_BODIES)
            assert {names[id_] for id_ in found} == reference.members(document, kind, world), (kind, document, at)
