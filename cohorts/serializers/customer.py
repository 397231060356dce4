"""The management API's forms of customers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ingest.models import Customer, CustomerKind

MOST_LISTED = 10_000
"""Ids in one edit of a static list."""


class ProfileSerializer(serializers.Serializer[Any]):
    """The profile of a user or company: a user has the keys of users, a company those of companies."""

    user_id = serializers.CharField(required=False)
    company_id = serializers.CharField(required=False, allow_null=True, help_text="Of a user: its company.")
    email = serializers.CharField(required=False, allow_null=True)
    name = serializers.CharField(allow_null=True)
    company_domain = serializers.CharField(required=False, help_text="Of a company; empty when it is not known.")
    metadata = serializers.DictField()
    campaign = serializers.DictField()


def profile_of(customer: Customer) -> dict[str, Any]:
    """What ProfileSerializer tells of a customer. The customer's company is read: select it beforehand."""
    if customer.kind == CustomerKind.USER:
        ids = {
            "user_id": customer.external_id,
            "company_id": customer.company.external_id if customer.company else None,
            "email": customer.email or None,
        }
    else:
        ids = {"company_id": customer.external_id, "company_domain": customer.profile.get("company_domain") or ""}
    parts = {key: customer.profile.get(key) or {} for key in ("metadata", "campaign")}
    return {**ids, "name": customer.name or None, **parts}


class CustomerSerializer(ProfileSerializer):
    """A customer."""

    id = serializers.IntegerField()
    cohort_type = serializers.ChoiceField(choices=CustomerKind.choices)
    created = serializers.DateTimeField(help_text="When something first named it.")


class StaySerializer(serializers.Serializer[Any]):
    """A cohort that a customer is in."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True, help_text="Null: since the cohort's history began.")


class CustomerDetailSerializer(CustomerSerializer):
    """A customer with its cohorts, and when it was seen."""

    first_seen_time = serializers.DateTimeField(
        allow_null=True, help_text="Of its first event; null without events and while the columns cannot be read."
    )
    last_seen_time = serializers.DateTimeField(allow_null=True, help_text="Of its last event.")
    cohorts = StaySerializer(many=True)


def customer_of(customer: Customer) -> dict[str, Any]:
    """What CustomerSerializer tells of a customer."""
    own = {"id": customer.pk, "cohort_type": customer.kind, "created": customer.created_at}
    return {**own, **profile_of(customer)}
