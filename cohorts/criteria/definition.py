"""A whole definition: a tree of leaves, who matches it, and which leaves made a customer's answer change."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyroaring import BitMap

from cohorts.criteria.leaf import Leaf
from cohorts.criteria.tree import AllOf, Just, Node, Not, inner_nodes, inner_paths, leaves
from ingest.models import CustomerKind

Leaves = Mapping[str, BitMap]
"Per path of a leaf, the customers that match it."


@dataclass(frozen=True)
class Criteria:
    """A definition that is valid for customers of a kind; `document` is the JSON it was parsed from.

    `path` is the place of its node in the document.
    """

    document: dict[str, Any]
    kind: CustomerKind
    match: Node[Leaf]
    path: str = "match"

    @property
    def leaves(self) -> dict[str, Leaf]:
        """Path -> leaf, in the order of the document."""
        return {leaf.path: leaf for leaf in leaves(self.match)}

    def words(self) -> str:
        """The definition in plain words: `first seen today, and performed API Call at least 1 time today`."""
        return _say(self.match)

    def members(self, universe: BitMap, leaves: Leaves) -> BitMap:
        """The customers of the universe that match, from those that match each leaf."""
        return _members(self.match, universe, leaves) & universe

    def conditions(self, universe_of: Callable[[CustomerKind], BitMap], leaves: Leaves) -> Iterator[Condition]:
        """Every node with the customers that match it, a group before what is in it; those inside leaves too."""
        return self._conditions(self.match, self.path, universe_of, leaves, None)

    def _conditions(
        self,
        node: Node[Leaf],
        path: str,
        universe_of: Callable[[CustomerKind], BitMap],
        leaves: Leaves,
        before: BitMap | None,
    ) -> Iterator[Condition]:
        universe = universe_of(self.kind)
        members = _members(node, universe, leaves) & universe
        yield Condition(path, _say(node), self.kind, members, None if before is None else before & members)
        if isinstance(node, Just) and (asked := node.leaf.asked_of_others):
            yield from asked.conditions(universe_of, leaves)
        left: BitMap | None = None
        for inner_path, child in inner_paths(node, path):
            yield from self._conditions(child, inner_path, universe_of, leaves, left)
            if isinstance(node, AllOf):
                matching = _members(child, universe, leaves) & universe
                left = matching if left is None else left & matching

    def turned(
        self, changed: BitMap, universe: tuple[BitMap, BitMap], leaves: tuple[Leaves, Leaves]
    ) -> dict[str, BitMap]:
        """Per path of a leaf, those of the changed customers whose answer changed because this leaf turned.

        `universe` and `leaves` are those before and after. A group hands the question on to the children that turned
        as it did itself. Of a customer who is new (or gone) everything counts as turned.
        """
        before, after = (members & changed for members in universe)
        turns = Turns(changed, after - before, before - after, leaves)
        found: dict[str, BitMap] = {}
        turns.explain(self.match, *turns.of(self.match), found)
        return {path: customers for path, customers in found.items() if customers}


@dataclass(frozen=True)
class Condition:
    """A node and who matches it; `left` are those who also match the conditions before it in a group of `all`.

    `kind` is that of the customers it asks of: another one inside of leaves that ask of others.
    """

    path: str
    words: str
    kind: CustomerKind
    members: BitMap
    left: BitMap | None


@dataclass(frozen=True)
class Turns:
    """How the answers of nodes turned for some customers, of whom some are new and some gone."""

    changed: BitMap
    new: BitMap
    gone: BitMap
    leaves: tuple[Leaves, Leaves]

    def of(self, node: Node[Leaf]) -> tuple[BitMap, BitMap]:
        """The customers for whom the node turned true, and those for whom it turned false."""
        before, after = (_members(node, self.changed, leaves) & self.changed for leaves in self.leaves)
        before = (before - self.new) | (self.new - after)
        after = (after - self.gone) | (self.gone - before)
        return after - before, before - after

    def explain(self, node: Node[Leaf], to_true: BitMap, to_false: BitMap, found: dict[str, BitMap]) -> None:
        """Add to `found`, per leaf below the node, the customers for whom it made the node turn so."""
        if isinstance(node, Just):
            found[node.leaf.path] = to_true | to_false
        elif isinstance(node, Not):
            self.explain(node.child, to_false, to_true, found)
        else:
            for child in inner_nodes(node):
                turned_true, turned_false = self.of(child)
                self.explain(child, to_true & turned_true, to_false & turned_false, found)


def _members(node: Node[Leaf], universe: BitMap, leaves: Leaves) -> BitMap:
    if isinstance(node, Just):
        return leaves[node.leaf.path]
    inner = [_members(child, universe, leaves) for child in inner_nodes(node)]
    if isinstance(node, Not):
        return universe - inner[0]
    return reduce(operator.and_ if isinstance(node, AllOf) else operator.or_, inner)


def _say(node: Node[Leaf], inside: bool = False) -> str:
    if isinstance(node, Just):
        leaf: Leaf = node.leaf
        return leaf.words()
    inner = inner_nodes(node)
    if isinstance(node, Not):
        return f"not ({_say(inner[0])})"
    if len(inner) == 1:
        return _say(inner[0], inside)
    joined = f", {'and' if isinstance(node, AllOf) else 'or'} ".join(_say(child, inside=True) for child in inner)
    return f"({joined})" if inside else joined
