"""`sequence`: several things done one after the other, or begun and not completed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

import ibis
import ibis.expr.types as ir

from cohorts.criteria.ahead import Ahead, Foretold, Track, foretell_events
from cohorts.criteria.cells import as_utc, instant
from cohorts.criteria.durations import Duration, parse_stretch
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.leaf import LeafKind
from cohorts.criteria.measured import LONGEST_EVENTS, Figures, MeasuredLeaf, Source
from cohorts.criteria.place import Place, read_object
from cohorts.criteria.turning import Gaze
from cohorts.criteria.windows import TICK, Clock, Window, event_span, parse_within
from cohorts.criteria.wording import cut
from ingest.columns.interface import Measure, Span

KEYS = ("sequence", "each_within", "within", "completed")
FEWEST_STEPS, MOST_STEPS = 2, 10
EARLIER = ibis.window(group_by="customer", order_by="time", preceding=(None, 1))
"All instants of the customer before the row's."


@dataclass(frozen=True)
class Sequence(MeasuredLeaf):
    """The customers with a chain of events, each strictly later than the one before, or with one begun and given up."""

    path: str
    steps: tuple[Events, ...]
    each_within: Duration | None
    window: Window
    completed: bool

    def words(self) -> str:
        verb = "completed" if self.completed else "began and did not complete"
        return f"{verb} {self._chain} {self.window.words}"

    @property
    def _chain(self) -> str:
        limit = f" (each within {self.each_within.words})" if self.each_within else ""
        return f"{', then '.join(step.words() for step in self.steps)}{limit}"

    def measure(self, source: Source) -> ir.Table:
        measure = Measure(partial(self._instants, source), self._chains, self.key)
        chains = source.measured(event_span(self.window, source.clock), measure)
        if self.completed:
            return chains
        return chains.mutate(holds=~chains.holds & self._is_given_up(chains, source.clock))

    def _chains(self, instants: ir.Table) -> ir.Table:
        """How far each customer came: `reached_0`, ... are the last instants at which a chain reached the step.

        `holds` tells whether it is complete.
        """
        reached = self._reach(self._merged(instants))
        chains = reached.group_by("customer").aggregate(**{name: reached[name].max() for name in self._names})
        begun = chains.filter(chains.reached_0.notnull())
        return begun.mutate(holds=begun[self._names[-1]].notnull())

    @property
    def _names(self) -> list[str]:
        return [f"reached_{place}" for place in range(len(self.steps))]

    def _instants(self, source: Source, rows: ir.Table) -> ir.Table:
        """`customer, time`, one row for each, and per step whether an event of then is of that step; of those only."""
        has = [step.has(rows, source.view.snapshot, source.clock) for step in self.steps]
        rows = rows.select("customer", "time", **{f"is_{place}": each for place, each in enumerate(has)})
        return self._merged(rows.filter(ibis.or_(*(rows[f"is_{place}"] for place in range(len(has))))))

    def _merged(self, rows: ir.Table) -> ir.Table:
        """One row for each instant of a customer."""
        return rows.group_by("customer", "time").aggregate(
            **{f"is_{place}": rows[f"is_{place}"].any() for place in range(len(self.steps))}
        )

    def _reach(self, instants: ir.Table) -> ir.Table:
        """Per step the instant of the row, where some chain reaches the step then; else null.

        A step goes on from the latest instant at which the step before was reached: no other one is nearer.
        """
        reached = instants.mutate(reached_0=_when(instants.is_0, instants.time))
        for place in range(1, len(self.steps)):
            reached = reached.mutate(before=reached[f"reached_{place - 1}"].max().over(EARLIER))
            follows = reached[f"is_{place}"] & reached.before.notnull()
            if self.each_within is not None:
                limit = ibis.interval(seconds=self.each_within.length // timedelta(seconds=1))
                follows &= ibis.coalesce(reached.time <= reached.before + limit, False)
            reached = reached.mutate(**{f"reached_{place}": _when(follows, reached.time)}).drop("before")
        return reached

    def _is_given_up(self, chains: ir.Table, clock: Clock) -> ir.BooleanValue:
        """Whether no partial chain can go on: the window is over, or each ended `each_within` or more ago."""
        if self.window.period(clock).end <= clock.at:
            return ibis.literal(True)
        assert self.each_within is not None
        deadline = instant(clock.at - self.each_within.length)
        ended = [ibis.coalesce(chains[name] <= deadline, True) for name in self._names[:-1]]
        return ibis.and_(*ended)

    def say(self, figures: Figures, clock: Clock) -> str:
        steps = [figures[name] for name in self._names if figures.get(name) is not None]
        chain = cut(self._chain, LONGEST_EVENTS)
        if not steps:
            return f"{chain}: not begun {self.window.words} ({self.asked})"
        last = as_utc(steps[-1])
        assert last is not None
        how_far = f"{len(steps)} of {len(self.steps)} steps, the last on {clock.local(last)},"
        return f"{chain}: {how_far} {self.window.words} ({self.asked})"

    @property
    def asked(self) -> str:
        return "all" if self.completed else "begun and not completed"

    def value(self, figures: Figures) -> int:
        """How many steps were done."""
        return sum(figures.get(name) is not None for name in self._names)

    @property
    def gaze(self) -> Gaze:
        limits = (self.each_within.length,) if self.each_within else ()
        ages = (*self.window.ages, *limits)
        return Gaze(self.steps, lambda clock: [event_span(self.window, clock)], ages, self._given_up)

    def foretell(self, ahead: Ahead) -> Foretold:
        def select(rows: ir.Table) -> ir.Table:
            has = [step.has(rows, ahead.view.snapshot, ahead.view.clock) for step in self.steps]
            return rows.select("customer", "time", **{f"is_{place}": each for place, each in enumerate(has)})

        return foretell_events(ahead, self.gaze, self.window, select, self._holds, heavy=True)

    def _holds(self, track: Track, clock: Clock) -> bool:
        """The same as `measure`, for one customer and in plain steps."""
        limit = self.each_within.length if self.each_within else timedelta.max
        reached: list[datetime | None] = [None for _ in self.steps]
        places = track.inside(event_span(self.window, clock))
        for time, rows in groupby((track.rows[place] for place in places), key=lambda row: row["time"]):
            together = list(rows)
            is_ = [any(row[f"is_{step}"] for row in together) for step in range(len(self.steps))]
            before = [None, *reached[:-1]]
            for step, last in enumerate(before):
                if is_[step] and (step == 0 or (last is not None and time - last <= limit)):
                    reached[step] = time
        if self.completed or reached[0] is None or reached[-1] is not None:
            return self.completed and reached[-1] is not None
        deadline = clock.at - limit
        over = self.window.period(clock).end <= clock.at
        return over or all(last is None or last <= deadline for last in reached[:-1])

    def _given_up(self, clock: Clock) -> list[Span]:
        """Where the last steps of chains lie that cannot go on."""
        if self.completed or self.each_within is None:
            return []
        return [Span(None, clock.at - self.each_within.length + TICK)]


def _when(test: ir.BooleanValue, time: ir.TimestampValue) -> ir.TimestampValue:
    return ibis.ifelse(test, time, ibis.null(time.type()))


def parse(value: dict[str, Any], place: Place) -> Sequence:
    """The leaf of an object with the key `sequence`. Raises CriteriaError."""
    read_object(value, place, "an object", KEYS)
    steps = _parse_steps(value["sequence"], place.key("sequence"))
    each_within = parse_stretch(value["each_within"], place.key("each_within")) if "each_within" in value else None
    completed = value.get("completed", True)
    if not isinstance(completed, bool):
        raise place.key("completed").fault("expected true or false")
    if not completed and each_within is None:
        raise place.key("each_within").fault('missing, it says when a sequence that is not "completed" is given up')
    return Sequence(place.path, steps, each_within, parse_within(value, place), completed)


def _parse_steps(value: object, place: Place) -> tuple[Events, ...]:
    if not isinstance(value, list) or not FEWEST_STEPS <= len(value) <= MOST_STEPS:
        raise place.fault(f"expected a list of {FEWEST_STEPS} to {MOST_STEPS} steps")
    return tuple(parse_events(step, place.item(index)) for index, step in enumerate(value))


KIND = LeafKind(
    parse=parse,
    label="Who did one after the other",
    icon="conversion_path",
    form="sequence",
    blank={
        "sequence": [{"type": "action"}, {"type": "api_call"}],
        "each_within": "2d",
        "within": {"last": "30d"},
        "completed": True,
    },
)
