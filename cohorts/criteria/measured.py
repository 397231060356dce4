"""What all leaves share that measure a customer's events: who passes, the figures, and why the answer turned.

Such a leaf says how events are measured and puts its figures into words. That is asked again of the events that were
visible at the evaluation before, and with the clock of then: the answers tell behavior from time from profile.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import ibis
import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.events import Events
from cohorts.criteria.leaf import Before, Evidence, Leaf, Matched, Value, View
from cohorts.criteria.turning import Gaze, find_turning
from cohorts.criteria.windows import Clock
from cohorts.criteria.wording import cut
from cohorts.enums import Reason
from ingest.columns.interface import Measure, Span
from ingest.models import CustomerKind

LONGEST_EVENTS = 200
Figures = Mapping[str, Any]
"A row of what was measured of a customer; empty where there was nothing to measure."


@dataclass(frozen=True)
class Source:
    """The events to measure, and the clock that windows and filters are read by.

    `seen_at` leaves only what was visible then, `among` only those customers.
    """

    view: View
    clock: Clock
    seen_at: datetime | None = None
    among: BitMap | None = None

    def measured(self, span: Span, measure: Measure) -> ir.Table:
        """What the measure makes of the events in a span."""
        return self.view.snapshot.measured(self.view.kind, span, measure, seen_at=self.seen_at, among=self.among)

    def matching(self, rows: ir.Table, events: Events) -> ir.Table:
        """The rows of a table of events that a leaf looks at."""
        return events.among(rows, self.view.snapshot, self.clock)

    def weight(self, rows: ir.Table, events: Events) -> ir.IntegerValue:
        """What each row weighs among some events: nothing if it is none of them."""
        return ibis.ifelse(events.has(rows, self.view.snapshot, self.clock), rows.weight, 0)


class MeasuredLeaf(Leaf):
    """The customers whose events measure up."""

    @property
    def key(self) -> str | None:
        """What tells this leaf's measures from others; None where the clock decides too."""
        return None if any(events.moves for events in self.gaze.events) else repr(self)

    @abstractmethod
    def measure(self, source: Source) -> ir.Table:
        """`customer, holds` (never null) and figures to tell of: a row for each customer with something to measure."""

    @abstractmethod
    def say(self, figures: Figures, clock: Clock) -> str:
        """The figures against the threshold, in one sentence."""

    @property
    @abstractmethod
    def asked(self) -> str:
        """The threshold in words."""

    @property
    @abstractmethod
    def gaze(self) -> Gaze:
        """Which events it looks at, and where."""

    @abstractmethod
    def value(self, figures: Figures) -> Value:
        """What is compared with the threshold; none where there is nothing."""

    def parts(self, figures: Figures) -> dict[str, Value]:
        """What the value came from, as far as it is told."""
        return {}

    def figures(self, view: View, measured: ir.Table, ids: BitMap) -> dict[int, Figures]:
        """Per customer its figures, from what was measured."""
        return {row["customer"]: row for row in view.snapshot.rows(measured, ids).to_pylist()}

    def evaluate(self, view: View) -> Matched:
        """Measures once; the evidence reads the same figures."""
        measured = self.measure(Source(view, view.clock))
        members = self._passing(view, measured)
        return Matched(members, partial(self._explain, view, measured, members))

    @property
    def passes_empty(self) -> bool:
        """Whether a customer of whom there is nothing to measure passes."""
        return False

    def _passing(self, view: View, measured: ir.Table) -> BitMap:
        if self.passes_empty:
            return view.universe - view.snapshot.holding(measured, holds=False)
        return view.snapshot.holding(measured) & view.universe

    def _explain(
        self, view: View, measured: ir.Table, members: BitMap, ids: BitMap, before: Before | None
    ) -> dict[int, Evidence]:
        figures = self.figures(view, measured, ids)
        reasons = dict.fromkeys(ids, Reason.BEHAVIOR)
        if before is not None:
            reasons |= self._reasons(view, members, ids, before.as_of)
        events = find_turning(self.gaze, view, reasons, before)

        def explain(id_: int) -> Evidence:
            found = figures.get(id_, {})
            return Evidence(
                sentence=self.say(found, view.clock),
                reason=reasons[id_],
                value=self.value(found),
                threshold=self.asked,
                figures=self.parts(found),
                events=events.get(id_, ()),
            )

        return {id_: explain(id_) for id_ in ids}

    def _reasons(self, view: View, members: BitMap, ids: BitMap, since: datetime) -> dict[int, Reason]:
        """The reasons that are not the arrival of events: see `performed`, which asks the same with less reading."""
        snapshot = view.snapshot
        turned_by_events = self._turned(Source(view, view.clock, since, ids), members, ids)
        rest = ids - turned_by_events - snapshot.erased_since(view.kind, since)
        if not rest:
            return {}
        aged = self._turned(Source(view, view.at(since), since, rest), members, rest)
        said = snapshot.changed_profiles(view.kind, since)
        if view.kind == CustomerKind.COMPANY:  # without an event of its own: a user came or left, with all its events
            said |= rest - snapshot.ids(snapshot.new_activity(view.kind, since))
        return {**dict.fromkeys(aged, Reason.TIME), **dict.fromkeys((rest - aged) & said, Reason.PROFILE)}

    def _turned(self, source: Source, members: BitMap, ids: BitMap) -> BitMap:
        """Those of the customers for whom the source gives another answer than the evaluation."""
        return (self._passing(source.view, self.measure(source)) ^ members) & ids


def say_events(events: Events) -> str:
    """The events in words that stay short enough for a sentence."""
    return cut(events.words(), LONGEST_EVENTS)
