"""Times as their inputs show them: lengths, instants, periods, windows, and how many times something was done."""

from __future__ import annotations

from typing import Self

from cohorts.builder import labels
from cohorts.builder.local_times import DATE_TO_CHOOSE, to_local
from cohorts.builder.standing import Standing
from cohorts.criteria.calendars import CALENDARS
from ingest.fields import FieldType


class OfTimes(Standing):
    """A time, or what has to do with times."""

    @property
    def units(self) -> labels.Choices:
        return labels.UNITS

    @property
    def periods(self) -> list[tuple[str, labels.Choices]]:
        return labels.PERIODS

    @property
    def windows(self) -> list[tuple[str, labels.Choices]]:
        return labels.WINDOWS

    @property
    def rolling_windows(self) -> list[tuple[str, labels.Choices]]:
        """The windows that have one of equal length before; one of another form that is here stays to be seen."""
        others = [] if self.window_form in ("last", "between") else labels.WINDOWS[1:]
        return [*labels.WINDOWS[:1], *others]

    @property
    def times(self) -> labels.Choices:
        return labels.TIMES

    @property
    def is_written(self) -> bool:
        """Whether there is a time, and not one still to be chosen."""
        return self.value not in (None, "", DATE_TO_CHOOSE)

    @property
    def count(self) -> str:
        """`7` of `7d`."""
        return str(self.value or "").rstrip("smhdw")

    @property
    def unit(self) -> str:
        text = str(self.value or "d")
        return text[-1] if text[-1] in "smhdw" else "d"

    @property
    def local(self) -> str:
        """A fixed instant as people of the cohort's time zone write it."""
        return to_local(self.value, self.around.zone)

    @property
    def moment_form(self) -> str:
        if isinstance(self.value, dict):
            return "in" if "in" in self.value else "ago"
        if self.type == FieldType.ANY and not (isinstance(self.value, str) and self.value):
            return "number"
        return "date" if self.local or not self.is_written else "text"

    @property
    def moments(self) -> labels.Choices:
        is_bound = self.path.endswith("]")
        numbers = [("number", "number")] if self.type == FieldType.ANY and is_bound else []
        return numbers + labels.MOMENTS + ([("text", "as text")] if self.moment_form == "text" else [])

    @property
    def age(self) -> Self:
        """The duration of an age."""
        return self.under(self.moment_form)

    @property
    def inside_moment(self) -> str:
        """The name of the input of a moment that is no age: it stands in the form where an object would."""
        return f"{self.path}.{self.moment_form}"

    @property
    def period_form(self) -> str:
        return str(self.value.get("calendar", "last")) if isinstance(self.value, dict) else "last"

    @property
    def window_form(self) -> str:
        match self.value:
            case {"calendar": name}:
                return str(name) if name in CALENDARS else "today"
            case {"from": _} | {"to": _}:
                return "between"
            case {"after": _, "before": _}:
                return "dates"
            case {"after": _}:
                return "since"
            case {"before": _}:
                return "until"
            case {"ever": _}:
                return "ever"
        return "last"

    @property
    def times_form(self) -> str:
        match self.value:
            case {"at_least": low, "at_most": high}:
                return "exactly" if low == high else "between"
            case {"at_most": high}:
                return "most" if high != 0 else "never"
        return "least"
