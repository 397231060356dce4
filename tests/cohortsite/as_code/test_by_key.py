"""`PUT .../by-key/KEY/`: what software says is what there is, however often it says so."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from cohorts.models import Cohort
from ingest.models import Scope
from notifications.models import Channel, Subscription
from tests.factories import ON_PRO, make_api_key

pytestmark = pytest.mark.django_db
COHORT = {"name": "On pro", "cohort_type": "user", "criteria": ON_PRO, "period": "1h"}
CHANNEL = {"kind": "webhook", "name": "Growth", "config": {"url": "https://example.com/hook"}}


@pytest.fixture
def client():
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ, Scope.WRITE, Scope.ADMIN)}")
    return client


def test_cohorts_are_made_once_and_then_edited(client):
    address = "/api/cohorts/by-key/on-pro/"
    made = client.put(address, COHORT)
    assert (made.status_code, made.data["key"], made.data["period"]) == (201, "on-pro", "1h")
    again = client.put(address, {**COHORT, "key": "on-pro"})
    assert (again.status_code, again.data["id"], again.data["definition_version"]) == (200, made.data["id"], 1)
    told = client.put(address, {**COHORT, "time_zone": "Asia/Tokyo", "tell_edit": True})
    assert (told.data["definition_version"], told.data["time_zone"]) == (2, "Asia/Tokyo")
    assert not Cohort.objects.get().rebaseline
    usual = client.put(address, {name: COHORT[name] for name in ("name", "cohort_type", "criteria")})
    assert (usual.data["period"], usual.data["time_zone"]) == ("15m", "UTC")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({**COHORT, "key": "other"}, "key"),
        ({**COHORT, "criteria": {"version": 1}}, "criteria.match"),
        ({**COHORT, "perod": "1h"}, "perod"),
        ({"name": "On pro"}, "cohort_type"),
        ([], ""),
    ],
)
def test_a_wrong_document_is_refused_with_the_place(client, document, path):
    answer = client.put("/api/cohorts/by-key/on-pro/", document)
    assert answer.status_code == 400
    assert path in [error["path"] for error in answer.data["errors"]]
    assert not Cohort.objects.exists()


def test_channels_keep_the_secrets_that_are_left_out(client):
    address = "/api/channels/by-key/growth/"
    made = client.put(address, CHANNEL)
    assert (made.status_code, made.data["key"]) == (201, "growth")
    secret = made.data["secret"]
    again = client.put(address, {**CHANNEL, "name": "Growth team"})
    assert (again.status_code, again.data["name"], "secret" in again.data) == (200, "Growth team", False)
    assert Channel.objects.get().config == {"url": "https://example.com/hook", "secret": secret}


def test_subscriptions_are_addressed_by_both_keys(client):
    address = "/api/subscriptions/by-key/on-pro/growth/"
    assert client.put(address, {}).status_code == 404
    client.put("/api/cohorts/by-key/on-pro/", COHORT)
    client.put("/api/channels/by-key/growth/", CHANNEL)
    assert client.put(address, {"period": "1h", "tell_existing": True}).status_code == 201
    again = client.put(address, {"fields": ["email"]})
    assert (again.status_code, again.data["period"], again.data["fields"]) == (200, "15m", ["email"])
    assert again.data["tell_existing"] is True
    refused = client.put(address, {"tell_existing": False})
    assert [error["path"] for error in refused.data["errors"]] == ["tell_existing"]
    assert Subscription.objects.count() == 1


def test_whole_replacement_by_id_is_not_offered(client):
    pk = client.put("/api/cohorts/by-key/on-pro/", COHORT).data["id"]
    assert client.put(f"/api/cohorts/{pk}/", COHORT).status_code == 405
    assert client.get("/api/cohorts/by-key/on-pro/").status_code == 405


def test_only_who_may_change_may_put(client):
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ)}")
    assert client.put("/api/cohorts/by-key/on-pro/", COHORT).status_code == 403
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.WRITE)}")
    assert client.put("/api/channels/by-key/growth/", CHANNEL).status_code == 403
