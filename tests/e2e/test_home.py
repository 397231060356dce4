"""The home page in a browser: from an empty site to a green light, by a real SDK."""

from __future__ import annotations

import subprocess

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from cohortsite.first_steps import snippets
from ingest.arrivals import record_arrivals
from ingest.columns import open_columns
from ingest.models import Customer, Event
from tests.clients.senders import Call, send_with_moesifapi
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_cohort, make_evaluation, make_event, make_subscription, make_user


@pytest.fixture
def site(settings, live_server):
    """Its address is what the snippets say."""
    settings.SITE_URL = live_server.url
    return live_server.url


def code_of(page, client):
    return page.locator(f"#code-{client}").text_content()


def test_an_empty_site_leads_from_a_key_to_a_green_light(page_as, site):
    page = page_as("Administrator")
    page.goto("/")
    light = page.locator("#first-event")
    expect(light).to_contain_text("Waiting for the first event")
    assert "YOUR_KEY" in code_of(page, "curl")
    page.get_by_role("button", name="Create a key").click()
    expect(page.get_by_text("The key is made")).to_be_visible()
    key = code_of(page, "django").partition('"APPLICATION_ID": "')[2].partition('"')[0]
    assert key.startswith("ck_live_")
    assert key in code_of(page, "browser")

    send_with_moesifapi(site, key, calls=[Call(timezone.now(), user_id="ada/1", verb="POST", status=400)])

    expect(light).to_contain_text("The first event is here")
    expect(light).to_contain_text("POST /items/:id")
    expect(page.get_by_text("Step 1, done")).to_be_attached()
    assert key in code_of(page, "curl"), "the key stays on the page"
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.wait_for_timeout(2_500)
    assert not [url for url in requests if "first-event" in url], "it asks no more"
    light.get_by_role("link", name="ada/1").click()
    expect(page.get_by_role("heading", name="ada/1")).to_be_visible()
    expect(page.get_by_text("/items/:id").first).to_be_visible()


def test_what_the_snippets_say_works_as_it_stands(page_as, site):
    page = page_as("Administrator")
    page.goto("/")
    page.get_by_role("button", name="Create a key").click()
    expect(page.get_by_text("The key is made")).to_be_visible()
    assert subprocess.run(["bash", "-c", code_of(page, "curl")], capture_output=True, check=True)
    assert record_arrivals() == Event.objects.count() == 1
    exec(compile(code_of(page, "python"), "snippet", "exec"), {})  # as the reader runs it
    record_arrivals()
    assert Event.objects.count() == 2
    assert Customer.objects.get(external_id="12345").email == "ada@example.com"


def test_the_code_of_the_browser_is_copied_whole(page_as, site):
    page = page_as("Viewer")
    page.goto("/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("Browser", exact=True).click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == {each.id: each for each in snippets(site, "", timezone.now())}["browser"].code


def test_the_client_is_chosen_by_keyboard(page_as):
    page = page_as("Viewer")
    page.goto("/")
    expect(page.locator("#code-curl")).to_be_visible()
    page.get_by_role("radio", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Python")).to_be_checked()
    expect(page.locator("#code-python")).to_be_visible()
    expect(page.locator("#code-curl")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("busy", [False, True])
def test_the_page_is_accessible_and_fits_a_phone(page_as, scheme, busy, now):
    if busy:
        at = timezone.now()
        cohort = make_cohort(name="<b>Bold</b>", evaluated_at=at, error="match: wrong " + "x" * 300)
        make_subscription(cohort=cohort)
        make_evaluation(cohort, as_of=at, added=4, removed=1)
        make_event(make_user("ann", at), at, response={"status": 500})
        open_columns().seal(at)
    page = page_as("Administrator")
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    expect(page.get_by_role("heading", name="Health" if busy else "Send an event")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
