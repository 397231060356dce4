"""A subscription, as the API reads and writes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cohorts.models import Cohort
from cohorts.serializers import PausedField, PeriodField, StrictSerializer
from ingest.models import CustomerKind
from notifications.choices import CHOSEN, RULES, Contradiction, check_choices, check_zone
from notifications.entries import check_fields
from notifications.models import (
    DEFAULT_PERIOD,
    LONGEST_PERIOD,
    LONGEST_WAIT,
    SHORTEST_PERIOD,
    SHORTEST_WAIT,
    Subscription,
    every_day,
)
from notifications.words import words_of

SEND_AT = "A digest at this local time of the days, in place of `period`."
DAYS = "The days on which anything is sent; 1 is Monday."
QUIET = "Between these local times nothing is sent; the net change is, afterwards. May span midnight."
ZONE = "Of these times and of those in messages; empty for the cohort's."


class ClockField(serializers.TimeField):
    """A local time of day, `09:00`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **options)
        self.error_messages["invalid"] = 'expected a time of day such as "09:00"'


class WaitField(PeriodField):
    """A length of time, or null for none."""

    def __init__(self, **options: Any) -> None:
        bounds = {"shortest": SHORTEST_WAIT, "longest": LONGEST_WAIT}
        super().__init__(**bounds, allow_null=True, required=False, **options)


class SubscriptionSerializer(StrictSerializer, serializers.ModelSerializer[Subscription]):
    """A cohort's notification rule on one channel. It starts from the members of the moment it is made."""

    period = PeriodField(shortest=SHORTEST_PERIOD, longest=LONGEST_PERIOD, default=DEFAULT_PERIOD)
    fields = serializers.ListField(  # type: ignore[assignment]
        child=serializers.CharField(max_length=200),
        max_length=100,
        default=list,
        help_text="What of a customer is sent beside its id, e.g. `email`, `metadata.plan`.",
    )
    send_at = ClockField(allow_null=True, required=False, help_text=SEND_AT)
    days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), max_length=7, default=every_day, help_text=DAYS
    )
    quiet_from = ClockField(allow_null=True, required=False, help_text=QUIET)
    quiet_to = ClockField(allow_null=True, required=False)
    time_zone = serializers.CharField(
        max_length=64, allow_blank=True, required=False, validators=[check_zone], help_text=ZONE
    )
    minimum_stay = WaitField(help_text="A change is told once it has lasted this long; its opposite cancels it before.")
    cool_down = WaitField(help_text="So long nothing more is told of a customer; then its net change is.")
    words = serializers.SerializerMethodField(help_text="What it does, in plain words.")
    paused = PausedField(source="paused_at", required=False)

    class Meta:
        model = Subscription
        fields = [
            "id",
            "cohort",
            "channel",
            "send_on_addition",
            "send_on_removal",
            "period",
            *RULES,
            "fields",
            "tell_existing",
            "words",
            "paused",
            "created_at",
            "sequence",
        ]
        read_only_fields = ["id", "created_at", "sequence"]
        validators: list[Any] = []  # one per cohort and channel: the view answers with a conflict
        extra_kwargs = {
            "tell_existing": {"help_text": "Tell of the members of this moment in the first batch, as additions."},
            "sequence": {"help_text": "Number of the last batch."},
            "once_per_customer": {"help_text": "Of each customer one change is told, ever."},
            "hold_above": {"help_text": "Hold what would tell of more customers at once, until somebody decides."},
            "hold_above_percent": {"help_text": "The same, as a share of the cohort's members."},
            "hold_when_silent": {"help_text": "Hold what time alone changed while no events come in."},
        }

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for fixed in ("cohort", "channel", "tell_existing"):
            if self.instance and attrs.get(fixed, getattr(self.instance, fixed)) != getattr(self.instance, fixed):
                raise serializers.ValidationError({fixed: "cannot be changed: make another subscription"})
        chosen = {name: self._value(attrs, name) for name in CHOSEN}
        chosen["tell_existing"] &= not (self.instance and self.instance.existing_told)
        try:
            check_choices(chosen)
        except Contradiction as error:
            raise serializers.ValidationError({error.field: str(error)}) from None
        cohort: Cohort = self._value(attrs, "cohort")
        try:
            attrs["fields"] = check_fields(CustomerKind(cohort.kind), self._value(attrs, "fields"))
        except ValueError as error:
            raise serializers.ValidationError({"fields": str(error)}) from None
        return attrs

    def get_words(self, subscription: Subscription) -> str:
        return " ".join(words_of(subscription))

    def validate_days(self, days: list[int]) -> list[int]:
        return sorted(set(days))

    def _value(self, attrs: dict[str, Any], name: str) -> Any:
        """As given, else as stored, else as the model has it."""
        return attrs[name] if name in attrs else getattr(self.instance or Subscription(), name)
