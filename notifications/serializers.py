"""The management API's forms of channels, subscriptions and deliveries."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.models import Cohort
from cohorts.serializers import PausedField, PeriodField, StrictSerializer
from ingest.models import CustomerKind
from notifications.channels import CHANNELS, kind_choices
from notifications.channels.base import Config
from notifications.choices import CHOSEN, Contradiction, check_choices, check_zone
from notifications.entries import check_fields
from notifications.models import (
    DEFAULT_PERIOD,
    LONGEST_PERIOD,
    LONGEST_WAIT,
    SHORTEST_PERIOD,
    SHORTEST_WAIT,
    Attempt,
    Channel,
    Delivery,
    Hold,
    Subscription,
    every_day,
)
from notifications.words import words_of

CHANNEL_STATES = ["disabled", "paused", "failing", "working", "unused"]
SEND_AT = "A digest at this local time of the days, in place of `period`."
DAYS = "The days on which anything is sent; 1 is Monday."
QUIET = "Between these local times nothing is sent; the net change is, afterwards. May span midnight."
ZONE = "Of these times and of those in messages; empty for the cohort's."
MOST_REPLAYED = 500
"""Deliveries in one request."""


@extend_schema_field(OpenApiTypes.OBJECT)
class ConfigField(serializers.DictField):
    """A channel's settings. Secrets go in and never come out; only who may manage channels reads the others."""

    def get_attribute(self, channel: Channel) -> dict[str, Any] | None:
        return CHANNELS[channel.kind].visible(channel.config) if self.context.get("may_manage") else None


class ChannelSerializer(StrictSerializer, serializers.ModelSerializer[Channel]):
    """A place to notify. What `config` holds depends on the kind, and is judged as a send would."""

    key = serializers.SlugField(max_length=100, required=False, allow_null=True, help_text="A stable name, unique.")
    kind = serializers.ChoiceField(choices=kind_choices())
    config = ConfigField(allow_null=True, help_text='`{"url": ...}` for a webhook, `{"recipients": [...]}` for email.')
    summary = serializers.SerializerMethodField(help_text="Where it goes, without secrets.")
    paused = PausedField(source="paused_at", required=False)
    state = serializers.ChoiceField(
        choices=CHANNEL_STATES,
        read_only=True,
        help_text="`disabled`: paused by the site, since nothing arrived there; resume it by `paused: false`.",
    )
    last_error = serializers.SerializerMethodField(help_text="The newest failure; null after a success.")

    class Meta:
        model = Channel
        fields = [
            "id",
            "key",
            "kind",
            "name",
            "config",
            "summary",
            "tells_operators",
            "paused",
            "state",
            "created_at",
            "disabled_at",
            "failing_since",
            "last_error",
            "last_success_at",
        ]
        read_only_fields = ["id", "created_at", "disabled_at", "failing_since", "last_success_at"]
        extra_kwargs = {"tells_operators": {"help_text": "Tell operators here when something needs them."}}

    def get_summary(self, channel: Channel) -> str:
        return channel.where

    def get_last_error(self, channel: Channel) -> str | None:
        return channel.last_error or None

    def validate_key(self, key: str | None) -> str | None:
        others = Channel.objects.exclude(pk=self.instance.pk) if self.instance else Channel.objects.all()
        if key and others.filter(key=key).exists():
            raise serializers.ValidationError("another channel has this key")
        return key

    def validate_kind(self, kind: str) -> str:
        if self.instance is not None and kind != self.instance.kind:
            raise serializers.ValidationError("cannot be changed: make another channel")
        return kind

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "config" in attrs:
            attrs["config"] = self._cleaned(attrs)
        return attrs

    def _cleaned(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The settings as the kind's form cleans them; an edit gives only those that change."""
        kind = CHANNELS[attrs["kind"] if self.instance is None else self.instance.kind]
        stored: Config = self.instance.config if self.instance else {}
        given = dict(attrs["config"] or {})
        made_here = {
            name: given.pop(name) for name in kind.form.secrets if name in given and name not in kind.form.base_fields
        }
        kept = {} if self.context.get("whole") else kind.visible(stored)
        form = kind.form({**kept, **given}, stored=stored)
        unknown = {
            name: [f"unknown setting; expected {', '.join(form.fields)}"] for name in given if name not in form.fields
        }
        if unknown or not form.is_valid():
            faults = unknown or form.errors.get_json_data()
            raise serializers.ValidationError({_path(name): _messages(found) for name, found in faults.items()})
        try:
            return {**form.config(), **{name: kind.check_secret(name, value) for name, value in made_here.items()}}
        except ValueError as error:
            raise serializers.ValidationError({f"config.{next(iter(made_here))}": str(error)}) from None


def _path(name: str) -> str:
    return "config" if name == "__all__" else f"config.{name}"


def _messages(found: list[Any]) -> list[str]:
    return [each if isinstance(each, str) else each["message"] for each in found]


class CreatedChannelSerializer(ChannelSerializer):
    """A new channel with the secret that was made for it, which is not told again."""

    secret = serializers.CharField(required=False, read_only=True, help_text="Of a webhook: verifies its signatures.")

    class Meta(ChannelSerializer.Meta):
        fields = [*ChannelSerializer.Meta.fields, "secret"]


class AnswerField(serializers.CharField):
    """What a destination answered. For administrators: it may be an answer from a network that others cannot see."""

    def to_representation(self, value: Any) -> str:
        return super().to_representation(value) if self.context.get("may_read_answers") else ""


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of a test."""

    succeeded = serializers.BooleanField()
    status = serializers.CharField(help_text="What the destination answered, e.g. an HTTP status.")
    answer = AnswerField(help_text="The start of the answer, for administrators.")
    error = serializers.CharField(help_text="Why it failed.")


class RotatedSerializer(serializers.Serializer[Any]):
    """A new signing secret."""

    secret = serializers.CharField(help_text="Is not told again.")
    previous_until = serializers.DateTimeField(help_text="Until then the secret before signs too.")


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
            "send_at",
            "days",
            "quiet_from",
            "quiet_to",
            "time_zone",
            "minimum_stay",
            "cool_down",
            "once_per_customer",
            "hold_above",
            "hold_above_percent",
            "hold_when_silent",
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
