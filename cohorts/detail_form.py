"""The form of what a cohort has beside its definition."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from cohorts.models import Cohort
from cohorts.page_forms import PERIODS
from cohorts.periods import format_period, parse_period


class DetailForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name, description, key and period; what it validates is stored by `cohorts.edit`."""

    period = forms.TypedChoiceField(
        label="Evaluated", coerce=parse_period, help_text="How soon a change shows, and is told."
    )

    class Meta:
        model = Cohort
        fields = ["name", "description", "key", "period"]
        widgets = {"description": forms.Textarea(attrs={"rows": 2})}
        help_texts = {"key": "A stable name for software that manages cohorts: letters, digits, - and _."}

    def __init__(self, data: Any = None, *, instance: Cohort) -> None:
        super().__init__(data, instance=instance, initial={"period": format_period(instance.period)})
        self.fields["period"].choices = _periods(instance.period)  # type: ignore[attr-defined]

    def clean_key(self) -> str | None:
        return self.cleaned_data["key"] or None

    @property
    def edited(self) -> dict[str, Any]:
        """The values that somebody changed."""
        return {name: self.cleaned_data[name] for name in self.changed_data}


class DuplicateForm(forms.Form):
    """The name of a copy."""

    name = forms.CharField(label="Name", max_length=200)


def _periods(now: timedelta) -> list[tuple[str, str]]:
    """Those of our pages, and the present one where the API has set another."""
    known = PERIODS if now in PERIODS else {now: f"every {format_period(now)}", **PERIODS}
    return [(format_period(period), words) for period, words in sorted(known.items())]
