"""Subscriptions over the API, with their rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.models import Subscription
from tests.factories import make_channel, make_cohort, make_customer, make_membership, make_subscription

pytestmark = pytest.mark.django_db


def test_a_subscription_is_created_from_the_members_of_the_moment(api):
    cohort, channel = make_cohort(), make_channel()
    make_membership(cohort, make_customer(), version=3)
    given = {
        "cohort": str(cohort.pk),
        "channel": str(channel.pk),
        "send_on_addition": True,
        "send_on_removal": False,
        "period": "1d",
        "fields": ["email", "metadata.plan"],
        "tell_existing": False,
    }

    created = api.post("/api/subscriptions/", given)

    assert created.status_code == 201
    assert {name: created.json()[name] for name in given} == given
    assert api.get(f"/api/subscriptions/{created.json()['id']}/").json() == created.json()
    assert Subscription.objects.get().settled_version == 3


def test_what_is_left_out_has_its_default(api):
    created = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk}).json()

    expected = {"send_on_addition": True, "send_on_removal": True, "period": "15m", "fields": [], "paused": False}
    assert created.items() >= expected.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cohort", "00000000-0000-0000-0000-000000000000"),
        ("cohort", 7),
        ("channel", None),
        ("period", "8d"),
        ("fields", ["plan"]),
        ("fields", "email"),
        ("fields", ["company_domain"]),
        ("send_on_adition", True),
    ],
)
def test_a_wrong_subscription_is_refused_by_the_name_of_the_field(api, field, value):
    given = {"cohort": make_cohort().pk, "channel": make_channel().pk, field: value}

    answer = api.post("/api/subscriptions/", given)

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, [field])


def test_a_subscription_that_tells_nothing_is_refused(api):
    nothing = {"send_on_addition": False, "send_on_removal": False}

    created = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk, **nothing})
    edited = api.patch(
        f"/api/subscriptions/{make_subscription(send_on_removal=False).pk}/", {"send_on_addition": False}
    )

    assert (created.status_code, edited.status_code) == (400, 400)


def test_a_second_subscription_on_the_same_channel_is_refused(api):
    there = make_subscription()

    answer = api.post("/api/subscriptions/", {"cohort": there.cohort_id, "channel": there.channel_id})

    assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")


def test_an_edit_leaves_cohort_channel_and_progress(api):
    subscription = make_subscription(settled_version=4, sequence=2)
    address = f"/api/subscriptions/{subscription.pk}/"

    edited = api.patch(address, {"fields": ["email", "email"], "period": "1h", "paused": True})

    assert edited.json().items() >= {"fields": ["email"], "period": "1h", "paused": True, "sequence": 2}.items()
    subscription.refresh_from_db()
    assert (subscription.settled_version, subscription.period) == (4, timedelta(hours=1))
    assert api.patch(address, {"cohort": make_cohort().pk}).status_code == 400
    assert api.patch(address, {"channel": make_channel().pk}).status_code == 400
    assert api.delete(address).status_code == 204


def test_existing_members_are_told_of_only_together_with_additions(api):
    values = {"cohort": str(make_cohort().pk), "channel": str(make_channel().pk), "tell_existing": True}

    refused = api.post("/api/subscriptions/", values | {"send_on_addition": False})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "tell_existing"
    created = api.post("/api/subscriptions/", values)
    assert created.status_code == 201
    address = f"/api/subscriptions/{created.json()['id']}/"
    assert api.patch(address, {"send_on_addition": False}).status_code == 400
    Subscription.objects.update(existing_told=True)
    assert api.patch(address, {"send_on_addition": False}).status_code == 200


RULES = {
    "send_at": "09:00",
    "days": [5, 1, 1],
    "quiet_from": "22:00",
    "quiet_to": "07:00",
    "time_zone": "Europe/Berlin",
    "minimum_stay": "6h",
    "cool_down": "7d",
    "once_per_customer": False,
    "hold_above": 500,
    "hold_above_percent": 20,
    "hold_when_silent": False,
}


def test_the_rules_of_a_subscription_are_saved_and_said_in_words(api):
    there = {"cohort": make_cohort().pk, "channel": make_channel().pk}

    created = api.post("/api/subscriptions/", {**there, **RULES}).json()

    assert created.items() >= {**RULES, "days": [1, 5], "period": "15m"}.items()
    assert created["words"].startswith(
        "Every Monday and Friday at 09:00 (Europe/Berlin), the net change since the last"
    )
    nothing = dict.fromkeys(("send_at", "quiet_from", "quiet_to", "minimum_stay", "cool_down", "hold_above"))
    edited = api.patch(f"/api/subscriptions/{created['id']}/", nothing).json()
    assert edited.items() >= nothing.items()
    assert edited["words"].startswith("At most every 15 minutes, only on Mondays and Fridays (Europe/Berlin), the net")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"send_at": "9 o'clock"}, "send_at"),
        ({"send_at": "23:00", "quiet_from": "22:00", "quiet_to": "07:00"}, "send_at"),
        ({"days": []}, "days"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"minimum_stay": "1s"}, "minimum_stay"),
        ({"cool_down": "366d"}, "cool_down"),
        ({"hold_above": 0}, "hold_above"),
        ({"hold_above_percent": 101}, "hold_above_percent"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_name_of_the_field(api, values, field):
    answer = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk, **values})

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, [field])
