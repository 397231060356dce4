"""How many customers each condition of a definition keeps, so that one sees which is too narrow."""

from __future__ import annotations

from dataclasses import dataclass

from cohorts.evaluation import Evaluated


@dataclass(frozen=True)
class Kept:
    """A condition at its path keeps `count` customers, if it were alone; `left` of them match those before it too.

    `left` is None outside of a group of `all`, and of the first condition in one.
    """

    path: str
    words: str
    count: int
    left: int | None


def count_conditions(evaluated: Evaluated) -> list[Kept]:
    """Every condition and group, in the order of the document; not the group that all the others stand in."""
    matched = {path: match.members for path, match in evaluated.matched.items()}
    conditions = evaluated.criteria.conditions(evaluated.universe, matched)
    return [
        Kept(each.path, each.words, len(each.members), None if each.left is None else len(each.left))
        for each in (conditions[1:] or conditions)
    ]
