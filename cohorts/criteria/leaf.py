"""What every kind of leaf offers, and what it is evaluated on."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from pyroaring import BitMap

from cohorts.criteria.place import Place
from cohorts.criteria.steps import Steps
from cohorts.criteria.tree import Node, parse_tree
from cohorts.criteria.windows import Clock
from cohorts.criteria.wording import cut
from cohorts.enums import Reason
from cohorts.stored import members_at
from ingest.columns.interface import Snapshot
from ingest.models import CustomerKind

if TYPE_CHECKING:
    from cohorts.criteria.ahead import Ahead
    from cohorts.criteria.definition import Criteria

MembersOf: TypeAlias = Callable[[uuid.UUID, datetime], BitMap]
"""Who was in a cohort at an instant."""


@dataclass(frozen=True)
class View:
    """What a leaf sees: what was visible at an instant, for customers of one kind."""

    snapshot: Snapshot
    kind: CustomerKind
    clock: Clock
    members_of: MembersOf = members_at

    @property
    def universe(self) -> BitMap:
        """The customers that exist."""
        return self.snapshot.universe(self.kind)

    def at(self, instant: datetime) -> Clock:
        """The cohort's clock at another instant."""
        return Clock(instant, self.clock.time_zone, self.clock.week_starts_on)


MOST_EVENTS = 3
"""Events named of each customer that a leaf moved."""
LONGEST_VALUE, LONGEST_WHAT = 200, 120
Value = str | float | bool | None


@dataclass(frozen=True)
class EventSeen:
    """An event that a leaf turned by; `id` is the transaction id that its sender gave, else ours."""

    id: str
    time: datetime
    what: str

    def as_json(self) -> dict[str, str]:
        """What a membership change keeps of it."""
        time = self.time.isoformat().replace("+00:00", "Z")
        return {"id": cut(self.id, LONGEST_VALUE), "time": time, "what": cut(self.what, LONGEST_WHAT)}


@dataclass(frozen=True)
class Evidence:
    """Why a leaf turned for one customer: its value against its threshold, and what caused it.

    `figures` are what the value came from: the two counts of a ratio, the value that a profile had before.
    """

    sentence: str
    reason: Reason
    value: Value = None
    threshold: str = ""
    figures: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[EventSeen, ...] = ()

    def as_json(self, path: str) -> dict[str, Any]:
        """What a membership change keeps of it; `path` is the leaf's."""
        kept: dict[str, Any] = {
            "path": path,
            "sentence": self.sentence,
            "reason": str(self.reason),
            "value": _short(self.value),
            "threshold": self.threshold,
        }
        if self.figures:
            kept["figures"] = {name: _short(value) for name, value in self.figures.items()}
        return kept | {"events": [event.as_json() for event in self.events]}


def _short(value: Value) -> Value:
    return cut(value, LONGEST_VALUE) if isinstance(value, str) else value


@dataclass(frozen=True)
class Before:
    """The answer of the evaluation before, which a change is explained against: per leaf path those that matched."""

    as_of: datetime
    universe: BitMap
    leaves: Mapping[str, BitMap]


@dataclass(frozen=True)
class Matched:
    """The answer of a leaf, good as long as its snapshot.

    `evidence(ids, before)` explains, per id, a turn of the leaf since the evaluation before; with None it was never
    evaluated. `inner` are the answers of leaves inside this one, by their paths: the next evaluation is given them.
    """

    members: BitMap
    evidence: Callable[[BitMap, Before | None], dict[int, Evidence]]
    inner: Mapping[str, BitMap] = field(default_factory=dict)


class Leaf(ABC):
    """One condition on customers; `path` is its place in the document."""

    path: str

    @property
    def asked_of_others(self) -> Criteria | None:
        """The node inside the leaf that asks of customers of the other kind, if it has one."""
        return None

    @abstractmethod
    def words(self) -> str:
        """The condition in plain words, e.g. `first seen today`."""

    @abstractmethod
    def evaluate(self, view: View) -> Matched:
        """The customers of the view's universe that it holds for. Raises ColumnsDamaged."""

    @abstractmethod
    def foretell(self, ahead: Ahead) -> Mapping[int, Steps]:
        """For each of the customers ahead when it holds, from now on, if nothing happens. Raises Unforeseeable."""


@dataclass(frozen=True)
class LeafKind:
    """What the language and the criteria builder know of one kind of leaf. Each kind's file has one, `KIND`.

    `form` names the fragment `templates/cohorts/criteria/<form>.html` with the kind's inputs; how a fragment is
    written stands in `cohorts/builder/README.md`. `blank` is the document that a new row starts from: whatever is
    left to fill in holds an empty text. `customers` are the kinds of customers that the leaf can be asked of, and
    `inner` tells, per key that holds a node, of which kind of customer that node asks.
    """

    parse: Callable[[dict[str, Any], Place], Leaf]
    label: str
    icon: str
    form: str
    blank: Mapping[str, Any]
    customers: tuple[CustomerKind, ...] = tuple(CustomerKind)
    inner: Mapping[str, CustomerKind] = field(default_factory=dict)


def parse_node(value: object, place: Place) -> Node[Leaf]:
    """The tree of leaves of a node. Raises CriteriaError."""
    return parse_tree(value, place, _parse_leaf, place.leaf_kinds)


def _parse_leaf(value: dict[str, Any], place: Place) -> Leaf:
    [kind] = place.leaf_kinds.keys() & value.keys()
    leaf: Leaf = place.leaf_kinds[kind](value, place)
    return leaf
