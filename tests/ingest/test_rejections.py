"""What was refused is counted for the administrator; a key with a limit is held to it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from ingest import collector, rejections
from ingest.keys import find_key
from ingest.models import ApiKey, Customer, Rejection
from ingest.rejections import OTHERS, prune_rejections, record_rejections
from tests.factories import make_key_row, make_rejection
from tests.ingest.items import send


def test_refused_items_are_counted_by_sender_and_reason(client, collector_key):
    items = [{"user_id": "u1"}, {"user_id": ["canary"]}, {"user_id": {"canary": 1}}, {"user_id": ["canary"]}]
    for _ in range(2):
        send(client, "/v1/users/batch", items, collector_key, X_Moesif_SDK="moesif-nodejs/3.11.0")
    found = Rejection.objects.order_by("reason").values_list("path", "sender", "reason", "items")
    assert list(found) == [
        ("/v1/users/batch", "moesif-nodejs/3.11.0", "user_id: expected a text, not an array", 4),
        ("/v1/users/batch", "moesif-nodejs/3.11.0", "user_id: expected a text, not an object", 2),
    ]
    assert Customer.objects.count() == 1


def test_a_body_that_cannot_be_read_is_counted(client, collector_key):
    send(client, "/v1/events", b"hello\0", collector_key, User_Agent="curl\udcff\0/8")
    [found] = Rejection.objects.all()
    assert (found.items, found.key) == (1, find_key(collector_key, timezone.now()))
    assert "JSON" in found.reason
    assert found.sender.startswith("curl")


def test_what_cannot_be_counted_fails_no_request(client, collector_key, monkeypatch, caplog):
    def fail(*args):
        raise DatabaseError("disk full")

    monkeypatch.setattr(rejections, "_count", fail)
    assert send(client, "/v1/users/batch", [{"user_id": "u1"}, {}], collector_key).status_code == 201
    assert "were not counted" in caplog.text


@pytest.mark.django_db
def test_the_reasons_of_an_hour_are_bounded(now):
    key = make_key_row()
    record_rejections(key, "/v1/users", "x", [f"metadata.{n}: bad" for n in range(150)], now)
    record_rejections(key, "/v1/users", "x", ["metadata.1: bad", "metadata.149: bad", "metadata.1000: bad"], now)
    assert Rejection.objects.count() <= rejections.MOST_REASONS + 1
    assert Rejection.objects.get(reason=OTHERS).items == 52
    assert Rejection.objects.get(reason="metadata.1: bad").items == 2


@pytest.mark.django_db
def test_rejections_are_forgotten_after_a_while(now):
    make_rejection(last_at=now - rejections.KEPT - timedelta(seconds=1))
    young = make_rejection(last_at=now - rejections.KEPT)
    prune_rejections(now)
    assert list(Rejection.objects.all()) == [young]


def test_administrators_see_counts_per_key(admin_client, now):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    key = make_rejection(items=1234, hour=hour, last_at=hour).key
    make_rejection(key, items=1, reason="other", hour=hour - timedelta(days=3))
    page = admin_client.get("/admin/ingest/apikey/").content.decode()
    assert "1,234" in page
    assert f"/admin/ingest/rejection/?key__id__exact={key.pk}" in page
    assert "request.time: expected a time" in admin_client.get("/admin/ingest/rejection/").content.decode()


def test_a_key_with_a_limit_is_refused_beyond_it_until_the_minute_ends(client, collector_key, monkeypatch, now):
    monkeypatch.setattr(collector.timezone, "now", lambda: now)
    ApiKey.objects.update(items_per_minute=3)
    users = [{"user_id": "a"}, {"user_id": "b"}]
    assert [send(client, "/v1/users/batch", users, collector_key).status_code for _ in range(3)] == [201, 201, 429]
    monkeypatch.setattr(collector.timezone, "now", lambda: now + timedelta(seconds=45))
    refused = send(client, "/v1/users", users[0], collector_key)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused["Retry-After"]) <= 16
    monkeypatch.setattr(collector.timezone, "now", lambda: now + timedelta(seconds=60))
    assert send(client, "/v1/users", users[0], collector_key).status_code == 201
