"""How many customers each condition of a definition keeps, so that one sees which is too narrow."""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.criteria.tree import AllOf, AnyOf
from cohorts.evaluation import Evaluated
from ingest.columns.interface import Snapshot
from ingest.models import CustomerKind


@dataclass(frozen=True)
class Kept:
    """A condition at its path keeps `count` customers, if it were alone; `left` of them match those before it too.

    `left` is None outside of a group of `all`, and of the first condition in one. `kind` is that of the customers
    counted: companies inside a user's `company`, users inside a company's `users`.
    """

    path: str
    words: str
    kind: CustomerKind
    count: int
    left: int | None


def count_conditions(evaluated: Evaluated, snapshot: Snapshot) -> list[Kept]:
    """Every condition and group, in the order of the document; not the group that all the others stand in.

    The snapshot is the one that was evaluated.
    """
    conditions = list(evaluated.criteria.conditions(snapshot.universe, evaluated.leaves))
    return [
        Kept(each.path, each.words, each.kind, len(each.members), None if each.left is None else len(each.left))
        for each in (conditions[1:] if isinstance(evaluated.criteria.match, AllOf | AnyOf) else conditions)
    ]
