"""The engine beside the judge: the same items to both, the same questions, the same answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.test import override_settings

from cohorts.criteria import Clock, View, parse
from ingest.columns import Snapshot, open_columns
from ingest.models import Customer, CustomerKind
from ingest.parse import PARSERS
from ingest.record import record
from tests import reference
from tests.engines import engine, own_columns
from tests.properties.budget import TRIED
from tests.reference_world import Clock as PlainClock
from tests.reference_world import Received, World

KEPT_BODIES = ("request.body.order.amount", "response.body.error")
KEEPING = {"duckdb": [False, True], "clickhouse": [False]}
"Whether snapshots are asked to keep answers: ClickHouse keeps none."
Question = tuple[str, dict[str, Any]]
"Kind of customer, and a node."


@contextmanager
def recorded(received: Sequence[Received], sealed_after: Collection[int] = (), on: str = "duckdb") -> Iterator[None]:
    """Within: the items are recorded one by one in the order given, sealed after those numbers and at the end."""
    end = max(one.at for one in received)
    TRIED[on, "histories"] += 1
    with own_columns(on), transaction.atomic():
        with override_settings(KEPT_BODY_PATHS=list(KEPT_BODIES)):
            for place, one in enumerate(received):
                record([PARSERS[one.what](one.item, one.at)])
                if place in sealed_after:
                    open_columns().seal(end)
            open_columns().seal(end)
            yield
        transaction.set_rollback(True)


def assert_same_members(received: Sequence[Received], clock: PlainClock, questions: Iterable[Question]) -> None:
    """For every question the customers that the engine finds are those that the judge finds.

    Each leaf is asked alone too: a tree may hide a wrong one.
    """
    names = dict(Customer.objects.values_list("pk", "external_id"))
    world = World(received, clock, KEPT_BODIES)
    asked = list(questions)
    for keep in KEEPING[engine()]:
        with as_if_large(keep), open_columns().snapshot(clock.at, keep=keep) as snapshot:
            for kind, node in asked:
                for part, ids in answers(snapshot, clock, kind, node):
                    TRIED[engine(), "answers"] += 1
                    expected = reference.members(part, kind, world)
                    assert {names[id_] for id_ in ids} == expected, (kind, part, clock, keep)


@contextmanager
def as_if_large(large: bool) -> Iterator[None]:
    """Within, if asked for: the few rows of a test are taken for many, of which answers are kept for later cycles."""
    if not large:
        yield
        return
    with patch("ingest.columns.visible.LARGE", 1), patch("ingest.columns.weights.FEW", 1):
        yield


def answers(
    snapshot: Snapshot, clock: PlainClock, kind: str, node: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], Any]]:
    """The node and the leaves below it, each with the ids of those for whom it holds."""
    criteria = parse({"version": 1, "match": node}, CustomerKind(kind))
    view = View(snapshot, criteria.kind, Clock(clock.at, clock.zone, clock.week_starts_on))
    found = {path: leaf.evaluate(view).members for path, leaf in criteria.leaves.items()}
    yield from zip(leaves(node), found.values(), strict=True)
    yield node, criteria.members(snapshot.universe(criteria.kind), found)


def leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order of the document."""
    inner = node.get("all") or node.get("any") or ([node["not"]] if "not" in node else [])
    for child in inner:
        yield from leaves(child)
    if not inner:
        yield node
