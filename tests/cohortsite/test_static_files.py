"""Files under hashed names, as in production, without anything being collected first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.templatetags.static import static
from django.test import Client

from cohortsite.static_files import hashed_name
from tests.factories import make_person

pytestmark = pytest.mark.django_db
HASHED = re.compile(r"\.[0-9a-f]{12}\.(css|js)$")
FOR_EVER = "max-age=315360000, public, immutable"


@pytest.fixture(autouse=True)
def _as_in_production(settings):
    backend = {"BACKEND": "cohortsite.static_files.HashedNames"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}


def fetch(client, address):
    """The answer, read to its end; `body` is what it holds."""
    answer = client.get(address)
    answer.body = answer.getvalue()
    answer.close()
    return answer


def test_the_name_holds_a_hash_of_the_content_and_is_served_for_good(client):
    address = static("cohortsite/site.css")
    assert HASHED.search(address)
    answer = fetch(client, address)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == FOR_EVER
    assert b".card" in answer.body


def test_a_changed_file_gets_another_name(tmp_path):
    file = tmp_path / "site.css"
    file.write_text("a {}")
    before = hashed_name("site.css", str(file))
    file.write_text("b {}")
    assert hashed_name("site.css", str(file)) != before


def test_an_old_hash_is_not_answered_with_new_content(client):
    client.force_login(make_person())
    address = HASHED.sub(r".000000000000.\1", static("cohortsite/site.css"))
    assert fetch(client, address).status_code == 404


def test_what_has_no_hash_is_kept_for_an_hour(client):
    address = static("unfold/fonts/inter/Inter-Regular.woff2")
    assert fetch(client, address)["Cache-Control"] == "max-age=3600, public"


@pytest.mark.parametrize("page", ["/", "/login/", "/admin/", "/nowhere/"])
def test_everything_that_a_page_asks_for_is_there(page):
    client = Client()
    if page != "/login/":
        client.force_login(make_person())
    text = client.get(page).content.decode()
    asked = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    assert len(asked) > 8
    for address in asked:
        assert fetch(client, address).status_code == 200, address
        assert not address.endswith((".css", ".js")) or HASHED.search(address), address


def test_what_a_stylesheet_refers_to_is_there(client):
    for name in ("unfold/fonts/inter/styles.css", "unfold/fonts/material-symbols/styles.css"):
        folder = static(name).rpartition("/")[0]
        references = re.findall(rb"url\(\"?([^)\"]+)", fetch(client, static(name)).body)
        assert references
        for reference in references:
            assert fetch(client, f"{folder}/{reference.decode()}").status_code == 200


def test_collecting_writes_the_same_names(settings, tmp_path):
    settings.STATIC_ROOT = str(tmp_path / "collected")
    call_command("collectstatic", interactive=False, verbosity=0)
    for name in ("cohortsite/site.css", "unfold/js/app.js"):
        address = static(name).removeprefix("/static/")
        assert Path(settings.STATIC_ROOT, address).read_bytes() == Path(settings.STATIC_ROOT, name).read_bytes()


def test_the_page_of_a_fault_stands_without_a_session(monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(make_person())

    def fail():
        raise RuntimeError("the fault")

    monkeypatch.setattr("cohortsite.first_steps.steps", fail)
    answer = client.get("/")
    assert answer.status_code == 500
    text = answer.content.decode()
    assert "Something went wrong" in text
    assert "the fault" not in text
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        assert fetch(client, address).status_code == 200, address
