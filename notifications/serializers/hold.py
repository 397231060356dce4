"""A batch that is held, and what a person decides."""

from __future__ import annotations

from rest_framework import serializers

from cohorts.serializers import StrictSerializer
from notifications.models import Hold


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """A batch that is held until somebody sends or drops it, or was."""

    cohort = serializers.UUIDField(source="subscription.cohort_id", read_only=True)
    channel = serializers.UUIDField(source="subscription.channel_id", read_only=True)
    decision = serializers.SerializerMethodField(help_text="`send` or `drop`; null as long as nobody has decided.")
    outcome = serializers.SerializerMethodField(help_text="`sent`, `dropped` or `lifted`; null as long as it lasts.")

    class Meta:
        model = Hold
        fields = [
            "id",
            "subscription",
            "cohort",
            "channel",
            "why",
            "added",
            "removed",
            "revision",
            "held_at",
            "looked_at",
            "decision",
            "decided_at",
            "outcome",
            "ended_at",
        ]
        read_only_fields = fields
        extra_kwargs = {"revision": {"help_text": "Counts how often the customers changed since it began."}}

    def get_decision(self, hold: Hold) -> str | None:
        return hold.decision or None

    def get_outcome(self, hold: Hold) -> str | None:
        return hold.outcome or None


class DecisionSerializer(StrictSerializer):
    """Of what a decision is made."""

    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="Decide only if the customers are still those of this revision."
    )
