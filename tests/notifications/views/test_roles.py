"""Who may open and do what: every address of notifications, by role."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from cohortsite.roles import ROLES
from notifications.models import Delivery
from notifications.urls import pages
from tests.factories import make_batch, make_channel, make_delivery, make_subscription
from tests.notifications.views.test_subscribe import client_of

pytestmark = pytest.mark.django_db

LEAST = {
    "cohort_subscriptions": {"get": "Viewer"},
    "cohort_channels": {"get": "Viewer"},
    "notification_preview": {"post": "Viewer"},
    "mail_preview": {"get": "Viewer"},
    "channels": {"get": "Viewer"},
    "deliveries": {"get": "Viewer"},
    "delivery": {"get": "Viewer"},
    "delivery_mail": {"get": "Viewer"},
    "subscribe": {"get": "Analyst", "post": "Analyst"},
    "subscription": {"get": "Analyst", "post": "Analyst"},
    "pause_subscription": {"post": "Analyst"},
    "resume_subscription": {"post": "Analyst"},
    "delete_subscription": {"post": "Analyst"},
    "notification_test": {"post": "Operator"},
    "new_channel_fields": {"get": "Operator"},
    "new_channel": {"get": "Operator", "post": "Operator"},
    "channel": {"get": "Operator", "post": "Operator"},
    "test_channel": {"get": "Operator", "post": "Operator"},
    "pause_channel": {"post": "Operator"},
    "resume_channel": {"post": "Operator"},
    "rotate_channel": {"post": "Operator"},
    "suppressions": {"get": "Viewer"},
    "delete_channel": {"post": "Operator"},
    "replay_delivery": {"post": "Operator"},
    "replay_deliveries": {"post": "Operator"},
    "replay_all_deliveries": {"post": "Operator"},
}
"""The least role that may, by view and method; other methods nobody may."""


@pytest.fixture
def addresses(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    subscription = make_subscription(channel=make_channel("email"))
    delivery = make_delivery(make_batch(subscription), state=Delivery.State.DEAD, content='{"html": ""}')
    ids = {
        "subscription": subscription.pk,
        "channel": subscription.channel_id,
        "deliver": delivery.pk,
        "cohort": subscription.cohort_id,
    }

    def address(view: str) -> str:
        if view in (
            "channels",
            "suppressions",
            "deliveries",
            "new_channel",
            "new_channel_fields",
            "replay_deliveries",
            "replay_all_deliveries",
        ):
            return reverse(view)
        about = {"cohort_subscriptions": "cohort", "cohort_channels": "cohort"}
        about |= {"subscribe": "cohort"}
        kind = about.get(view) or next((kind for kind in ids if kind in view), "cohort")
        return reverse(view, args=[ids[kind]])

    return {view: address(view) for view in LEAST}


def test_every_address_is_in_the_table():
    elsewhere = {
        "unsubscribe",
        "lift_suppression",
        "holds",
        "send_hold",
        "drop_hold",
        "signed_chart",
    }  # in the matrix of the whole site
    assert {page.name for page in pages} == set(LEAST) | elsewhere


@pytest.mark.parametrize("view", LEAST)
def test_who_is_not_logged_in_is_sent_to_the_login(addresses, view):
    for method in ("get", "post"):
        answer = getattr(Client(), method)(addresses[view])
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, reverse("login"))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("view", LEAST)
def test_a_role_may_from_the_least_one_on(addresses, view, role):
    client = client_of(role)
    for method, least in LEAST[view].items():
        data = {"channel_choice": make_channel("email").pk} if view == "notification_test" else {}
        answer = getattr(client, method)(addresses[view], data)
        may = ROLES.index(role) >= ROLES.index(least)
        assert (answer.status_code in (200, 204, 422)) if may else (answer.status_code == 403), (method, answer)
