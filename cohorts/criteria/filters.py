"""Which events count: a tree of conditions on their fields."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any

import ibis.expr.types as ir

from cohorts.criteria.cells import Cell
from cohorts.criteria.conditions import Condition, parse_condition
from cohorts.criteria.place import Place
from cohorts.criteria.tree import AllOf, Just, Node, Not, inner_nodes, parse_tree
from cohorts.criteria.windows import Clock
from ingest.columns.interface import Snapshot
from ingest.fields import event_field

Filter = Node[Condition]


def parse_filter(value: object, place: Place) -> Filter:
    """The filter of a `where`. Raises CriteriaError."""
    return parse_tree(value, place, _parse_event_condition, kinds=("field",))


def passes(node: Filter, snapshot: Snapshot, events: ir.Table, clock: Clock) -> ir.BooleanValue:
    """Whether an event of the table passes the filter; never null."""
    if isinstance(node, Just):
        holds = node.leaf.holds(Cell(snapshot, events, node.leaf.field), clock)
        return ~holds if node.leaf.negative else holds
    inner = [passes(child, snapshot, events, clock) for child in inner_nodes(node)]
    if isinstance(node, Not):
        return ~inner[0]
    return reduce(operator.and_ if isinstance(node, AllOf) else operator.or_, inner)


def say_filter(node: Filter) -> str:
    """`response.status is 400 and request.verb is POST`, `any of: (…; …)`."""
    if isinstance(node, Just):
        condition: Condition = node.leaf
        return condition.words()
    inner = [say_filter(child) for child in inner_nodes(node)]
    if isinstance(node, Not):
        return f"not ({inner[0]})"
    if len(inner) == 1:
        return inner[0]
    return " and ".join(inner) if isinstance(node, AllOf) else f"any of: ({'; '.join(inner)})"


def _parse_event_condition(value: dict[str, Any], place: Place) -> Condition:
    return parse_condition(value, place, event_field)
