"""`all`, `any` and `not` over anything: conditions of a filter, or leaves of a definition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cohorts.criteria.place import Place, quoted, read_list, read_object

Leaf = TypeVar("Leaf")
GROUPS = ("all", "any", "not")


class Node(Generic[Leaf]):
    """A tree: a group of nodes, or one leaf."""


@dataclass(frozen=True)
class AllOf(Node[Leaf]):
    """True where every child is."""

    children: tuple[Node[Leaf], ...]


@dataclass(frozen=True)
class AnyOf(Node[Leaf]):
    """True where at least one child is."""

    children: tuple[Node[Leaf], ...]


@dataclass(frozen=True)
class Not(Node[Leaf]):
    """True where the child is not."""

    child: Node[Leaf]


@dataclass(frozen=True)
class Just(Node[Leaf]):
    """True where the leaf is."""

    leaf: Leaf


def parse_tree(
    value: object, place: Place, parse_leaf: Callable[[dict[str, Any], Place], Leaf], kinds: Collection[str]
) -> Node[Leaf]:
    """The tree of a node and what it holds. Raises CriteriaError.

    `kinds` are the keys that tell what an object is, beside the groups; each object has exactly one of them.
    """
    if not isinstance(value, dict):
        raise place.fault(f"expected an object with one of the keys {quoted([*GROUPS, *kinds])}")
    found = [key for key in (*GROUPS, *kinds) if key in value]
    if not found:
        given = quoted([str(key) for key in value], "and") if value else "none"
        raise place.fault(f"expected one of the keys {quoted([*GROUPS, *kinds])}, found {given}")
    if len(found) > 1:
        only = quoted(found, "and")
        raise place.fault(f"expected only one of the keys {only}")
    [kind] = found
    if kind not in GROUPS:
        place.count_leaf()
        return Just(parse_leaf(value, place))
    inner = read_object(value, place, "an object", known=(kind,))[kind]
    if kind == "not":
        return Not(parse_tree(inner, place.key("not").deeper(), parse_leaf, kinds))
    items = read_list(inner, place.key(kind), "a list that is not empty")
    children = tuple(
        parse_tree(item, place.key(kind).item(index).deeper(), parse_leaf, kinds) for index, item in enumerate(items)
    )
    return AllOf(children) if kind == "all" else AnyOf(children)


def leaves(node: Node[Leaf]) -> Iterator[Leaf]:
    """What the tree holds, in the order of the document."""
    if isinstance(node, Just):
        yield node.leaf
    for child in inner_nodes(node):
        yield from leaves(child)


def inner_nodes(node: Node[Leaf]) -> tuple[Node[Leaf], ...]:
    """The nodes directly below."""
    if isinstance(node, AllOf | AnyOf):
        return node.children
    return (node.child,) if isinstance(node, Not) else ()


def inner_paths(node: Node[Leaf], path: str) -> list[tuple[str, Node[Leaf]]]:
    """The nodes directly below with their paths in the document, from the node's own."""
    if isinstance(node, Not):
        return [(f"{path}.not", node.child)]
    kind = "all" if isinstance(node, AllOf) else "any"
    return [(f"{path}.{kind}[{index}]", child) for index, child in enumerate(inner_nodes(node))]
