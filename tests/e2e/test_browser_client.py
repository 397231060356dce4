"""The published browser client in a real page of another origin, with the code that docs/sdks.md shows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.utils import timezone

from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind, Event, Scope
from tests.clients.senders import wait_until
from tests.clients.snippets import node_modules, snippet
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db(transaction=True)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args) -> None:
        pass


@contextmanager
def shop(folder: Path) -> Iterator[str]:
    """The files of the folder as a site of their own; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_visitor_is_collected_and_becomes_the_user_who_signs_in(new_context, live_server, tmp_path):
    code = snippet("html", "moesif.init").replace("KEY", make_api_key(Scope.COLLECTOR))
    script = (node_modules() / "moesif-browser-js" / "moesif.min.js").read_bytes()
    (tmp_path / "moesif.min.js").write_bytes(script)
    (tmp_path / "index.html").write_text(
        "<!doctype html>" + code.replace("cohorts.example.com", live_server.url.removeprefix("http://"))
    )
    failed: list[str] = []
    page = new_context().new_page()
    page.on("requestfailed", lambda request: failed.append(f"{request.url}: {request.failure}"))
    page.on("console", lambda message: failed.append(message.text) if message.type == "error" else None)
    with shop(tmp_path) as address:
        page.goto(address)
        merged = Customer.objects.filter(merged_into__external_id="12345")
        wait_until(lambda: page.wait_for_timeout(50) or (merged.exists() and Event.objects.exists()), 30)
        wait_until(lambda: page.wait_for_timeout(50) or Customer.objects.filter(kind="company").exists(), 30)
    assert [line for line in failed if "favicon" not in line and "404" not in line] == []
    assert set(Event.objects.values_list("fields__action_name", flat=True)) >= {"Viewed Pricing"}
    user = Customer.objects.get(external_id="12345")
    assert user.email == "ada@example.com"
    now = timezone.now()
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert list(snapshot.universe(CustomerKind.USER)) == [user.pk]
