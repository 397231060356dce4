"""Fields for the choices of when a subscription tells, and of what it waits for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms

from cohorts.forms import PeriodField
from cohorts.periods import format_period
from cohorts.time_zones import time_zones
from notifications.models import DEFAULT_PERIOD, LONGEST_PERIOD, LONGEST_WAIT, SHORTEST_PERIOD, SHORTEST_WAIT
from notifications.schedule import DAYS, EVERY_DAY, every, length

AT = "at"
"""The choice of a time of day in place of a period."""
PERIODS = tuple(
    timedelta(**length)
    for length in (
        {"minutes": 1},
        {"minutes": 5},
        {"minutes": 15},
        {"hours": 1},
        {"hours": 6},
        {"days": 1},
        {"days": 7},
    )
)
STAYS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72, 168))
COOL_DOWNS = tuple(timedelta(days=days) for days in (1, 7, 30, 90))


class RhythmField(PeriodField):
    """A period, or `at`: at a time of day."""

    widget = forms.Select

    def __init__(self, **options: Any) -> None:
        bounds = {"shortest": SHORTEST_PERIOD, "longest": LONGEST_PERIOD}
        super().__init__(**bounds, initial=DEFAULT_PERIOD, label="When", **options)
        self.help_text = ""

    def clean(self, value: Any) -> Any:
        return AT if value == AT else super().clean(value)

    def offer(self, current: timedelta) -> None:
        """Offer the usual periods, the current one, and a time of day."""
        periods = [(format_period(each), f"At most every {every(each)}") for each in sorted({*PERIODS, current})]
        self.widget.choices = [*periods, (AT, "At a time of day")]


class WaitField(PeriodField):
    """A length of time, or none."""

    def __init__(self, usual: Iterable[timedelta], none: str, **options: Any) -> None:
        help_text = options.pop("help_text", "")
        options = {"widget": forms.Select, "required": False, **options}
        super().__init__(shortest=SHORTEST_WAIT, longest=LONGEST_WAIT, **options)
        self.usual, self.none, self.help_text = tuple(usual), none, help_text

    def clean(self, value: Any) -> timedelta | None:  # type: ignore[override]
        return super().clean(value) if value else None

    def offer(self, current: timedelta | None) -> None:
        """Offer none, the usual lengths, and the current one."""
        lengths = sorted({*self.usual, *([current] if current else [])})
        self.widget.choices = [("", self.none), *((format_period(each), length(each)) for each in lengths)]


class DaysField(forms.TypedMultipleChoiceField):
    """Days of the week, 1 is Monday."""

    def __init__(self, **options: Any) -> None:
        choices = list(enumerate(DAYS, start=1))
        # Not required: the choices as a whole are judged together, with a sentence that says what to do.
        super().__init__(
            choices=choices, coerce=int, initial=list(EVERY_DAY), required=False, empty_value=[], **options
        )


class ClockField(forms.TimeField):
    """A local time of day."""

    def __init__(self, **options: Any) -> None:
        widget = options.pop("widget", forms.TimeInput(format="%H:%M", attrs={"type": "time"}))
        super().__init__(required=False, widget=widget, **options)


def zone_choices(of_cohort: str = "") -> list[tuple[str, str]]:
    """That of the cohort, and all others."""
    named = f"That of the cohort ({of_cohort})" if of_cohort else "That of the cohort"
    return [("", named), *((name, name) for name in time_zones())]
