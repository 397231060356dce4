"""Forms of our pages: a definition as addresses carry it, and saving it as a cohort."""

from __future__ import annotations

import calendar
from datetime import timedelta
from typing import Any

from django import forms

from cohorts.criteria import Criteria, CriteriaError, parse
from cohorts.forms import CohortForm, DocumentField
from cohorts.models import DEFAULT_PERIOD, Cohort
from cohorts.periods import format_period, parse_period
from cohorts.time_zones import time_zones
from ingest.models import CustomerKind

WEEKDAYS = list(enumerate(calendar.day_name, start=1))
PERIODS = {
    timedelta(minutes=1): "every minute",
    timedelta(minutes=5): "every 5 minutes",
    DEFAULT_PERIOD: "every 15 minutes",
    timedelta(hours=1): "every hour",
    timedelta(hours=6): "every 6 hours",
    timedelta(days=1): "once a day",
}
"""How often a cohort can be evaluated, in the words of our pages; the API and the admin take any length."""


class TimeZoneField(forms.ChoiceField):
    """The name of a time zone that this machine knows."""

    def __init__(self, **options: Any) -> None:
        wrong = {"invalid_choice": '"%(value)s" is not the name of a time zone such as "Europe/Berlin".'}
        super().__init__(
            choices=lambda: [(name, name) for name in time_zones()], initial="UTC", error_messages=wrong, **options
        )


class WeekdayField(forms.TypedChoiceField):
    """A day of the week, 1 for Monday."""

    def __init__(self, **options: Any) -> None:
        wrong = {"invalid_choice": '"%(value)s" is not a day of the week from 1, Monday, to 7.'}
        super().__init__(choices=WEEKDAYS, coerce=int, initial=1, error_messages=wrong, **options)


class DefinitionForm(forms.Form):
    """A definition as an address carries it; left out are `criteria` of everybody, UTC and Monday.

    After validation `criteria` holds what was parsed. The document stands in `cleaned_data` even if it was refused.
    """

    criteria = DocumentField(required=False)
    time_zone = TimeZoneField(required=False)
    week_starts_on = WeekdayField(required=False)

    def __init__(self, kind: CustomerKind, given: Any) -> None:
        super().__init__(given)
        self.kind = kind
        self.parsed: Criteria | None = None

    def clean(self) -> dict[str, Any]:
        document = self.cleaned_data.get("criteria")
        if document is not None:
            try:
                self.parsed = parse(document, self.kind)
            except CriteriaError as error:
                self.add_error(None, str(error))
        return self.cleaned_data


class SaveForm(CohortForm):
    """A new cohort from a look-up; whoever may subscribe is asked whether to be notified."""

    criteria = DocumentField(widget=forms.HiddenInput)
    time_zone = TimeZoneField(label="Time zone", help_text="Decides when “today” begins.")
    week_starts_on = WeekdayField(label="Week starts on")
    period = forms.TypedChoiceField(  # type: ignore[assignment]
        label="Evaluated",
        choices=[(format_period(period), words) for period, words in PERIODS.items()],
        coerce=parse_period,
        help_text="How soon a change shows, and is told.",
    )
    notify = forms.BooleanField(
        label="Receive notifications",
        required=False,
        help_text="Choose next where and when to be told who joins or leaves.",
    )
    tell = None  # type: ignore[assignment]

    class Meta:
        model = Cohort
        fields = ["name", "description", "criteria", "time_zone", "week_starts_on", "period"]
        widgets = {
            "name": forms.TextInput(attrs={"autofocus": True}),
            "description": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(
        self, kind: CustomerKind, data: Any = None, *, may_subscribe: bool, initial: dict[str, Any] | None = None
    ) -> None:
        usual = {"period": format_period(DEFAULT_PERIOD)}
        super().__init__(data, instance=Cohort(kind=kind), initial={**usual, **(initial or {})})
        if not may_subscribe:
            del self.fields["notify"]
