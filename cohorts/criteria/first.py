"""`first`: when a customer did something for the first time ever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ibis.expr.types as ir

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.cells import as_utc, instant
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import LeafKind
from cohorts.criteria.measured import Figures, MeasuredLeaf, Source, say_events
from cohorts.criteria.place import Place, read_object
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import Clock, Ever, Window, event_span, parse_within
from ingest.columns.interface import Measure

KEYS = ("first", "within")


@dataclass(frozen=True)
class First(MeasuredLeaf):
    """The customers whose first matching event ever falls in the window."""

    path: str
    events: Events
    window: Window

    def words(self) -> str:
        return f"first {self.events.words()} {self.window.words}"

    def measure(self, source: Source) -> ir.Table:
        measure = Measure(partial(self._find, source), _earliest, self.key)
        firsts = source.measured(event_span(Ever(), source.clock), measure)
        span = event_span(self.window, source.clock)
        inside = firsts.first < instant(span.end)
        if span.start is not None:
            inside &= firsts.first >= instant(span.start)
        return firsts.mutate(holds=inside)

    def _find(self, source: Source, rows: ir.Table) -> ir.Table:
        return _earliest(source.matching(rows, self.events).select("customer", first="time"))

    def say(self, figures: Figures, clock: Clock) -> str:
        first = as_utc(figures.get("first"))
        return f"first {say_events(self.events)}: {clock.local(first) if first else 'never'} ({self.asked})"

    @property
    def asked(self) -> str:
        return self.window.words

    @property
    def gaze(self) -> Gaze:
        return Gaze((self.events,), lambda clock: [event_span(self.window, clock)], self.window.ages, first=True)

    def foretell(self, ahead: Ahead) -> Foretold:
        ever = replace(self.gaze, spans=lambda clock: [event_span(Ever(), clock)])

        def holds(track: Track, clock: Clock) -> bool:
            return bool(track.rows) and bool(track.inside(event_span(self.window, clock)))

        def select(rows: ir.Table) -> ir.Table:
            return rows.group_by("customer").aggregate(time=rows.time.min())

        return foretell_events(ahead, ever, self.window, select, holds, heavy=False)

    def value(self, figures: Figures) -> str | None:
        first = as_utc(figures.get("first"))
        return first.isoformat().replace("+00:00", "Z") if first else None


def _earliest(rows: ir.Table) -> ir.Table:
    return rows.group_by("customer").aggregate(first=rows["first"].min())


def parse(value: dict[str, Any], place: Place) -> First:
    """The leaf of an object with the key `first`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS)
    return First(place.path, parse_events(value["first"], place.key("first")), parse_within(value, place))


KIND = LeafKind(
    parse=parse,
    label="Who performed for the first time",
    icon="flag",
    form="first",
    blank={"first": {"type": "api_call"}, "within": {"last": "7d"}},
)
