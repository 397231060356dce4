"""`performed`: how often a customer did something inside a window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

import ibis.expr.types as ir
from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import Before, Evidence, Leaf, LeafKind, Matched, View
from cohorts.criteria.place import Place, read_count, read_object
from cohorts.criteria.turning import Gaze, find_turning
from cohorts.criteria.windows import Clock, Window, event_span, parse_within
from cohorts.criteria.wording import cut, say_times
from cohorts.enums import Reason
from ingest.columns.interface import Span, Weighing, without
from ingest.columns.weights import Weights
from ingest.models import CustomerKind

KEYS = ("performed", "at_least", "at_most", "within")
LONGEST_EVENTS = 200


@dataclass(frozen=True)
class Bounds:
    """How many times are asked for: `at_least <= n <= at_most`; no upper bound when it is None."""

    at_least: int
    at_most: int | None

    def hold(self, count: int) -> bool:
        return self.at_least <= count and (self.at_most is None or count <= self.at_most)

    @property
    def words(self) -> str:
        if self.at_most is None:
            return f"at least {self.at_least:,}"
        if not self.at_least:
            return f"at most {self.at_most:,}"
        return (
            f"exactly {self.at_least:,}" if self.at_least == self.at_most else f"{self.at_least:,} to {self.at_most:,}"
        )


@dataclass(frozen=True)
class Performed(Leaf):
    """The customers whose matching events in the window weigh as much as the bounds say."""

    path: str
    events: Events
    bounds: Bounds
    window: Window

    def words(self) -> str:
        events, window = self.events.words(), self.window.words
        if self.bounds.at_most == 0:
            return f"did not perform {events} {window}"
        times = "time" if (self.bounds.at_most or self.bounds.at_least) == 1 else "times"
        return f"performed {events} {self.bounds.words} {times} {window}"

    def evaluate(self, view: View) -> Matched:
        """Weighs once; the evidence reads the same weights."""
        weighing = self._weigh(view)
        weights = weighing.within(view.kind, event_span(self.window, view.clock))
        if self.bounds.at_least:
            members = weights.between(self.bounds.at_least, self.bounds.at_most) & view.universe
        else:  # also customers without any event
            members = view.universe - weights.between((self.bounds.at_most or 0) + 1, None)
        return Matched(members, partial(self._explain, view, weighing, weights))

    def _weigh(self, view: View) -> Weighing:
        chosen = partial(self.events.among, snapshot=view.snapshot, clock=view.clock)
        return view.snapshot.weigh(chosen, self.events.key)

    def _explain(
        self, view: View, weighing: Weighing, weights: Weights, ids: BitMap, before: Before | None
    ) -> dict[int, Evidence]:
        now = weights.of(ids)
        reasons = dict.fromkeys(ids, Reason.BEHAVIOR)
        if before is not None:
            reasons |= self._reasons(view, weighing, now, ids, before.as_of)
        turning = find_turning(self._gaze, view, reasons, before)
        events, asked = cut(self.events.words(), LONGEST_EVENTS), self.bounds.words

        @cache  # many customers share a count
        def say(count: int) -> str:
            return f"{events}: {say_times(count)} {self.window.words} ({asked})"

        def explain(id_: int) -> Evidence:
            count = now.get(id_, 0)
            return Evidence(say(count), reasons[id_], count, asked, events=turning.get(id_, ()))

        return {id_: explain(id_) for id_ in ids}

    @property
    def _gaze(self) -> Gaze:
        return Gaze((self.events,), lambda clock: [event_span(self.window, clock)], self.window.ages)

    def foretell(self, ahead: Ahead) -> Foretold:
        def holds(track: Track, clock: Clock) -> bool:
            return self.bounds.hold(track.total("weight", track.inside(event_span(self.window, clock))))

        return foretell_events(ahead, self._gaze, self.window, _weights, holds, heavy=False)

    def _reasons(
        self, view: View, weighing: Weighing, now: dict[int, int], ids: BitMap, since: datetime
    ) -> dict[int, Reason]:
        """The reasons that are not the arrival of matching events.

        The window is asked last: it counts as the cause only where its moving on alone turns the answer.
        """
        snapshot = view.snapshot
        new = weighing.arrived(view.kind, event_span(self.window, view.clock), since).of(ids)
        seen_then = {id_: now.get(id_, 0) - new.get(id_, 0) for id_ in ids}
        rest = BitMap(
            id_ for id_, count in seen_then.items() if self.bounds.hold(count) == self.bounds.hold(now.get(id_, 0))
        ) - snapshot.erased_since(view.kind, since)
        if not rest:
            return {}
        aged = self._aged(view, weighing, rest, seen_then, since)
        said = snapshot.changed_profiles(view.kind, since)
        if view.kind == CustomerKind.COMPANY:  # without an event of its own: a user came or left, with all its events
            said |= rest - snapshot.ids(snapshot.new_activity(view.kind, since))
        return {**dict.fromkeys(aged, Reason.TIME), **dict.fromkeys((rest - aged) & said, Reason.PROFILE)}

    def _aged(self, view: View, weighing: Weighing, ids: BitMap, seen_then: dict[int, int], since: datetime) -> BitMap:
        """Those of the customers for whom the same events gave another answer with the clock at `since`."""
        if self.events.moves:
            return ids
        then, now = event_span(self.window, view.at(since)), event_span(self.window, view.clock)
        left = _seen_then(view, weighing, without(then, now), ids, since)
        entered = _seen_then(view, weighing, without(now, then), ids, since)
        return BitMap(
            id_
            for id_ in ids
            if self.bounds.hold(seen_then[id_])
            != self.bounds.hold(seen_then[id_] + left.get(id_, 0) - entered.get(id_, 0))
        )


def _seen_then(view: View, weighing: Weighing, spans: list[Span], ids: BitMap, since: datetime) -> dict[int, int]:
    """The weight of the matching events in the spans that were visible at `since`, per customer."""
    begun = [span for span in spans if span.start is None or span.start <= since]
    return weighing.seen_then(view.kind, begun, since).of(ids) if begun else {}


def _weights(events: ir.Table) -> ir.Table:
    return events.select("customer", "time", "weight")


def parse(value: dict[str, Any], place: Place) -> Performed:
    """The leaf of an object with the key `performed`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS)
    events = parse_events(value["performed"], place.key("performed"))
    bounds = _parse_bounds(value, place)
    return Performed(place.path, events, bounds, parse_within(value, place))


KIND = LeafKind(
    parse=parse,
    label="Who performed",
    icon="bolt",
    form="performed",
    blank={"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "7d"}},
)


def _parse_bounds(value: dict[str, Any], place: Place) -> Bounds:
    at_least, at_most = (
        read_count(value[key], place.key(key)) if key in value else None for key in ("at_least", "at_most")
    )
    if at_most is None:
        if at_least is None:
            raise place.fault('expected "at_least", "at_most" or both')
        if at_least == 0:
            raise place.key("at_least").fault('expected 1 or more, or an "at_most" beside it')
    elif at_most < (at_least or 0):
        raise place.key("at_most").fault('expected no less than "at_least"')
    return Bounds(at_least or 0, at_most)
