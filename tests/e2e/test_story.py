"""The whole story in a browser: build a cohort, subscribe a channel, send an event, and see who is told and why."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from moesifapi.configuration import Configuration
from moesifapi.models import EventModel, EventRequestModel, EventResponseModel, UserModel
from moesifapi.moesif_api_client import MoesifAPIClient
from playwright.sync_api import Locator, Page, expect

from cohortsite.pipeline import run_cycle
from ingest.columns import open_columns
from ingest.models import Scope
from tests.e2e.accessibility import assert_accessible
from tests.factories import make_api_key, make_event, make_user
from tests.receivers import Answer

WORDS = "first seen today, and performed API Call where response.status is 400 at least 1 time today"
MINUTES = timedelta(minutes=15)


@pytest.fixture
def now() -> datetime:
    """The clock's time: the browser, the site and the published client live by it."""
    return datetime.now(UTC)


@pytest.fixture
def zone(now) -> str:
    """Where it is about noon, so that today lasts until the test is over."""
    return f"Etc/GMT{now.hour - 12:+d}"


@pytest.fixture
def customers(transactional_db, now):
    """One who came today, one who came long ago; both met a 400 today."""
    for name, first in (("Ada", now), ("Old", now - timedelta(days=30))):
        user = make_user(f"u-{name.lower()}", first, metadata={"name": name})
        make_event(user, first, response={"status": 200})
        make_event(user, now, response={"status": 400})
    open_columns().seal(now)


@pytest.fixture
def api(live_server):
    """The published Python client, with only its address and key set."""
    address = Configuration.BASE_URI
    Configuration.BASE_URI = live_server.url
    yield MoesifAPIClient(make_api_key(Scope.COLLECTOR)).api
    Configuration.BASE_URI = address


def test_from_criteria_to_a_notification_that_says_why(page_as, customers, api, receiver, now, zone):
    page = page_as("Operator")
    page.goto(f"/users/?time_zone={zone.replace('+', '%2B')}")
    build(page)
    expect(page.locator("#lookup-count")).to_have_text("1 user found of 2")
    save(page, "New today, and hit a 400")
    run_cycle(now)
    receiver.always = Answer(200, "thank you")
    secret = subscribe(page, receiver.url)
    [test] = receiver.requests
    assert test.json["test"] is True

    api.update_user(UserModel(user_id="u-grace", metadata={"name": "Grace", "email": "grace@acme.test"}))
    api.create_event(call_of("u-grace", now, 400))
    run_cycle(datetime.now(UTC) + MINUTES)  # when the period of the subscription is over

    told = receiver.requests[-1].verified(secret)
    assert [entry["name"] for entry in told["added"]] == ["Grace"]
    page.get_by_role("link", name="New today, and hit a 400").click()
    member = page.get_by_role("row", name=re.compile("u-grace"))
    expect(member).to_contain_text("API Call where response.status is 400: 1 time today (at least 1)")
    assert_accessible(page)
    page.get_by_role("link", name="Deliveries").click()
    delivery = page.get_by_role("row", name=re.compile("New today, and hit a 400"))
    expect(delivery).to_contain_text("delivered")
    delivery.get_by_role("link").first.click()
    expect(page.locator("#delivery-content")).to_contain_text("Grace")
    page.goto(told["added"][0]["url"].replace("http://testserver", ""))
    expect(page.get_by_role("heading", name="Grace").first).to_be_visible()
    expect(page.get_by_text("New today, and hit a 400").first).to_be_visible()


def build(page: Page) -> None:
    """The criteria of WORDS, by clicking."""
    page.get_by_role("button", name="Where", exact=True).click()
    choose(page, page.get_by_role("combobox", name="Field"), "First seen")
    page.get_by_role("button", name="Who performed").click()
    performed = page.get_by_role("group", name="Condition 2", exact=True)
    performed.get_by_role("button", name="Event where").click()
    where = page.get_by_role("group", name="Event condition 1")
    choose(page, where.get_by_role("combobox", name="Field"), "Response status")
    choose(page, where.get_by_role("combobox", name="Number"), "400")
    performed.get_by_label("Window of time").select_option("today")
    expect(page.locator("#builder-words")).to_contain_text(WORDS)


def choose(page: Page, box: Locator, text: str) -> None:
    """Pick from a combobox, and wait until the builder has answered."""
    box.click()
    box.fill(text)
    page.get_by_role("listbox", name="Suggestions").get_by_role("option").filter(has_text=text).first.click()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#builder.htmx-request, #builder-typed.htmx-request")).to_have_count(0)


def save(page: Page, name: str) -> None:
    """Save what is built, and go on to the saved cohorts."""
    page.get_by_role("button", name="Save cohort").click()
    dialog = page.get_by_role("dialog", name="Save cohort")
    expect(dialog).to_contain_text(WORDS)
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("button", name="Save cohort").click()
    page.locator("#saved-cohort").get_by_role("link", name="saved cohorts").click()
    expect(page.get_by_role("link", name=name)).to_be_visible()


def subscribe(page: Page, url: str) -> str:
    """Press the plus, make a webhook in place, read its JSON, send a test; returns the channel's secret."""
    page.reload()
    page.get_by_role("button", name="Notify a channel of").click()
    dialog = page.get_by_role("dialog", name="Notify a channel")
    dialog.get_by_role("radio", name="Webhook").check()
    dialog.get_by_role("textbox", name="Name").fill("Backend")
    dialog.get_by_label("URL").fill(url)
    example = dialog.locator("#notification-json")
    expect(example).to_contain_text("Ada")
    assert json.loads(example.text_content() or "")["cohort"]["name"] == "New today, and hit a 400"
    dialog.get_by_role("button", name="Send a test").click()
    tested = dialog.get_by_role("status").filter(has_text="The test arrived: 200")
    expect(tested).to_be_visible()
    expect(tested).not_to_contain_text("thank you")  # what a receiver answers is for administrators
    dialog.get_by_role("button", name="Subscribe").click()
    ready = page.get_by_role("dialog", name="Backend is ready")
    secret = ready.locator("#channel-secret").text_content() or ""
    ready.get_by_role("button", name="I have copied it").click()
    return secret


def call_of(user: str, at: datetime, status: int) -> EventModel:
    return EventModel(
        request=EventRequestModel(time=at.isoformat(), uri="https://api.acme.test/items/7", verb="POST", headers={}),
        response=EventResponseModel(time=at.isoformat(), status=status, headers={}),
        user_id=user,
    )
