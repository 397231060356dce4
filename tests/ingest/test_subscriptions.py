"""Subscriptions: kept with their company, the current one as fields of it."""

from __future__ import annotations

import re

import pytest

from ingest.columns import open_columns
from ingest.decode import Rejected
from ingest.fields import UnknownField, customer_field
from ingest.models import Customer, CustomerKind
from ingest.parse import parse_subscription
from ingest.record import record
from ingest.subscriptions import current_subscription


def subscription(**values) -> dict:
    return {"subscription_id": "s1", "company_id": "acme", **values}


def test_an_active_one_leads_then_the_one_that_started_last():
    old = {"status": "active", "current_period_start": "2026-01-01T00:00:00+00:00"}
    new = {"status": "active", "current_period_start": "2026-02-01T00:00:00+00:00", "items": [{"plan_id": "pro"}]}
    later = {"status": "cancelled", "current_period_start": "2026-03-01T00:00:00+00:00"}
    found = current_subscription({"a": old, "b": new, "c": later, "d": {}, "e": {"status": "odd"}})
    assert (found["subscription_id"], found["plan_id"]) == ("b", "pro")
    assert current_subscription({"c": later, "e": {"status": "odd"}})["subscription_id"] == "c"
    assert current_subscription({"x": {}, "y": {}})["subscription_id"] == "y"


@pytest.mark.django_db
def test_the_company_keeps_all_and_shows_the_current_one(now):
    for item in (
        subscription(status="trialing", metadata={"seats": 5}, items=[{"plan_id": "free"}, {"plan_id": "addon"}]),
        subscription(status="active", current_period_end="2026-04-01T02:00:00+02:00", metadata={"seats": 7}),
        subscription(subscription_id="s2", status="cancelled"),
    ):
        record([parse_subscription(item, now)])
    profile = Customer.objects.get(kind="company").profile
    assert set(profile["subscriptions"]) == {"s1", "s2"}
    assert profile["subscription"] == {
        "subscription_id": "s1",
        "status": "active",
        "plan_id": "free",
        "current_period_end": "2026-04-01T00:00:00+00:00",
        "items": [{"plan_id": "free"}, {"plan_id": "addon"}],
        "metadata": {"seats": 7},
    }
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        paths = {seen.path for seen in snapshot.fields_seen(CustomerKind.COMPANY)}
    assert "subscription.metadata.seats" in paths
    assert not any(path.startswith("subscriptions") for path in paths)


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"company_id": "acme"}, "subscription_id"),
        ({"subscription_id": "s1"}, "company_id"),
        (subscription(status=["active"]), "status"),
        (subscription(current_period_start="soon"), "current_period_start"),
        (subscription(items={}), "items"),
        (subscription(items=[{"n": 2**60}]), "items[0].n"),
        (subscription(metadata=[]), "metadata"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(item, path, now):
    with pytest.raises(Rejected, match=f"^{re.escape(path)}: expected"):
        parse_subscription(item, now)


def test_fields_that_a_subscription_does_not_have_are_unknown():
    with pytest.raises(UnknownField, match=r"subscription\.status"):
        customer_field(CustomerKind.COMPANY, "subscription.colour")
    with pytest.raises(UnknownField):
        customer_field(CustomerKind.USER, "subscription.status")
