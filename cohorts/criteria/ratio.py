"""`ratio`: how many of some events there are to each of some others, such as failed calls to all calls."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import ibis.expr.types as ir

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import LeafKind, Value
from cohorts.criteria.measured import Figures, MeasuredLeaf, Source, say_events
from cohorts.criteria.place import Place, read_count, read_object
from cohorts.criteria.thresholds import Threshold, parse_threshold
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import Clock, Window, event_span, parse_within
from cohorts.criteria.wording import say_number
from ingest.columns.interface import Measure

KEYS = ("ratio", "to", "op", "value", "minimum", "within")
REQUIRED = ("to", "op", "value")


@dataclass(frozen=True)
class Ratio(MeasuredLeaf):
    """The customers with `minimum` or more events of `whole` whose ratio of `part` to them passes the threshold."""

    path: str
    part: Events
    whole: Events
    threshold: Threshold
    minimum: int
    window: Window

    def words(self) -> str:
        least = f", of at least {self.minimum:,}" if self.minimum > 1 else ""
        ratio = f"ratio of {self.part.words()} to {self.whole.words()}"
        return f"{ratio} is {self.threshold.words(say_percent)} {self.window.words}{least}"

    def measure(self, source: Source) -> ir.Table:
        measure = Measure(partial(self._count, source), self._divide, self.key)
        return source.measured(event_span(self.window, source.clock), measure)

    def _count(self, source: Source, rows: ir.Table) -> ir.Table:
        weights = rows.select("customer", part=source.weight(rows, self.part), whole=source.weight(rows, self.whole))
        return _add_up(weights.filter((weights.part > 0) | (weights.whole > 0)))

    def _divide(self, counts: ir.Table) -> ir.Table:
        counts = _add_up(counts)
        counts = counts.filter(counts.whole > 0)
        ratio = counts.part.cast("float64") / counts.whole.cast("float64")
        return counts.mutate(holds=(counts.whole >= self.minimum) & self.threshold.holds(ratio))

    def say(self, figures: Figures, clock: Clock) -> str:
        part, whole = (int(figures.get(name, 0)) for name in ("part", "whole"))
        ratio = say_percent(round(part / whole, 4)) if whole else "none"
        what = f"ratio of {say_events(self.part)} to {say_events(self.whole)}"
        return f"{what}: {ratio}, {part:,} to {whole:,}, {self.window.words} ({self.asked})"

    @property
    def asked(self) -> str:
        least = f" of at least {self.minimum:,}" if self.minimum > 1 else ""
        return f"{self.threshold.words(say_percent)}{least}"

    @property
    def gaze(self) -> Gaze:
        return Gaze((self.part, self.whole), lambda clock: [event_span(self.window, clock)], self.window.ages)

    def foretell(self, ahead: Ahead) -> Foretold:
        source = Source(ahead.view, ahead.view.clock)

        def select(rows: ir.Table) -> ir.Table:
            counts = {"part": source.weight(rows, self.part), "whole": source.weight(rows, self.whole)}
            return rows.select("customer", "time", **counts)

        def holds(track: Track, clock: Clock) -> bool:
            places = track.inside(event_span(self.window, clock))
            part, whole = (track.total(name, places) for name in ("part", "whole"))
            return whole >= max(self.minimum, 1) and self.threshold.passed_by(part / whole)

        return foretell_events(ahead, self.gaze, self.window, select, holds, heavy=False)

    def value(self, figures: Figures) -> float | None:
        return int(figures["part"]) / int(figures["whole"]) if figures else None

    def parts(self, figures: Figures) -> dict[str, Value]:
        return {name: int(figures.get(name, 0)) for name in ("part", "whole")}


def _add_up(weights: ir.Table) -> ir.Table:
    return weights.group_by("customer").aggregate(part=weights.part.sum(), whole=weights.whole.sum())


def say_percent(share: float) -> str:
    """`20%` for 0.2."""
    return f"{say_number(float(Decimal(repr(share)) * 100))}%"


def parse(value: dict[str, Any], place: Place) -> Ratio:
    """The leaf of an object with the key `ratio`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS, REQUIRED)
    return Ratio(
        place.path,
        parse_events(value["ratio"], place.key("ratio")),
        parse_events(value["to"], place.key("to")),
        parse_threshold(value["op"], value["value"], place.key("op"), place.key("value")),
        read_count(value.get("minimum", 1), place.key("minimum")),
        parse_within(value, place),
    )


KIND = LeafKind(
    parse=parse,
    label="Whose share of events",
    icon="percent",
    form="ratio",
    blank={
        "ratio": {"type": "api_call", "where": {"field": "response.status", "op": ">=", "value": 400}},
        "to": {"type": "api_call"},
        "op": ">=",
        "value": 0.2,
        "minimum": 20,
        "within": {"last": "24h"},
    },
)
