"""Routes that are made of addresses: so many and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest import known_routes
from ingest.known_routes import FORGOTTEN_AFTER, forget_routes
from ingest.models import Event, Route
from ingest.packing import pack, unpack
from ingest.parse import parse_action, parse_event
from ingest.record import record
from tests.ingest.items import action, event

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def two_at_most(monkeypatch):
    monkeypatch.setattr(known_routes, "MOST", 2)


def called(now, *paths: str, **request: str) -> list[str]:
    """Record calls of these paths in one go, as they come from the inbox; returns the routes that are stored."""
    before = Event.objects.count()
    calls = [
        parse_event(event(transaction_id=f"{before} {place}", request={"uri": f"//acme.test{path}", **request}), now)
        for place, path in enumerate(paths)
    ]
    [piece] = pack(calls)
    record(unpack(piece.content))
    return [stored.fields["request"]["route"] for stored in Event.objects.order_by("pk")[before:]]


def test_routes_beyond_the_limit_are_others(now):
    assert called(now, "/a/1", "/users/alice") == ["/a/:id", "/users/alice"]
    assert called(now, "/users/bob", "/a/2", "/users/alice") == ["(other routes)", "/a/:id", "/users/alice"]
    assert Event.objects.get(fields__request__route="(other routes)").fields["request"]["uri"].endswith("/users/bob")


def test_one_request_cannot_bring_more_than_there_is_room_for(now):
    routes = called(now, *(f"/users/name-{number}" for number in range(1000)))
    assert len(set(routes)) == 3
    assert routes.count("(other routes)") == 998
    assert Route.objects.count() == 2


def test_routes_that_senders_give_are_taken_as_they_are(now):
    for name in "abc":
        assert called(now, f"/users/{name}", route=f"/{name}") == [f"/{name}"]
    assert not Route.objects.exists()


def test_actions_have_routes_too(now):
    record([parse_action(action(request={"uri": f"https://shop.test/{page}"}), now) for page in "abc"])
    routes = [stored.fields["request"]["route"] for stored in Event.objects.order_by("pk")]
    assert routes == ["/a", "/b", "(other routes)"]


def test_a_route_is_seen_on_the_last_day_it_was_called(now):
    for day in (now, now + DAY, now - DAY):
        assert called(day, "/a") == ["/a"]
    assert Route.objects.get().seen_on == (now + DAY).date()


def test_a_route_that_nobody_calls_any_more_makes_room(now):
    called(now, "/old", "/kept")
    later = now + FORGOTTEN_AFTER
    called(later, "/kept")
    forget_routes(later)
    assert called(later, "/late") == ["(other routes)"]
    forget_routes(later + DAY)
    assert called(later + DAY, "/new") == ["/new"]
    assert set(Route.objects.values_list("path", flat=True)) == {"/kept", "/new"}
