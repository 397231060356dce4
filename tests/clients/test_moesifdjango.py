"""The published Django middleware, inside a real application, against a live site."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from cohortsite.pipeline import run_cycle
from ingest.models import Event, Scope
from notifications.batching import subscribe
from tests.factories import make_api_key, make_channel, make_cohort

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "whsec_" + "c2VjcmV0" * 4
SERVER_ERRORS = {
    "version": 1,
    "match": {
        "performed": {"type": "api_call", "where": {"field": "response.status", "op": ">=", "value": 500}},
        "at_least": 1,
        "within": {"last": "1d"},
    },
}


@pytest.fixture
def shop(live_server) -> Iterator[str]:
    """The address of a small application whose middleware reports to the live site."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [str(port), live_server.url, make_api_key(Scope.COLLECTOR)]
    program = [sys.executable, str(Path(__file__).parent / "shop.py"), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def call(shop: str, path: str) -> int:
    headers = {"X-User": "u-1", "X-Company": "acme", "Authorization": "Bearer hush-hush", "Cookie": "session=hush"}
    return requests.get(f"{shop}{path}", headers=headers, timeout=20).status_code


def wait_for_events(count: int) -> list[Event]:
    """The stored events, once there are as many: the middleware sends in the background."""
    deadline = time.monotonic() + 30
    while Event.objects.count() < count and time.monotonic() < deadline:
        time.sleep(0.1)
    return list(Event.objects.select_related("user", "company").order_by("time", "id"))


def test_the_middleware_reports_calls_and_the_cohort_is_told(shop, receiver):
    start = datetime.now(UTC)
    cohort = make_cohort(name="Hit a 500", criteria=SERVER_ERRORS, created_at=start)
    run_cycle(start)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=start)

    assert [call(shop, path) for path in ("/orders/42", "/bad", "/broken")] == [200, 400, 500]

    events = wait_for_events(3)
    assert [event.fields["response"]["status"] for event in events] == [200, 400, 500]
    assert {(event.user.external_id, event.company.external_id) for event in events} == {("u-1", "acme")}
    assert events[0].fields["request"]["route"] == "/orders/:id"
    assert "hush" not in str([event.fields for event in events])

    run_cycle(datetime.now(UTC) + timedelta(minutes=15))
    [request] = receiver.requests
    [added] = request.verified(SECRET)["added"]
    assert (added["user_id"], added["reason"]) == ("u-1", "behavior")
    assert added["because"] == ["API Call where response.status is at least 500: 1 time in the last 1 day (at least 1)"]
