"""Who may do what over the API of channels, subscriptions and deliveries."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from notifications.models import Delivery
from tests.factories import make_attempt, make_channel, make_delivery, make_person, make_subscription
from tests.notifications.api.clients import client_with

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "channels/", Scope.READ),
        ("post", "channels/", Scope.ADMIN),
        ("patch", "channels/CHANNEL/", Scope.ADMIN),
        ("delete", "channels/CHANNEL/", Scope.ADMIN),
        ("post", "channels/CHANNEL/test/", Scope.ADMIN),
        ("get", "subscriptions/", Scope.READ),
        ("post", "subscriptions/", Scope.WRITE),
        ("patch", "subscriptions/SUBSCRIPTION/", Scope.WRITE),
        ("delete", "subscriptions/SUBSCRIPTION/", Scope.WRITE),
        ("get", "deliveries/", Scope.READ),
    ],
)
def test_a_key_needs_the_scope(method, path, scope):
    subscription, channel = make_subscription(), make_channel("email")
    path = "/api/" + path.replace("CHANNEL", str(channel.pk)).replace("SUBSCRIPTION", str(subscription.pk))

    assert getattr(APIClient(), method)(path).status_code == 401
    assert getattr(client_with(*[each for each in Scope if each != scope]), method)(path).status_code == 403
    assert getattr(client_with(scope), method)(path).status_code not in (401, 403)


def test_a_person_needs_the_permission_of_the_model():
    nobody, boss = APIClient(), APIClient()
    nobody.force_login(make_person(superuser=False))
    boss.force_login(make_person())
    channel = make_channel()

    assert nobody.get("/api/channels/").status_code == 403
    assert nobody.post(f"/api/channels/{channel.pk}/test/").status_code == 403
    assert boss.get(f"/api/channels/{channel.pk}/").json()["config"] == {"url": channel.config["url"]}


def test_a_person_cannot_be_made_to_write_by_another_site():
    boss = APIClient(enforce_csrf_checks=True)
    boss.force_login(make_person())

    assert boss.post("/api/channels/", {}).status_code == 403


@pytest.mark.parametrize("address", ["/api/deliveries/{}/replay/", "/api/deliveries/replay/"])
def test_replaying_takes_the_scope_of_an_administrator(address):
    delivery = make_delivery(state="dead")
    client = client_with(Scope.READ, Scope.WRITE)

    assert client.post(address.format(delivery.pk), {"deliveries": [str(delivery.pk)]}).status_code == 403
    assert Delivery.objects.get().state == "dead"


def test_what_was_answered_is_read_by_administrators_only(api):
    delivery = make_delivery()
    make_attempt(delivery, status="500", error="answered 500", answer="canary")
    address = f"/api/deliveries/{delivery.pk}/"
    assert api.get(address).json()["attempts"][0]["answer"] == "canary"
    read = client_with(Scope.READ).get(address).json()["attempts"][0]
    assert (read["answer"], read["error"]) == ("", "answered 500")
