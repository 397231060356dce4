"""What is measured: a figure of chosen events, or the share of some events in others."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from cohorts.criteria.aggregate import LABELS, ZERO_OF_NOTHING, find_field
from cohorts.criteria.events import Events, parse_events
from cohorts.criteria.place import Place, read_choice, read_object, read_text
from cohorts.criteria.ratio import say_percent
from cohorts.criteria.wording import say_number
from ingest.fields import Field

COUNT = "count"
FIGURES = (COUNT, *LABELS)
EXPECTED = 'a metric such as {"of": {"type": "api_call"}, "figure": "count"} or {"ratio": EVENTS, "to": EVENTS}'


@dataclass(frozen=True)
class Figure:
    """The number of the events, or a figure of one of their fields."""

    events: Events
    figure: str
    name: str = ""
    field: Field | None = None

    @property
    def asked(self) -> tuple[Events, ...]:
        """The events that are looked at; the last ones are those that make a group large or small."""
        return (self.events,)

    @property
    def measures_volume(self) -> bool:
        """Whether fewer events make it less: then nothing is a value too, 0."""
        return self.figure in (COUNT, *ZERO_OF_NOTHING)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that it can be."""
        return (0.0, inf) if self.figure in (COUNT, "distinct") else (-inf, inf)

    def words(self) -> str:
        """`number of API Call`, `95th percentile of duration_ms over API Call`."""
        if self.figure == COUNT:
            return f"number of {self.events.words()}"
        return f"{LABELS[self.figure]} of {self.name} over {self.events.words()}"

    def say(self, value: float) -> str:
        """A value of it as people read it."""
        return say_rounded(value)


@dataclass(frozen=True)
class Share:
    """How much of the weight of some events is that of those which are also others."""

    part: Events
    whole: Events

    @property
    def asked(self) -> tuple[Events, ...]:
        """The events that are looked at; the last ones are those that make a group large or small."""
        return (self.part, self.whole)

    @property
    def measures_volume(self) -> bool:
        """Whether fewer events make it less: then nothing is a value too, 0."""
        return False

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most that it can be."""
        return (0.0, 1.0)

    def words(self) -> str:
        """`share of API Call where response.status is at least 500 in API Call`."""
        return f"share of {self.part.words()} in {self.whole.words()}"

    def say(self, value: float) -> str:
        """A value of it as people read it: `4.2%`."""
        return say_percent(round(float(value), 4))


Metric = Figure | Share


def say_rounded(value: float) -> str:
    """A number to four digits or more, with separators: `1,234`, `0.0417`, `12.5`."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return say_number(float(f"{value:.4g}"))


def parse_metric(value: object, place: Place) -> Metric:
    """The metric of a rule. Raises CriteriaError."""
    if isinstance(value, dict) and "ratio" in value:
        read_object(value, place, EXPECTED, ("ratio", "to"), ("to",))
        return Share(*(_events(value[key], place.key(key)) for key in ("ratio", "to")))
    given = read_object(value, place, EXPECTED, ("of", "figure", "field"), ("of", "figure"))
    events = _events(given["of"], place.key("of"))
    figure = read_choice(given["figure"], place.key("figure"), FIGURES)
    return Figure(events, figure, *_field(given, figure, place))


def _field(given: dict[str, Any], figure: str, place: Place) -> tuple[()] | tuple[str, Field]:
    if figure == COUNT:
        if "field" in given:
            raise place.key("field").fault('no field is expected with "count"')
        return ()
    if "field" not in given:
        raise place.key("field").fault(f'missing, expected a field such as "duration_ms" for "{figure}"')
    name = read_text(given["field"], place.key("field"))
    return name, find_field(name, figure, place.key("field"))


def _events(value: object, place: Place) -> Events:
    events = parse_events(value, place)
    if events.moves:
        raise place.fault('expected a filter without times that move with the clock, such as {"ago": "7d"}')
    return events
