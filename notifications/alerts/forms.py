"""Forms of alert rules, of silence and of maintenance on our pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms

from cohorts.page_forms import TimeZoneField
from cohorts.periods import format_period, parse_period
from notifications.alerts.models import AlertRule, Maintenance
from notifications.models import Channel
from notifications.rule_fields import WaitField

REMINDERS = tuple(timedelta(hours=hours) for hours in (1, 4, 12, 24))
QUIETS = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 1440))
SILENCES = {
    timedelta(hours=1): "1 hour",
    timedelta(hours=4): "4 hours",
    timedelta(days=1): "1 day",
    timedelta(days=7): "1 week",
}


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a rule has beside its definition: name, whom it tells, how often. `notifications.alerts.edit` stores it."""

    channels = forms.ModelMultipleChoiceField(
        Channel.objects.order_by("name", "pk"), required=False, widget=forms.CheckboxSelectMultiple
    )
    reminder = WaitField(REMINDERS, "never", label="Tell again, while it stays open, every")
    quiet_for = WaitField(QUIETS, "no time", label="After an alert, the next of the same group waits")

    class Meta:
        model = AlertRule
        fields = ["name", "description", "channels", "tells_resolved", "reminder", "quiet_for", "key"]
        widgets: ClassVar[dict[str, Any]] = {
            "name": forms.TextInput(attrs={"autofocus": True}),
            "description": forms.Textarea(
                attrs={"rows": 2, "placeholder": "What it is for, and what to do when it alerts"}
            ),
        }
        labels: ClassVar[dict[str, str]] = {"tells_resolved": "Tell, too, when an alert resolves"}
        help_texts: ClassVar[dict[str, str]] = {
            "key": "A stable name for software that manages rules: letters, digits, - and _."
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in ("reminder", "quiet_for"):
            self.fields[name].offer(getattr(self.instance, name))  # type: ignore[attr-defined]
        if self.instance._state.adding:
            del self.fields["key"]

    def clean_key(self) -> str | None:
        return self.cleaned_data["key"] or None

    def values(self) -> dict[str, Any]:
        """What is stored with the rule itself; call after `is_valid`."""
        return {name: value for name, value in self.cleaned_data.items() if name != "channels"}


class SilenceField(forms.TypedChoiceField):
    """A length of silence."""

    def __init__(self, **options: Any) -> None:
        choices = [(format_period(length), words) for length, words in SILENCES.items()]
        super().__init__(label="Tell nothing for", choices=choices, coerce=parse_period, initial="1h", **options)


class SnoozeForm(forms.Form):
    """How long nothing is told."""

    silence = SilenceField(widget=forms.RadioSelect)
    note = forms.CharField(label="Why", required=False, max_length=500)


class NoteForm(forms.Form):
    """What somebody who acknowledges an alert wants to say."""

    note = forms.CharField(label="What you found, or what you do about it", required=False, max_length=500)


def _clock() -> forms.DateTimeInput:
    return forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})


CONCERNS = (("all", "All rules, also later ones"), ("some", "Only these"))


class MaintenanceForm(forms.Form):
    """A time in which nothing is judged. Times are local ones of the chosen zone."""

    start = forms.DateTimeField(label="From", widget=_clock())
    end = forms.DateTimeField(label="To", widget=_clock())
    zone = TimeZoneField(label="Time zone")
    reason = forms.CharField(label="Why", required=False, max_length=200)
    concerns = forms.ChoiceField(label="Concerns", choices=CONCERNS, initial=CONCERNS[0][0], widget=forms.RadioSelect)
    rules = forms.ModelMultipleChoiceField(
        AlertRule.objects.order_by("name", "pk"), label="Rules", required=False, widget=forms.CheckboxSelectMultiple
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        for name in ("start", "end"):
            cleaned[name] = _in_zone(cleaned[name], cleaned["zone"])
        if cleaned["concerns"] == "some" and not cleaned["rules"]:
            self.add_error("rules", "Tick at least one, or choose all rules.")
        try:
            Maintenance(start=cleaned["start"], end=cleaned["end"]).clean()
        except forms.ValidationError as fault:
            self.add_error(None, fault)
        return cleaned

    def store(self, window: Maintenance) -> Maintenance:
        """Write it into the window; call after `is_valid`."""
        window.start, window.end = self.cleaned_data["start"], self.cleaned_data["end"]
        window.reason = self.cleaned_data["reason"]
        window.all_rules = self.cleaned_data["concerns"] == "all"
        window.save()
        window.rules.set([] if window.all_rules else self.cleaned_data["rules"])
        return window


def initial_of(window: Maintenance) -> dict[str, Any]:
    """What the form shows of a window that is there."""
    kept = {name: getattr(window, name) for name in ("start", "end", "reason")}
    return {**kept, "concerns": "all" if window.all_rules else "some", "rules": window.rules.all()}


def _in_zone(at: datetime, zone: str) -> datetime:
    """The clock's time that was typed, in the zone in place of the site's."""
    return at.replace(tzinfo=ZoneInfo(zone))
