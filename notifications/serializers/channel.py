"""A channel, as the API reads and writes it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cohorts.serializers import PausedField, StrictSerializer
from notifications.channels import CHANNELS, kind_choices
from notifications.channels.base import Config
from notifications.models import Channel
from notifications.serializers.delivery import AnswerField

CHANNEL_STATES = ["disabled", "paused", "failing", "working", "unused"]


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
