"""Evaluate a definition over what was visible at one instant. Reads only; writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from cohorts.criteria import Before, Clock, Criteria, Evidence, Matched, View
from cohorts.criteria.leaf import MembersOf
from cohorts.criteria.turning import MOST_CUSTOMERS
from cohorts.enums import Reason
from cohorts.stored import members_at
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
    evidence: list[dict[str, Any]] = field(default_factory=list)
    "For each condition that turned what `Evidence.as_json` keeps."


def evaluate(criteria: Criteria, snapshot: Snapshot, clock: Clock, members_of: MembersOf = members_at) -> Evaluated:
    """The customers that match the criteria at the snapshot's instant. Raises what the columns raise.

    `members_of` says who was in the cohorts that the criteria refer to; by default what their evaluations stored.
    """
    view = View(snapshot=snapshot, kind=criteria.kind, clock=clock, members_of=members_of)
    matched = {path: leaf.evaluate(view) for path, leaf in criteria.leaves.items()}
    universe = snapshot.universe(criteria.kind)
    members = criteria.members(universe, {path: match.members for path, match in matched.items()})
    return Evaluated(criteria=criteria, members=members, universe=universe, matched=matched)


def explain(evaluated: Evaluated, changed: BitMap, before: Before, snapshot: Snapshot) -> dict[int, Explanation]:
    """Per changed customer the reason, the sentences and the evidence, from the leaves whose turning moved it.

    No evidence is kept where more than MOST_CUSTOMERS moved at once.
    """
    turned = evaluated.criteria.turned(
        changed, (before.universe, evaluated.universe), (before.leaves, evaluated.leaves)
    )
    found: dict[int, list[Turned]] = {customer: [] for customer in changed}
    for path, customers in turned.items():
        for customer, evidence in evaluated.matched[path].evidence(customers, before).items():
            found[customer].append((path, evidence))
    lost = snapshot.erased_since(evaluated.criteria.kind, before.as_of)
    keep = len(changed) <= MOST_CUSTOMERS
    return {
        customer: _explain_one(evidence, lost_events=customer in lost, keep=keep)
        for customer, evidence in found.items()
    }


def explain_edit(evaluated: Evaluated, changed: BitMap) -> dict[int, Explanation]:
    """Explanations after an edit of the cohort: each leaf's value for the customer, under the new definition."""
    found: dict[int, list[Turned]] = {customer: [] for customer in changed}
    for path, matched in evaluated.matched.items():
        for customer, evidence in matched.evidence(changed & evaluated.universe, None).items():
            found[customer].append((path, evidence))
    keep = len(changed) <= MOST_CUSTOMERS
    return {
        customer: Explanation(
            Reason.DEFINITION,
            ["The cohort's definition was edited", *(each.sentence for _, each in turned)],
            [each.as_json(path) for path, each in turned] if keep else [],
        )
        for customer, turned in found.items()
    }


def clock_at(at: datetime, time_zone: str, week_starts_on: int) -> Clock:
    """The clock that a cohort's windows are read by."""
    return Clock(at=at, time_zone=ZoneInfo(time_zone), week_starts_on=week_starts_on)


ERASED = Explanation(Reason.DELETED, ["The customer was erased"])
Turned = tuple[str, Evidence]
"The path of a leaf, and why it turned."


def merged_into(user: str) -> Explanation:
    """Of a visitor who left because it turned out to be a user, whose cohorts tell of its events from then on."""
    return Explanation(Reason.PROFILE, [f"The visitor turned out to be the user {user}"])


_ORDER = {reason: place for place, reason in enumerate(Reason)}


def _explain_one(found: list[Turned], *, lost_events: bool, keep: bool) -> Explanation:
    fallback = Reason.BEHAVIOR if lost_events else Reason.TIME
    reason = min((evidence.reason for _, evidence in found), key=_ORDER.__getitem__, default=fallback)
    kept = [evidence.as_json(path) for path, evidence in found] if keep else []
    return Explanation(reason, [evidence.sentence for _, evidence in found], kept)
