"""Every published client, with the very code that docs/sdks.md shows: only the address is another."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from ingest.models import Customer, Event, Scope
from tests.clients.senders import wait_until
from tests.clients.snippets import running, snippet
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "https://cohorts.example.com"

SITE = """
class User:
    company_id = "67890"
    def get_username(self):
        return "12345"

def sign_in(get_response):
    def answer(request):
        request.user = User()
        return get_response(request)
    return answer

MIDDLEWARE = ["__main__.sign_in"]
"""
CALL_SITE = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

urlpatterns = [path("orders/<int:id>", lambda request, id: JsonResponse({"id": id}))]
settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="site", ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE,
                   MOESIF_MIDDLEWARE=MOESIF_MIDDLEWARE)
application = get_wsgi_application()
"""
CALL_WSGI = """
from wsgiref.util import setup_testing_defaults
environ = {"PATH_INFO": "/orders/42", "HTTP_X_USER": "12345", "HTTP_X_COMPANY": "67890",
           "HTTP_AUTHORIZATION": "Bearer canary", "QUERY_STRING": "a=1", "REMOTE_ADDR": "203.0.113.9"}
setup_testing_defaults(environ)
list(application(environ, lambda *args: None))
import time
time.sleep(60)
"""
CALL_ASGI = """
from starlette.testclient import TestClient
headers = {"x-user": "12345", "x-company": "67890", "Authorization": "Bearer canary"}
print(TestClient(app).get("/orders/42?a=1", headers=headers).status_code)
import time
time.sleep(60)
"""
CALL_EXPRESS = """
const server = app.listen(0, () => fetch(`http://127.0.0.1:${server.address().port}/orders/42?a=1`, {
  headers: { "x-user": "12345", "x-company": "67890", authorization: "Bearer canary", cookie: "canary=1" },
}));
"""


@dataclass(frozen=True)
class Client:
    """A snippet, told by a text in it, what stands before it in the app, what is done with the app that it makes, and
    what it says of whom."""

    language: str
    containing: str
    then: str = ""
    before: str = ""
    said: tuple[tuple[str, str, str], ...] = ()
    "(kind of customer, place in its profile, value)"


PLAN = ("user", "metadata.plan", "free")
SUBSCRIBED = ("company", "subscription.status", "active")
CALLS = {
    "moesifapi for Python": Client("python", "MoesifAPIClient", said=(PLAN, SUBSCRIBED)),
    "moesifdjango": Client("python", "moesifdjango", CALL_SITE + CALL_WSGI, before=SITE),
    "moesifwsgi": Client("python", "moesifwsgi", CALL_WSGI),
    "moesifasgi": Client("python", "moesifasgi", CALL_ASGI),
    "OpenTelemetry": Client("python", "OTLPSpanExporter"),
    "moesif-nodejs": Client("js", "moesif-nodejs", CALL_EXPRESS),
    "moesifapi for Node": Client("js", 'require("moesifapi")', said=(PLAN,)),
}
TRACKERS = {
    "segment-analytics-python": Client("python", "segment.analytics"),
    "@segment/analytics-node": Client("js", "@segment/analytics-node"),
    "@rudderstack/rudder-sdk-node": Client("js", "rudder-sdk-node"),
}


def code_of(client: Client, address: str) -> str:
    return client.before + snippet(client.language, client.containing).replace(ADDRESS, address) + client.then


def profile_of(kind: str, path: str) -> object:
    """What is known of the one customer of the kind, at a path."""
    found = Customer.objects.filter(kind=kind).first()
    value = found.profile if found else {}
    for name in path.split("."):
        value = value.get(name, {})
    return value


@pytest.mark.parametrize("name", CALLS)
def test_calls_arrive_with_route_status_and_who_called(live_server, tmp_path, name):
    client, key = CALLS[name], make_api_key(Scope.COLLECTOR)
    with running(client.language, code_of(client, live_server.url), key, tmp_path):
        wait_until(Event.objects.exists, 60)
        wait_until(lambda: all(profile_of(kind, path) == value for kind, path, value in client.said), 60)
    event = Event.objects.get()
    assert (event.user.external_id, event.company.external_id, event.weight) == ("12345", "67890", 1)
    assert event.fields["request"]["route"] in ("/orders/:id", "/orders/{id}")
    assert event.fields["request"]["verb"] in ("GET", "POST")
    assert event.fields["response"]["status"] in (200, 400)
    assert event.fields["duration_ms"] >= 0
    assert "canary" not in json.dumps(event.fields)


@pytest.mark.parametrize("name", TRACKERS)
def test_items_of_segment_clients_become_users_companies_and_actions(live_server, tmp_path, name):
    client, key = TRACKERS[name], make_api_key(Scope.COLLECTOR)
    with running(client.language, code_of(client, live_server.url), key, tmp_path):
        wait_until(Event.objects.exists, 60)
        wait_until(lambda: profile_of("company", "metadata.name") == "Example", 60)
        wait_until(lambda: Customer.objects.filter(kind="user", company__external_id="67890").exists(), 60)
    event = Event.objects.get()
    assert (event.fields["action_name"], event.user.external_id) == ("Order Completed", "12345")
    assert event.fields["metadata"] == {"total": 42}
    assert event.fields["transaction_id"]
    assert profile_of("user", "metadata") == {"email": "ada@example.com", "plan": "free"}
