"""Forms of channels and subscriptions on our pages; those of the admin take their rules from here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django import forms

from cohorts.models import Cohort
from ingest.models import CustomerKind
from notifications.channels import CHANNELS
from notifications.channels.base import ChannelKind
from notifications.choices import CHOSEN, RULES, Contradiction, check_choices, check_zone
from notifications.compose import EXAMPLE_FIELDS
from notifications.entries import check_fields
from notifications.models import Channel, Subscription
from notifications.rule_fields import (
    AT,
    COOL_DOWNS,
    STAYS,
    ClockField,
    DaysField,
    RhythmField,
    WaitField,
    zone_choices,
)

NEW = "new:"
"""Begins the choice of a channel that is to be made in place; the kind follows."""
MOST_FIELDS, LONGEST_FIELD = 100, 200


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A channel's name, and the fields of its kind's form, which alone judges them."""

    kind: ClassVar[ChannelKind]

    class Meta:
        model = Channel
        fields = ["name", "tells_operators"]
        widgets: ClassVar[dict[str, Any]] = {"name": forms.TextInput(attrs={"placeholder": "Growth team"})}
        labels: ClassVar[dict[str, Any]] = {"tells_operators": "Tell operators here when something needs them"}
        help_texts: ClassVar[dict[str, Any]] = {
            "tells_operators": "For example, that notifications are held until somebody looks at them."
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        stored = self.instance.config if self.instance.is_readable else {}
        self.initial = {**self.initial, **self.kind.visible(stored)}
        for name in self.kind.form.secrets:
            if name in self.fields and stored.get(name):
                self.fields[name].widget.attrs["placeholder"] = "stored: leave empty to keep it"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stored = self.instance.config if self.instance.is_readable else {}
        self.settings = self.kind.form(self.data, stored=stored, prefix=self.prefix)
        for name, faults in self.settings.errors.items():
            if name not in self.errors:
                self.add_error(None if name == "__all__" else name, list(faults))
        return cleaned

    def config(self) -> dict[str, Any]:
        """The settings to store; call after `is_valid`."""
        return self.settings.config()


def channel_form(kind: ChannelKind, present: Callable[[forms.Field], forms.Field] = copy.deepcopy) -> type[ChannelForm]:
    """The form of channels of one kind; `present` gives each of its fields as it is shown."""
    fields = {name: present(field) for name, field in kind.form.base_fields.items()}
    return type("ChannelForm", (ChannelForm,), {"kind": kind, **fields})


def shown_back(field: forms.Field) -> forms.Field:
    """A secret that was just typed is shown back beside another field's error; a stored one never reaches the form."""
    shown = copy.deepcopy(field)
    if isinstance(shown.widget, forms.PasswordInput):
        shown.widget.render_value = True
    return shown


def check_subscription(form: forms.ModelForm, cohort: Cohort | None) -> None:  # type: ignore[type-arg]
    """Note on the form what its choices contradict, and which fields the cohort's customers do not have."""
    cleaned, instance = form.cleaned_data, form.instance
    chosen = {name: cleaned[name] for name in CHOSEN if name in cleaned}
    chosen.setdefault("tell_existing", instance.waits_to_tell_existing)
    try:
        check_choices(chosen)
    except Contradiction as error:
        form.add_error(error.field if error.field in form.fields else "send_on_addition", str(error))
    if cohort and "fields" in cleaned:
        try:
            cleaned["fields"] = check_fields(CustomerKind(cohort.kind), cleaned["fields"])
        except ValueError as error:
            form.add_error("fields", str(error))


def choose_rhythm(cleaned: dict[str, Any], period: timedelta) -> None:
    """Of a time of day and a period keep the one that was chosen; the period that is not used stays what it was."""
    if cleaned.get("period") == AT:
        cleaned["period"] = period
    elif "send_at" in cleaned:
        cleaned["send_at"] = None


class FieldPicker(forms.Field):
    """Names of fields that were ticked, each as it stands: a name may hold spaces."""

    widget = forms.CheckboxSelectMultiple

    def clean(self, value: Any) -> list[str]:
        names = [str(name) for name in value or []]
        if len(names) > MOST_FIELDS or any(len(name) > LONGEST_FIELD for name in names):
            raise forms.ValidationError(f"expected at most {MOST_FIELDS} names of fields")
        return names


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which changes of a cohort are told on which channel. Of one that exists the channel stays."""

    channel_choice = forms.CharField(required=True, error_messages={"required": "Choose where to."})
    period = RhythmField()
    send_at = ClockField(label="At", initial="09:00")
    days = DaysField(widget=forms.CheckboxSelectMultiple, label="On")
    quiet_from = ClockField(label="Quiet from")
    quiet_to = ClockField(label="to")
    minimum_stay = WaitField(STAYS, "no time: tell at once", label="Tell a change once it has lasted")
    time_zone = forms.CharField(required=False, max_length=64, validators=[check_zone], label="Time zone")
    cool_down = WaitField(COOL_DOWNS, "no time: tell of each change", label="After telling of a customer, wait")
    fields = FieldPicker(required=False)  # type: ignore[assignment]
    more_fields = forms.CharField(required=False, max_length=2_000)

    class Meta:
        model = Subscription
        fields = ["send_on_addition", "send_on_removal", "tell_existing", "period", *RULES, "fields"]
        labels: ClassVar[dict[str, str]] = {
            "once_per_customer": "Tell of each customer once, ever",
            "hold_above": "customers",
            "hold_above_percent": "% of the cohort",
            "hold_when_silent": "Hold, too, while events have stopped coming in and customers only seem to go quiet",
        }

    def __init__(self, *args: Any, cohort: Cohort, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cohort = cohort
        shown: dict[str, Any] = self.fields  # type: ignore[assignment]
        if self.instance._state.adding:
            self.initial["fields"] = list(EXAMPLE_FIELDS[CustomerKind(cohort.kind)])
        else:
            del shown["channel_choice"], shown["tell_existing"]
            if self.instance.send_at:
                self.initial["period"] = AT
            else:
                self.initial["send_at"] = shown["send_at"].initial
        for name in ("period", "minimum_stay", "cool_down"):
            shown[name].offer(getattr(self.instance, name))
        shown["time_zone"].widget = forms.Select(choices=zone_choices(cohort.time_zone))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        choose_rhythm(cleaned, self.instance.period)
        if cleaned.get("send_at") is None and self.data.get("period") == AT and "send_at" not in self.errors:
            self.add_error("send_at", "Choose the time of day.")
        if "fields" in cleaned:
            cleaned["fields"] = [*cleaned["fields"], *split_names(cleaned.get("more_fields", ""))]
        check_subscription(self, self.cohort)
        return cleaned

    def clean_channel_choice(self) -> Channel | ChannelKind:
        """A channel that is there, or the kind of one to be made in place."""
        choice: str = self.cleaned_data["channel_choice"]
        if choice.startswith(NEW) and choice.removeprefix(NEW) in CHANNELS:
            return CHANNELS[choice.removeprefix(NEW)]
        found = chosen_channel(choice)
        if found is None:
            raise forms.ValidationError("This channel is gone. Choose another.")
        if Subscription.objects.filter(cohort=self.cohort, channel=found).exists():
            raise forms.ValidationError("This channel is told of the cohort already.")
        return found


def chosen_channel(choice: str) -> Channel | None:
    """The channel whose id was chosen, if it is one."""
    try:
        return Channel.objects.filter(pk=choice).first()
    except (ValueError, forms.ValidationError):
        return None


def split_names(text: str) -> list[str]:
    """Names of fields as people type them: separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def lenient_choices(data: Any, kind: CustomerKind) -> dict[str, Any]:
    """What of a form that is being filled in can be shown already: choices, and the fields that exist."""
    names = [*data.getlist("fields"), *split_names(data.get("more_fields", ""))]
    fields = [name for name in names if _is_field(kind, name)]
    return {
        "fields": list(dict.fromkeys(fields))[:MOST_FIELDS],
        "send_on_addition": "send_on_addition" in data,
        "send_on_removal": "send_on_removal" in data,
    }


def lenient_rules(data: Any, cohort: Cohort) -> Subscription:
    """A subscription by what of a form that is being filled in can be understood; it is not saved."""
    form = SubscriptionForm(data, cohort=cohort)
    form.full_clean()
    known = {name: form.cleaned_data[name] for name in ("period", *RULES) if name in form.cleaned_data}
    return Subscription(cohort=cohort, **{name: value for name, value in known.items() if name != "days" or value})


def _is_field(kind: CustomerKind, name: str) -> bool:
    try:
        check_fields(kind, [name])
    except ValueError:
        return False
    return True
