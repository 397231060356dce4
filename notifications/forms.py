"""Forms for people: a channel of one kind, and a subscription. They validate as the sender will."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from cohorts.periods import format_period, parse_period
from ingest.models import CustomerKind
from notifications.batching import DEFAULT_PERIOD, subscribe
from notifications.channels import CHANNELS
from notifications.channels.base import ConfigForm
from notifications.entries import check_fields
from notifications.models import Channel, Subscription


class ChannelForm(forms.ModelForm[Channel]):
    """A channel with the settings of its kind; made by `channel_form`."""

    kind: str

    class Meta:
        model = Channel
        fields = ("name",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        stored = self.instance.config if not self.instance._state.adding else {}
        data = self.data if self.is_bound else None
        self.settings: ConfigForm = CHANNELS[self.kind].form(data, stored=stored, prefix=self.prefix)
        for name, field in self.settings.fields.items():
            self.fields[name] = field
            self.initial.setdefault(name, self.settings.initial.get(name))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.settings.is_valid():
            for name, faults in self.settings.errors.as_data().items():
                if name == "__all__" or name not in self.errors:
                    self.add_error(None if name == "__all__" else name, faults)
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        self.instance.kind = self.kind
        if self.settings.is_valid():
            self.instance.config = self.settings.config()


def channel_form(kind: str) -> type[ChannelForm]:
    """The form of a channel of this kind; its class names all fields, as the admin needs."""
    return type(ChannelForm)(
        f"{kind.title()}ChannelForm",
        (ChannelForm,),
        {"kind": kind, "__doc__": CHANNELS[kind].label, **CHANNELS[kind].form.base_fields},
    )


class FieldNames(forms.CharField):
    """Names of fields, as a list or as text separated by commas or lines."""

    widget = forms.Textarea(attrs={"rows": 3, "placeholder": "email, name, metadata.plan"})

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        texts = value if isinstance(value, list) else str(value or "").replace("\n", ",").split(",")
        return [str(text).strip() for text in texts if str(text).strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


class PeriodField(forms.CharField):
    """A length of time such as `15m`."""

    def prepare_value(self, value: Any) -> Any:
        return format_period(value) if isinstance(value, timedelta) else value

    def to_python(self, value: Any) -> Any:
        try:
            return parse_period(str(value)) if value else None
        except ValueError as error:
            raise ValidationError(str(error)) from None


class SubscriptionForm(forms.ModelForm[Subscription]):
    """A cohort's notification rule. What a subscription is about, and how it began, cannot be edited."""

    period = PeriodField(initial=DEFAULT_PERIOD, help_text="At most one notification in this time, e.g. 15m, 4h, 1d.")
    fields_sent = FieldNames(
        label="Fields", required=False, help_text="What is sent of a customer beside its id, e.g. email, metadata.plan."
    )

    class Meta:
        model = Subscription
        fields = ("cohort", "channel", "send_on_addition", "send_on_removal", "period", "tell_existing")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            for name in ("cohort", "channel", "tell_existing"):
                self.fields[name].disabled = True
            self.initial["fields_sent"] = self.instance.fields

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("send_on_addition") and not cleaned.get("send_on_removal"):
            raise ValidationError("expected additions, removals or both to be sent")
        if cleaned.get("tell_existing") and not cleaned.get("send_on_addition"):
            self.add_error("tell_existing", "expected additions to be sent: existing members are told as added")
        if cohort := cleaned.get("cohort"):
            try:
                cleaned["fields_sent"] = check_fields(CustomerKind(cohort.kind), cleaned.get("fields_sent", []))
            except ValueError as error:
                self.add_error("fields_sent", str(error))
        return cleaned

    def subscribe(self, now: datetime, **others: Any) -> Subscription:
        """Make the new subscription; call after `is_valid`."""
        given = dict(self.cleaned_data)
        return subscribe(fields=given.pop("fields_sent"), now=now, **given, **others)

    def save(self, commit: bool = True) -> Subscription:
        """Save an edit; a new subscription is made by `subscribe`."""
        self.instance.fields = self.cleaned_data["fields_sent"]
        return super().save(commit)
