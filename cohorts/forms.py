"""Forms of cohorts in the admin."""

from __future__ import annotations

import calendar
import json
from datetime import timedelta
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from cohorts.criteria import CriteriaError, parse
from cohorts.models import LONGEST_PERIOD, SHORTEST_PERIOD, Cohort
from cohorts.periods import EXPECTED, format_period, parse_period
from cohorts.references import check_no_cycle, lock_named
from cohorts.same import is_same
from cohorts.time_zones import time_zones
from ingest.decode import Rejected, decode_item
from ingest.models import CustomerKind

EXAMPLE = {
    "version": 1,
    "match": {
        "all": [
            {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
            {
                "performed": {
                    "type": "api_call",
                    "where": {"field": "response.status", "op": "is", "value": 400},
                },
                "at_least": 1,
                "within": {"calendar": "today"},
            },
        ]
    },
}
"""What a new cohort starts from."""


class PeriodField(forms.CharField):
    """A length of time as text, `15m`, within bounds."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, shortest: timedelta, longest: timedelta, **options: Any) -> None:
        self.shortest, self.longest = shortest, longest
        bounds = f"{format_period(shortest)} to {format_period(longest)}"
        super().__init__(help_text=f"An integer and one of s, m, h, d: {bounds}.", **options)

    def prepare_value(self, value: Any) -> Any:
        return format_period(value) if isinstance(value, timedelta) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> timedelta:
        try:
            period = parse_period(super().clean(value))
        except ValueError:
            raise forms.ValidationError(EXPECTED) from None
        if not self.shortest <= period <= self.longest:
            raise forms.ValidationError(f"expected {format_period(self.shortest)} to {format_period(self.longest)}")
        return period


class DocumentField(forms.CharField):
    """JSON as people edit it: indented, and refused in words when it cannot be read."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false", "class": "font-mono"})

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return not self.disabled and not is_same(initial, self.to_python(data))
        except forms.ValidationError:
            return True

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            return decode_item(text.encode("utf-8", "replace"))
        except Rejected as error:
            raise forms.ValidationError(f"This is not JSON: {error}") from None


class CohortForm(forms.ModelForm):  # type: ignore[type-arg]
    """A cohort. Its criteria are judged by the same code as everywhere else.

    It is checked and saved in one transaction, so that cohorts that it names are still there when it is saved.
    """

    criteria = DocumentField(initial=EXAMPLE)
    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in time_zones()], initial="UTC", widget=UnfoldAdminSelect2Widget
    )
    week_starts_on = forms.TypedChoiceField(
        choices=list(enumerate(calendar.day_name, start=1)), coerce=int, initial=1, widget=UnfoldAdminSelectWidget
    )
    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, initial="15m", label="Evaluated every")
    tell = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label="Tell subscribers of this edit",
        help_text="Report the customers who join or leave because criteria, time zone or first day of the week were "
        "edited. Otherwise the cohort starts anew in silence.",
    )

    class Meta:
        model = Cohort
        fields = ["name", "description", "key", "kind", "criteria", "time_zone", "week_starts_on", "period"]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.is_list:
            self.fields["criteria"].required, self.fields["criteria"].disabled = False, True

    def clean_key(self) -> str | None:
        return self.cleaned_data["key"] or None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        if "criteria" in cleaned and kind and not self.instance.is_list:
            lock_named(cleaned["criteria"])
            try:
                parse(cleaned["criteria"], CustomerKind(kind))
                check_no_cycle(cleaned["criteria"], self.instance)
            except CriteriaError as error:
                self.add_error("criteria", str(error))
        return cleaned
