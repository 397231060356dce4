"""Forms of alert rules and of silence in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from cohorts.criteria import CriteriaError
from cohorts.forms import DocumentField
from cohorts.time_zones import time_zones
from notifications.alerts.definition import parse
from notifications.alerts.forms import QUIETS, REMINDERS, SilenceField
from notifications.alerts.models import AlertRule, Maintenance
from notifications.alerts.recipes import RECIPES
from notifications.models import Channel
from notifications.rule_fields import WaitField

COLUMNS = (
    "name",
    "description",
    "key",
    "definition",
    "time_zone",
    "reminder",
    "quiet_for",
    "tells_resolved",
)


class AlertRuleForm(forms.ModelForm):
    """An alert rule. Its definition is judged by the same code as everywhere else."""

    definition = DocumentField(initial=RECIPES[0].document)
    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in time_zones()], initial="UTC", widget=UnfoldAdminSelect2Widget
    )
    told_on = forms.ModelMultipleChoiceField(
        Channel.objects.order_by("name", "pk"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        label="Channels",
    )
    reminder = WaitField(
        REMINDERS,
        "",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 4h: an alert that stays open is told again. Empty for never.",
    )
    quiet_for = WaitField(
        QUIETS,
        "",
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as 1h: the least time from one alert of a group to its next.",
    )

    class Meta:
        model = AlertRule
        fields = COLUMNS

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if not self.instance._state.adding:
            self.initial["told_on"] = list(self.instance.channels.values_list("pk", flat=True))

    def clean_key(self) -> str | None:
        return self.cleaned_data["key"] or None

    def clean_definition(self) -> Any:
        document = self.cleaned_data["definition"]
        try:
            parse(document)
        except CriteriaError as error:
            raise forms.ValidationError(str(error)) from None
        return document

    def values(self) -> dict[str, Any]:
        """What is stored with the rule itself; call after `is_valid`."""
        return {name: self.cleaned_data[name] for name in COLUMNS}


class MaintenanceForm(forms.ModelForm):
    """A time that is not judged, for all rules or for some."""

    class Meta:
        model = Maintenance
        fields = ("start", "end", "reason", "all_rules", "rules")
        help_texts: ClassVar[dict[str, str]] = {
            "all_rules": "Also those that are made later.",
            "rules": "If not all.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("all_rules") and cleaned.get("rules"):
            self.add_error("rules", "Choose none of them with all rules.")
        elif not cleaned.get("all_rules") and not cleaned.get("rules"):
            self.add_error("rules", "Choose at least one, or all rules.")
        return cleaned


class SilenceDialog(BaseDialogForm):
    """For how long nothing is told."""

    silence = SilenceField(widget=UnfoldAdminSelectWidget)
