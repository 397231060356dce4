"""Forms of channels and subscriptions in the admin."""

from __future__ import annotations

import copy
import re
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminTimeWidget,
    UnfoldAdminURLInputWidget,
)

from cohorts.forms import PeriodField
from notifications.channels.base import ChannelKind
from notifications.choices import RULES
from notifications.forms import ChannelForm, channel_form, check_subscription
from notifications.models import LONGEST_PERIOD, SHORTEST_PERIOD, Subscription, Suppression
from notifications.rule_fields import COOL_DOWNS, STAYS, ClockField, DaysField, WaitField, zone_choices

THEMED: dict[type[forms.Widget], type[forms.Widget]] = {
    forms.TextInput: UnfoldAdminTextInputWidget,
    forms.URLInput: UnfoldAdminURLInputWidget,
    forms.PasswordInput: UnfoldAdminPasswordWidget,
    forms.Textarea: UnfoldAdminTextareaWidget,
    forms.Select: UnfoldAdminSelectWidget,
}
"""The theme's widget for each that a kind's form uses."""


def themed_channel_form(kind: ChannelKind) -> type[ChannelForm]:
    """The form of channels of one kind, in the theme."""
    return channel_form(kind, _themed)


def _themed(field: forms.Field) -> forms.Field:
    themed = copy.deepcopy(field)
    widget = THEMED.get(type(field.widget))
    if widget is not None:
        themed.widget = widget(attrs=field.widget.attrs)
    return themed


class FieldsField(forms.CharField):
    """Names of fields as people type them: one on each line, or separated by commas."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(self.prepare_value(initial)) != self.to_python(data)

    def to_python(self, value: Any) -> Any:
        return [name for name in re.split(r"[,\s]+", str(value or "")) if name]

    def run_validators(self, value: Any) -> None:
        """The form judges the names, knowing the cohort."""


class SubscriptionForm(forms.ModelForm):
    """Which changes of which cohort are told on which channel."""

    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, initial="15m", label="At most every")
    fields = FieldsField(  # type: ignore[assignment]
        required=False,
        help_text="What of a customer is sent beside its id, one on each line: email, name, metadata.plan …",
    )
    send_at = ClockField(widget=UnfoldAdminTimeWidget, help_text="A digest at this time in place of the period.")
    days = DaysField(widget=UnfoldAdminCheckboxSelectMultipleWidget)
    quiet_from = ClockField(widget=UnfoldAdminTimeWidget, help_text="Between these times nothing is sent.")
    quiet_to = ClockField(widget=UnfoldAdminTimeWidget)
    time_zone = forms.ChoiceField(required=False, choices=zone_choices, widget=UnfoldAdminSelect2Widget)
    minimum_stay = WaitField(
        STAYS, "", widget=UnfoldAdminTextInputWidget, help_text="Such as 6h: a change is told once it lasted this long."
    )
    cool_down = WaitField(
        COOL_DOWNS,
        "",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 7d: so long a customer is not told of again.",
    )

    class Meta:
        model = Subscription
        fields = [
            "cohort",
            "channel",
            "send_on_addition",
            "send_on_removal",
            "period",
            *RULES,
            "fields",
            "tell_existing",
        ]
        help_texts = {"tell_existing": "Tell of the members of this moment in the first batch."}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        check_subscription(
            self, cleaned.get("cohort") or (None if self.instance._state.adding else self.instance.cohort)
        )
        return cleaned


class SuppressionForm(forms.ModelForm):
    """An address to which nothing is sent; of one whose owner left a list, that list stays."""

    address = forms.EmailField(max_length=254, widget=UnfoldAdminEmailInputWidget)

    class Meta:
        model = Suppression
        fields = ["address", "reason", "detail"]

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].lower()
        there = Suppression.objects.filter(address=address, list_id=self.instance.list_id)
        if there.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("This address is suppressed already.")
        return address
