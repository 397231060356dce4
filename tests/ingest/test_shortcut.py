"""The collector answers the same with its shortcut past the middleware as it would through all of it."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone

from ingest.collector import HEADERS
from ingest.decode import MAX_WIRE
from ingest.keys import make_key, revoke_key
from ingest.models import Arrival, Scope
from ingest.shortcut import CollectorShortcut
from tests.factories import make_api_key
from tests.ingest.items import event

pytestmark = pytest.mark.django_db
SHORTCUT = f"{CollectorShortcut.__module__}.{CollectorShortcut.__qualname__}"
TOLD = (*HEADERS, "Content-Type", "Content-Length", "WWW-Authenticate", "Retry-After", "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods", "Access-Control-Max-Age")  # fmt: skip
GOOD = json.dumps([event(user_id="u1")]).encode()


def revoked_key() -> str:
    key, text = make_key("revoked", [Scope.COLLECTOR], timezone.now())
    revoke_key(key, timezone.now())
    return text


def a_key() -> str:
    return make_api_key(Scope.COLLECTOR)


CASES = {
    "a good batch": ("POST", "/v1/events/batch", GOOD, a_key, 201),
    "a good event in a batch with bad ones": ("POST", "/v1/events", GOOD[:-1] + b", {}, 1]", a_key, 201),
    "nothing but bad ones": ("POST", "/v1/events", b"[{}, 1]", a_key, 400),
    "a body that is no JSON": ("POST", "/v1/users", b"{", a_key, 400),
    "no body": ("POST", "/v1/users", b"", a_key, 400),
    "a body that is too large": ("POST", "/v1/events", b" " * (MAX_WIRE + 1), a_key, 413),
    "no key": ("POST", "/v1/events", GOOD, str, 401),
    "a revoked key": ("POST", "/v1/events", GOOD, revoked_key, 401),
    "a key for something else": ("POST", "/v1/events", GOOD, lambda: make_api_key(Scope.READ), 403),
    "a method that is not there": ("DELETE", "/v1/events", b"", a_key, 405),
    "a reader": ("GET", "/v1/events", b"", a_key, 405),
    "a browser that asks first": ("OPTIONS", "/v1/events", b"", str, 200),
    "the configuration": ("GET", "/v1/config", b"", str, 200),
    "another protocol": (
        "POST",
        "/v1/batch",
        b'{"batch": [{"type": "track", "event": "A", "userId": "u"}]}',
        a_key,
        200,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_answers_and_what_is_kept_are_the_same_with_and_without_it(case, settings):
    method, path, body, key, status = CASES[case]
    headers = {"X-Moesif-Application-Id": key(), "Origin": "https://shop.test"}
    assert settings.MIDDLEWARE[0] == SHORTCUT
    seen = []
    for middleware in (settings.MIDDLEWARE, settings.MIDDLEWARE[1:]):
        settings.MIDDLEWARE = middleware
        answer = Client(enforce_csrf_checks=True).generic(method, path, body, "application/json", headers=headers)
        told = {name: answer.get(name) for name in TOLD}
        kept = Arrival.objects.values_list("items", flat=True)
        seen.append((answer.status_code, answer.content, told, list(kept)))
        Arrival.objects.all().delete()
    assert seen[0] == seen[1]
    assert seen[0][0] == status
    assert bool(seen[0][3]) == (status in (200, 201) and method == "POST")


@pytest.mark.parametrize("path", ["/", "/v1/events/", "/v1/nowhere", "/v1/eventsx", "//v1/events", "/admin/"])
def test_other_addresses_go_through_all_of_it(client, path):
    """So that nobody gets past the login by an address that looks like the collector's."""
    answer = client.get(path)
    assert answer.status_code in (302, 404)
    assert "Content-Security-Policy" in answer
    assert "Content-Security-Policy" not in client.get("/v1/config")
