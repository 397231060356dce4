"""The management API's forms of edits of static lists."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from cohorts.serializers.fields import StrictSerializer

MOST_LISTED = 10_000
"""Ids in one edit of a static list."""


class ListEditSerializer(StrictSerializer):
    """Who is put on a static list and taken off it; with `set` all that shall stand on it."""

    add = serializers.ListField(child=serializers.CharField(max_length=500), default=list, max_length=MOST_LISTED)
    remove = serializers.ListField(child=serializers.CharField(max_length=500), default=list, max_length=MOST_LISTED)
    set = serializers.ListField(child=serializers.CharField(max_length=500), required=False, max_length=MOST_LISTED)
    create_unknown = serializers.BooleanField(
        default=False, help_text="Make customers of ids that nothing named yet; otherwise they are reported only."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "set" in attrs and (attrs["add"] or attrs["remove"]):
            raise serializers.ValidationError({"set": 'expected nothing in "add" and "remove" beside it'})
        return attrs


class ListEditedSerializer(serializers.Serializer[Any]):
    """What an edit of a static list did."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    members = serializers.IntegerField(help_text="On the list now.")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of nobody: nothing was done for them."
    )
    erased = serializers.ListField(child=serializers.CharField(), help_text="Ids of customers who were erased.")
