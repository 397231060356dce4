"""Evaluate a definition over what was visible at one instant. Reads only; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from cohorts.criteria import Before, Clock, Criteria, Evidence, Matched, View
from cohorts.enums import Reason
from ingest.columns.interface import Snapshot


@dataclass(frozen=True)
class Evaluated:
    """Who matches, and per leaf path what its part of the answer was."""

    criteria: Criteria
    members: BitMap
    universe: BitMap
    matched: Mapping[str, Matched]

    @property
    def leaves(self) -> dict[str, BitMap]:
        """Per leaf path the customers that match the leaf; of leaves inside others too."""
        found: dict[str, BitMap] = {}
        for path, matched in self.matched.items():
            found |= {path: matched.members, **matched.inner}
        return found


@dataclass(frozen=True)
class Explanation:
    """Why one customer moved: the strongest reason, and a sentence for each condition that turned."""

    reason: Reason
    because: list[str]


def evaluate(criteria: Criteria, snapshot: Snapshot, clock: Clock) -> Evaluated:
    """The customers that match the criteria at the snapshot's instant. Raises what the columns raise."""
    view = View(snapshot=snapshot, kind=criteria.kind, clock=clock)
    matched = {path: leaf.evaluate(view) for path, leaf in criteria.leaves.items()}
    universe = snapshot.universe(criteria.kind)
    members = criteria.members(universe, {path: match.members for path, match in matched.items()})
    return Evaluated(criteria=criteria, members=members, universe=universe, matched=matched)


def explain(
    evaluated: Evaluated, changed: BitMap, before: Before, erased: BitMap, snapshot: Snapshot
) -> dict[int, Explanation]:
    """Per changed customer the reason and the sentences, from the leaves whose turning moved it.

    `erased` are the changed customers who were erased as a whole.
    """
    turned = evaluated.criteria.turned(
        changed, (before.universe, evaluated.universe), (before.leaves, evaluated.leaves)
    )
    found: dict[int, list[Evidence]] = {customer: [] for customer in changed}
    for path, customers in turned.items():
        for customer, evidence in evaluated.matched[path].evidence(customers, before).items():
            found[customer].append(evidence)
    lost = snapshot.erased_since(evaluated.criteria.kind, before.as_of)
    return {
        customer: ERASED if customer in erased else _explain_one(evidence, lost_events=customer in lost)
        for customer, evidence in found.items()
    }


def explain_edit(evaluated: Evaluated, changed: BitMap) -> dict[int, Explanation]:
    """Explanations after an edit of the cohort: each leaf's value for the customer, under the new definition."""
    because: dict[int, list[str]] = {customer: [] for customer in changed}
    for matched in evaluated.matched.values():
        for customer, found in matched.evidence(changed & evaluated.universe, None).items():
            because[customer].append(found.sentence)
    return {
        customer: Explanation(Reason.DEFINITION, ["The cohort's definition was edited", *sentences])
        for customer, sentences in because.items()
    }


def clock_at(at: datetime, time_zone: str, week_starts_on: int) -> Clock:
    """The clock that a cohort's windows are read by."""
    return Clock(at=at, time_zone=ZoneInfo(time_zone), week_starts_on=week_starts_on)


ERASED = Explanation(Reason.DELETED, ["The customer was erased"])
_ORDER = {reason: place for place, reason in enumerate(Reason)}


def _explain_one(found: list[Evidence], *, lost_events: bool) -> Explanation:
    fallback = Reason.BEHAVIOR if lost_events else Reason.TIME
    reason = min((evidence.reason for evidence in found), key=_ORDER.__getitem__, default=fallback)
    return Explanation(reason, [evidence.sentence for evidence in found])
