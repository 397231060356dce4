"""`cohort`: a member of another cohort.

Its members are those that its own evaluation stored, by its own time zone: in a cycle, the cohorts that others name
are evaluated first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold, foretell
from cohorts.criteria.definition import Criteria
from cohorts.criteria.leaf import Before, EventSeen, Evidence, Leaf, LeafKind, Matched, View, parse_node
from cohorts.criteria.place import Place, read_object
from cohorts.criteria.steps import Steps, sample
from cohorts.criteria.turning import merge
from cohorts.criteria.windows import Clock
from cohorts.enums import ChangeKind, Reason
from cohorts.models import Baseline, Cohort, MembershipChange
from ingest.models import CustomerKind

EXPECTED = "expected the id of a cohort"


@dataclass(frozen=True)
class Member(Leaf):
    """The members of a cohort of the same kind."""

    path: str
    cohort: uuid.UUID
    name: str
    read: Callable[[Any, CustomerKind], Criteria] = field(compare=False, repr=False)
    "Parses the criteria of the other cohort."

    def words(self) -> str:
        return f"member of “{self.name}”"

    def evaluate(self, view: View) -> Matched:
        members = view.members_of(self.cohort, view.clock.at) & view.universe
        return Matched(members, partial(self._explain, view, members))

    def foretell(self, ahead: Ahead) -> Foretold:
        """What the other cohort's evaluations will find, each at its time and by its own clock."""
        other = Cohort.objects.get(pk=self.cohort)
        members = ahead.view.members_of(self.cohort, ahead.now)
        stored = {id_: Steps(id_ in members) for id_ in ahead.ids}
        if other.is_list or other.paused_at is not None or other.error:
            return stored
        clock = Clock(ahead.now, ZoneInfo(other.time_zone), other.week_starts_on)
        ahead = replace(ahead, view=replace(ahead.view, clock=clock))
        found, _ = foretell(self.read(other.criteria, ahead.view.kind), ahead)
        return {
            id_: sample(found[id_], stored[id_].first, ahead.now, partial(other.evaluated_after, now=ahead.now))
            for id_ in ahead.ids
        }

    def _explain(self, view: View, members: BitMap, ids: BitMap, before: Before | None) -> dict[int, Evidence]:
        moves = self._moves(view, before) if before else {}
        otherwise = self._reason_without_move(view, ids, before) if before else {}

        def explain(id_: int) -> Evidence:
            move = moves.get(id_)
            if move is None or (move.change == ChangeKind.ADDED) != (id_ in members):
                verb = "is a member of" if id_ in members else "is no member of"
                return Evidence(
                    f"{verb} “{self.name}”", otherwise.get(id_, Reason.BEHAVIOR), id_ in members, self.words()
                )
            events = merge(_events(each) for each in move.evidence)
            return Evidence(self._say(move, view.clock), Reason(move.reason), id_ in members, self.words(), {}, events)

        return {id_: explain(id_) for id_ in ids}

    def _moves(self, view: View, before: Before) -> dict[int, MembershipChange]:
        """Per customer the last change of its membership there since the evaluation before."""
        changes = MembershipChange.objects.filter(
            cohort=self.cohort, changed_at__gt=before.as_of, changed_at__lte=view.clock.at
        )
        return {change.customer_id: change for change in changes.order_by("version", "id")}

    def _reason_without_move(self, view: View, ids: BitMap, before: Before) -> dict[int, Reason]:
        """The reasons of those who moved there in silence, by an edit, or who are new here."""
        baselines = Baseline.objects.filter(cohort=self.cohort, as_of__gt=before.as_of, as_of__lte=view.clock.at)
        if baselines.exists():
            return dict.fromkeys(ids, Reason.DEFINITION)
        return dict.fromkeys(ids & view.snapshot.changed_profiles(view.kind, before.as_of), Reason.PROFILE)

    def _say(self, move: MembershipChange, clock: Clock) -> str:
        verb = "joined" if move.change == ChangeKind.ADDED else "left"
        why = f": {'; '.join(move.because)}" if move.because else ""
        return f"{verb} “{self.name}” on {clock.local(move.changed_at)}{why}"


def _events(evidence: dict[str, Any]) -> tuple[EventSeen, ...]:
    """The events that the other cohort's change kept."""
    kept = evidence["events"]
    return tuple(EventSeen(each["id"], datetime.fromisoformat(each["time"]), each["what"]) for each in kept)


def parse(value: dict[str, Any], place: Place) -> Member:
    """The leaf of an object with the key `cohort`. Raises CriteriaError, also when there is no such cohort."""
    read_object(value, place, "an object", ("cohort",))
    at = place.key("cohort")
    try:
        id_ = uuid.UUID(value["cohort"])
    except (ValueError, TypeError, AttributeError):
        raise at.fault(EXPECTED) from None
    cohort = Cohort.objects.filter(pk=id_).only("name", "kind").first()
    if cohort is None:
        raise at.fault(f"{EXPECTED}, there is none with this one")
    if cohort.kind != place.kind:
        raise at.fault(f"{EXPECTED} of the same kind: “{cohort.name}” is not a {place.kind} cohort")
    return Member(place.path, id_, cohort.name, partial(_read, kinds=place.leaf_kinds))


def _read(document: dict[str, Any], kind: CustomerKind, kinds: Mapping[str, Any]) -> Criteria:
    return Criteria(document, kind, parse_node(document["match"], Place("match", kind, leaf_kinds=kinds)))


KIND = LeafKind(
    parse=parse,
    label="Who is a member of",
    icon="group_work",
    form="cohort",
    blank={"cohort": ""},
)
