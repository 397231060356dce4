"""Deliveries and their attempts, as the API reads them, and which to send again."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.serializers import StrictSerializer
from notifications.models import Attempt, Delivery

MOST_REPLAYED = 500
"""Deliveries in one request."""


class AnswerField(serializers.CharField):
    """What a destination answered. For administrators: it may be an answer from a network that others cannot see."""

    def to_representation(self, value: Any) -> str:
        return super().to_representation(value) if self.context.get("may_read_answers") else ""


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    """One try of a delivery."""

    duration = serializers.SerializerMethodField(help_text="Seconds; null when it was cut off.")
    answer = AnswerField(read_only=True, help_text="The start of the answer, for administrators.")

    class Meta:
        model = Attempt
        fields = ["number", "started_at", "duration", "succeeded", "status", "error", "answer"]
        read_only_fields = fields

    def get_duration(self, attempt: Attempt) -> float | None:
        return None if attempt.duration is None else attempt.duration.total_seconds()


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One frozen message to one destination; `id` is what a webhook's receiver gets as `webhook-id`."""

    about = serializers.ChoiceField(
        choices=Delivery.About.choices, read_only=True, help_text="`batch`, or what it is in place of one."
    )
    title = serializers.CharField(source="subject", read_only=True, help_text="The cohort's name, or what it says.")
    cohort = serializers.UUIDField(source="batch.subscription.cohort_id", read_only=True, allow_null=True)
    subscription = serializers.UUIDField(source="batch.subscription_id", read_only=True, allow_null=True)
    sequence = serializers.IntegerField(source="batch.sequence", read_only=True, allow_null=True)
    channel = serializers.SerializerMethodField(help_text="Null for a mail to somebody who works on this site.")
    next_attempt_at = serializers.SerializerMethodField(help_text="Null when it is delivered or given up.")
    last_error = serializers.SerializerMethodField()

    class Meta:
        model = Delivery
        fields = [
            "id",
            "about",
            "title",
            "url",
            "batch",
            "sequence",
            "part",
            "parts",
            "cohort",
            "subscription",
            "channel",
            "recipient",
            "state",
            "attempt_count",
            "created_at",
            "next_attempt_at",
            "delivered_at",
            "last_error",
        ]
        read_only_fields = fields
        extra_kwargs = {"url": {"help_text": "The page of what it tells; empty for a batch."}}

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_channel(self, delivery: Delivery) -> uuid.UUID | None:
        return None if delivery.channel.is_own else delivery.channel_id

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_next_attempt_at(self, delivery: Delivery) -> str | None:
        waits = delivery.state == Delivery.State.PENDING
        return serializers.DateTimeField().to_representation(delivery.next_attempt_at) if waits else None

    def get_last_error(self, delivery: Delivery) -> str | None:
        return delivery.last_error or None


class DeliveryDetailSerializer(DeliverySerializer):
    """A delivery with its content and its attempts."""

    content = serializers.SerializerMethodField(help_text="The message, as every attempt sends it.")
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta(DeliverySerializer.Meta):
        fields = [*DeliverySerializer.Meta.fields, "content", "attempts"]
        read_only_fields = fields

    def get_content(self, delivery: Delivery) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(delivery.content)
        return content


class SelectionSerializer(StrictSerializer):
    """Deliveries to send again: by their ids, or all in a state that were made in a stretch of time."""

    deliveries = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_REPLAYED, required=False
    )
    created_after = serializers.DateTimeField(required=False, help_text="Made then or later.")
    created_before = serializers.DateTimeField(required=False, help_text="Made earlier.")
    state = serializers.ChoiceField(
        choices=[Delivery.State.DEAD.value, Delivery.State.DELIVERED.value],
        required=False,
        help_text="Of a stretch of time: `dead` unless given.",
    )
    channel = serializers.UUIDField(required=False)
    cohort = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("deliveries" in attrs) == ("created_after" in attrs):
            raise serializers.ValidationError({"deliveries": "expected either ids, or created_after"})
        if "deliveries" in attrs and len(attrs) > 1:
            raise serializers.ValidationError({"deliveries": "expected ids alone"})
        return attrs

    def found(self) -> QuerySet[Delivery]:
        """Those that a stretch of time asks for; call after `is_valid`."""
        asked = self.validated_data
        wanted = {
            "created_at__gte": asked["created_after"],
            "created_at__lt": asked.get("created_before"),
            "state": asked.get("state", Delivery.State.DEAD),
            "channel": asked.get("channel"),
            "batch__subscription__cohort": asked.get("cohort"),
        }
        return Delivery.objects.filter(**{name: value for name, value in wanted.items() if value is not None})


class ReplayedSerializer(serializers.Serializer[Any]):
    """How many are sent again."""

    replayed = serializers.IntegerField()
