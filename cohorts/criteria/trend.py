"""`trend`: how much more or less a customer does than in the stretch of time just before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import LeafKind, Value
from cohorts.criteria.measured import Figures, MeasuredLeaf, Source, say_events
from cohorts.criteria.operators import COMPARISONS
from cohorts.criteria.place import Place, read_count, read_object
from cohorts.criteria.thresholds import Threshold, parse_threshold
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import Between, Clock, Rolling, event_span, parse_within
from cohorts.criteria.wording import say_number, say_times
from ingest.columns.interface import Measure, Span

KEYS = ("trend", "change", "percent", "minimum", "within")
REQUIRED = ("change", "percent")


@dataclass(frozen=True)
class Trend(MeasuredLeaf):
    """The customers with `minimum` or more events in the earlier window whose change since passes the threshold."""

    path: str
    events: Events
    threshold: Threshold
    minimum: int
    window: Rolling | Between

    def words(self) -> str:
        least = f", at least {say_times(self.minimum)} then" if self.minimum > 1 else ""
        return f"{self.events.words()} {self._change} {self.window.words} against as long before{least}"

    def measure(self, source: Source) -> ir.Table:
        earlier, span = self._windows(source.clock)
        measure = Measure(lambda rows: _add_up(source.matching(rows, self.events)), _add_up, self.key)
        before, now = source.measured(earlier, measure), source.measured(span, measure)
        counts = before.left_join(now, "customer").select(
            before.customer, before=before.weight, now=ibis.coalesce(now.weight, 0)
        )
        change = ((counts.now - counts.before) * 100).cast("float64") / counts.before.cast("float64")
        return counts.mutate(holds=(counts.before >= self.minimum) & self.threshold.holds(change))

    def say(self, figures: Figures, clock: Clock) -> str:
        now, before = (int(figures.get(name, 0)) for name in ("now", "before"))
        if not before:
            return f"{say_events(self.events)}: none before {self.window.words} ({self.asked})"
        change = say_number(round((now - before) * 100 / before, 1))
        sign = "+" if now > before else ""
        counts = f"{say_times(now)} {self.window.words} after {before:,}"
        return f"{say_events(self.events)}: {sign}{change}%, {counts} ({self.asked})"

    @property
    def asked(self) -> str:
        return self._change + (f" from at least {self.minimum:,}" if self.minimum > 1 else "")

    @property
    def gaze(self) -> Gaze:
        near, far = self.window.ages
        return Gaze((self.events,), lambda clock: list(self._windows(clock)), (near, far, far + far - near))

    def foretell(self, ahead: Ahead) -> Foretold:
        def holds(track: Track, clock: Clock) -> bool:
            before, now = (track.total("weight", track.inside(span)) for span in self._windows(clock))
            return before >= max(self.minimum, 1) and self.threshold.passed_by((now - before) * 100 / before)

        def select(rows: ir.Table) -> ir.Table:
            return rows.select("customer", "time", "weight")

        return foretell_events(ahead, self.gaze, self.window, select, holds, heavy=False)

    def value(self, figures: Figures) -> float | None:
        now, before = (int(figures.get(name, 0)) for name in ("now", "before"))
        return (now - before) * 100 / before if before else None

    def parts(self, figures: Figures) -> dict[str, Value]:
        return {name: int(figures.get(name, 0)) for name in ("now", "before")}

    def _windows(self, clock: Clock) -> tuple[Span, Span]:
        """The earlier one and the one compared with it."""
        span = event_span(self.window, clock)
        assert span.start is not None
        return Span(span.start - (span.end - span.start), span.start), span

    @property
    def _change(self) -> str:
        """`fell by at least 50%`, `grew by more than 20%`, `changed by between -5% and 5%`."""
        [percent, *_] = self.threshold.values
        op = self.threshold.op
        if op in ("<", "<=") and percent < 0:
            return f"fell by {COMPARISONS['>' if op == '<' else '>='][1]} {say_number(-percent)}%"
        if op in (">", ">=") and percent > 0:
            return f"grew by {COMPARISONS[op][1]} {say_number(percent)}%"
        return f"changed by {self.threshold.words(lambda value: f'{say_number(value)}%')}"


def _add_up(rows: ir.Table) -> ir.Table:
    return rows.group_by("customer").aggregate(weight=rows.weight.sum())


def parse(value: dict[str, Any], place: Place) -> Trend:
    """The leaf of an object with the key `trend`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS, REQUIRED)
    events = parse_events(value["trend"], place.key("trend"))
    threshold = parse_threshold(value["change"], value["percent"], place.key("change"), place.key("percent"))
    minimum = read_count(value.get("minimum", 1), place.key("minimum"))
    window = parse_within(value, place)
    if not isinstance(window, Rolling | Between):
        raise place.key("within").fault('expected a rolling window, {"last": "7d"} or {"from": "14d", "to": "7d"}')
    return Trend(place.path, events, threshold, minimum, window)


KIND = LeafKind(
    parse=parse,
    label="Whose activity changed",
    icon="trending_down",
    form="trend",
    blank={
        "trend": {"type": "api_call"},
        "change": "<=",
        "percent": -50,
        "minimum": 100,
        "within": {"last": "7d"},
    },
)
