"""A node inside a leaf, about customers of the other kind: of a user's company, or of a company's users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyroaring import BitMap

from cohorts.criteria.cells import instant
from cohorts.criteria.definition import Criteria
from cohorts.criteria.leaf import Before, Evidence, Matched, View, parse_node
from cohorts.criteria.place import Place
from cohorts.enums import Reason
from ingest.models import CustomerKind


@dataclass(frozen=True)
class Answer:
    """Who matches the node, and what explains it."""

    criteria: Criteria
    view: View
    matched: Mapping[str, Matched]
    members: BitMap

    @property
    def leaves(self) -> dict[str, BitMap]:
        """Per path of a leaf of the node, and of leaves inside those, who matches it."""
        found: dict[str, BitMap] = {}
        for path, matched in self.matched.items():
            found |= {path: matched.members, **matched.inner}
        return found

    def explain(self, ids: BitMap, before: Before | None) -> dict[int, list[Evidence]]:
        """Of those of the customers whose answer turned, why; without an evaluation before, of all, what there is."""
        turned = self._turned(ids, before) if before else dict.fromkeys(self.matched, ids & self.view.universe)
        found: dict[int, list[Evidence]] = {}
        for path, customers in turned.items():
            for id_, evidence in self.matched[path].evidence(customers, before).items():
                found.setdefault(id_, []).append(evidence)
        return found

    def _turned(self, ids: BitMap, before: Before) -> dict[str, BitMap]:
        activity = self.view.snapshot.activity(self.view.kind)
        existing = self.view.snapshot.ids(activity.filter(activity.created <= instant(before.as_of)))
        then = {path: before.leaves.get(path, BitMap()) for path in self.leaves}
        changed = ids & (self.criteria.members(existing, then) ^ self.members)
        return self.criteria.turned(changed, (existing, self.view.universe), (then, self.leaves))


def ask(criteria: Criteria, view: View) -> Answer:
    """Evaluate the node for customers of its kind, over the same snapshot and by the same clock."""
    inner = replace(view, kind=criteria.kind)
    matched = {path: leaf.evaluate(inner) for path, leaf in criteria.leaves.items()}
    members = criteria.members(inner.universe, {path: match.members for path, match in matched.items()})
    return Answer(criteria, inner, matched, members)


def parse_inner(value: object, place: Place, kind: CustomerKind) -> Criteria:
    """The node at the place, about customers of the kind. Raises CriteriaError."""
    return Criteria({}, kind, parse_node(value, place.deeper().of(kind)), place.path)


def strongest(found: list[Evidence], otherwise: Reason) -> Reason:
    """The first reason in the order of `Reason`."""
    order = list(Reason)
    return min((evidence.reason for evidence in found), key=order.index, default=otherwise)
