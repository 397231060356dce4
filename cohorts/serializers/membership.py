"""The management API's forms of members, and of changes with why they came."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cohorts.enums import ChangeKind, Reason
from cohorts.models import MembershipChange
from cohorts.serializers.customer import ProfileSerializer


class MemberSerializer(ProfileSerializer):
    """A member of a cohort."""

    since = serializers.DateTimeField(allow_null=True, help_text="Null: since the cohort's history began.")


class TurningEventSerializer(serializers.Serializer[Any]):
    """An event by which a condition turned."""

    id = serializers.CharField(help_text="The transaction id that its sender gave, else ours.")
    time = serializers.DateTimeField()
    what = serializers.CharField(help_text="Such as `POST /payments -> 400`, or the name of an action.")


class EvidenceSerializer(serializers.Serializer[Any]):
    """A condition that turned, as data."""

    path = serializers.CharField(help_text="Its place in the criteria, such as `match.all[1]`.")
    sentence = serializers.CharField(help_text="What `because` says of it.")
    reason = serializers.ChoiceField(choices=Reason.choices)
    value = serializers.JSONField(allow_null=True, help_text="What was found; null for nothing.")
    threshold = serializers.CharField(help_text="What it was compared with, in words.")
    figures = serializers.DictField(
        required=False,
        help_text="What the value came from: `part` and `whole` of a ratio, `now` and `before` of a trend, `matching` "
        "and `users`, or what a profile `was` before.",
    )
    events = TurningEventSerializer(many=True, help_text="The newest three that came, or that left a window.")


class ChangeSerializer(serializers.Serializer[Any]):
    """One customer added to or removed from a cohort."""

    id = serializers.IntegerField()
    change = serializers.ChoiceField(choices=ChangeKind.choices)
    user_id = serializers.CharField(required=False, help_text="In a cohort of users.")
    company_id = serializers.CharField(required=False, help_text="In a cohort of companies.")
    changed_at = serializers.DateTimeField()
    reason = serializers.ChoiceField(choices=Reason.choices)
    because = serializers.ListField(child=serializers.CharField(), help_text="The conditions that turned, in words.")
    evidence = EvidenceSerializer(
        many=True,
        help_text="The same as data, with the events that did it; empty where more than 10,000 moved at once.",
    )


def change_of(change: MembershipChange) -> dict[str, Any]:
    """What ChangeSerializer tells of a change."""
    facts = {name: getattr(change, name) for name in ("id", "change", "changed_at", "reason", "because", "evidence")}
    return {**facts, f"{change.customer.kind}_id": change.customer.external_id}


class MembersPageSerializer(serializers.Serializer[Any]):
    """Members, and the place in the feed of changes from which a copy of all pages is kept up to date."""

    next = serializers.URLField(allow_null=True)
    cursor = serializers.CharField(help_text="For `changes/?after=`, the same on every page.")
    results = MemberSerializer(many=True)


class ChangesPageSerializer(serializers.Serializer[Any]):
    """Changes, oldest first."""

    cursor = serializers.CharField(help_text="Pass it as `after` next time.")
    restarted = serializers.BooleanField(
        help_text="The cohort was started anew after `after`, without changes: read `members/` again."
    )
    results = ChangeSerializer(many=True)
