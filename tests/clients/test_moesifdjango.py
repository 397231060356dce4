"""The published `moesifdjango` middleware inside a small Django app, in a process of its own."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from ingest.models import Event, Scope
from tests.clients.senders import call_app, moesifdjango_app, wait_until
from tests.factories import make_api_key


@pytest.mark.django_db(transaction=True)
def test_calls_of_an_application_arrive_with_status_route_and_customer(live_server):
    key = make_api_key(Scope.COLLECTOR)
    with moesifdjango_app(live_server.url, key) as app:
        assert (
            call_app(app, "/items/42?a=1", user_id="u1", company_id="acme", Authorization="Bearer canary-token") == 200
        )
        assert call_app(app, "/bad", user_id="u1", Cookie="session=canary-cookie") == 400
        assert call_app(app, "/broken", user_id="u2") == 500
        assert call_app(app, "/items/7") == 200
        wait_until(lambda: Event.objects.count() == 4)
    stored = {
        (
            event.fields["request"]["route"],
            event.fields["response"]["status"],
            event.user and event.user.external_id,
            event.company and event.company.external_id,
        )
        for event in Event.objects.all()
    }
    assert stored == {
        ("/items/:id", 200, "u1", "acme"),
        ("/bad", 400, "u1", None),
        ("/broken", 500, "u2", None),
        ("/items/:id", 200, None, None),
    }
    for event in Event.objects.all():
        assert timedelta() <= timezone.now() - event.time < timedelta(minutes=2)
        assert event.fields["metadata"] == {"app": "small"}
        assert event.fields["duration_ms"] >= 0
        assert event.weight == 1
        assert "canary" not in json.dumps(event.fields)


@pytest.mark.django_db(transaction=True)
def test_an_unknown_key_never_harms_the_application(live_server):
    with moesifdjango_app(live_server.url, "unknown" * 10) as app:
        assert call_app(app, "/items/1", user_id="u1") == 200
    assert not Event.objects.exists()
