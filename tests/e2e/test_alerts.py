"""Alert rules in a browser: the whole story from building one to its end, and pages that everybody can use."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from moesifapi.configuration import Configuration
from moesifapi.models import EventModel, EventRequestModel, EventResponseModel
from moesifapi.moesif_api_client import MoesifAPIClient
from playwright.sync_api import Page, expect

from cohortsite.pipeline import run_cycle
from ingest.columns import open_columns
from ingest.models import Scope
from notifications.alerts.models import AlertRule
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.e2e.test_story import choose
from tests.factories import make_api_key, make_channel, make_company, make_event, make_user
from tests.notifications.alerts.rows import OVER_100, make_alert, make_maintenance, make_rule

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GRACE = timedelta(minutes=2)
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
def now() -> datetime:
    """The clock's time: the browser, the site and the published client live by it."""
    return datetime.now(UTC)


@pytest.fixture
def traffic(transactional_db, now):
    """Good calls of Ada through the last days; yesterday one of ten failed."""
    ada = make_user("ada", now - timedelta(days=9), make_company("acme", now - timedelta(days=9)))
    for back in range(1, 41):
        failed = back == 24
        make_event(ada, now - back * HOUR, response={"status": 500 if failed else 200}, weight=10)
    open_columns().seal(now)


@pytest.fixture
def api(live_server):
    """The published Python client, with only its address and key set."""
    address = Configuration.BASE_URI
    Configuration.BASE_URI = live_server.url
    yield MoesifAPIClient(make_api_key(Scope.COLLECTOR)).api
    Configuration.BASE_URI = address


def calls(at: datetime, status: int, count: int = 5) -> list[EventModel]:
    times = [(at + timedelta(milliseconds=number)).isoformat() for number in range(count)]
    return [
        EventModel(
            request=EventRequestModel(time=time, uri="https://api.acme.test/items/7", verb="POST", headers={}),
            response=EventResponseModel(time=time, status=status, headers={}),
            user_id="grace",
        )
        for time in times
    ]


def test_from_a_rule_to_an_alert_that_arrives_and_resolves(page_as, traffic, api, receiver, mailbox, now):
    make_channel(name="Backend", config={"url": receiver.url, "secret": SECRET})
    make_channel("email", name="On call", config={"recipients": ["oncall@acme.test"]})
    page = page_as("Operator")
    build(page)
    save(page)
    expect(page.get_by_role("heading", name="Too many errors")).to_be_visible()
    assert AlertRule.objects.get().definition["every"] == "1m"

    burst = datetime.now(UTC)
    minute = burst.replace(second=0, microsecond=0)
    api.create_events_batch(calls(burst, 503))
    run_cycle(minute + MINUTE + GRACE)
    opened = receiver.requests[-1].verified(SECRET)
    assert opened["type"] == "alert.opened"
    assert [alert["value"] for alert in opened["alerts"]] == [1.0]
    assert "image/png" in [part.get_content_type() for part in mailbox.mails[-1].message.walk()]

    page.goto(opened["alerts"][0]["url"].replace("http://testserver", ""))
    expect(page.locator(".alert-sentence")).to_have_text("Expected at most 5%, saw 100%")
    expect(page.locator("#main").get_by_role("link", name="grace")).to_be_visible()
    expect(page.locator(".chart canvas")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("What you found").fill("The database was full")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("The database was full")).to_be_visible()
    page.get_by_role("link", name="Save as a cohort").first.click()
    expect(page.locator("#lookup-count")).to_contain_text("1 user found")
    expect(page.locator("#results").get_by_role("link", name="grace")).to_be_visible()

    api.create_events_batch(calls(minute + MINUTE, 200))
    run_cycle(minute + 2 * MINUTE + GRACE)
    assert receiver.requests[-1].verified(SECRET)["type"] == "alert.resolved"
    page.goto("/alerts/")
    expect(page.get_by_role("row", name=re.compile("Too many errors"))).to_contain_text("resolved")


def build(page: Page) -> None:
    """A rule on the share of calls that failed, by clicking; its past is shown meanwhile."""
    page.goto("/alert-rules/")
    page.get_by_role("link", name="New rule").first.click()
    page.get_by_label("What is measured").select_option("ratio")
    expect(page.locator("#builder-open")).to_contain_text("Choose a field")
    expect(page.get_by_role("button", name="Save rule")).to_be_disabled()
    where = page.get_by_role("group", name="Event condition 1")
    choose(page, where.get_by_role("combobox", name="Field"), "Response status")
    where.get_by_label("Operator").select_option(">=")
    where.get_by_label("Number").fill("500")
    page.get_by_role("combobox", name="Condition", exact=True).select_option("static")
    expect(page.get_by_label("Comparison")).to_be_visible()
    page.get_by_label("Number", exact=True).last.fill("0.05")
    expect(page.locator("#builder-words")).to_contain_text("per hour is more than 5%")
    expect(page.locator("#trial")).to_contain_text("Would have alerted 1 time in the last 30 days.")
    expect(page.locator("#trial .chart canvas")).to_be_visible()
    page.get_by_label("Length of an interval").select_option("1m")
    expect(page.locator("#builder-words")).to_contain_text("per minute is more than 5%")
    assert_accessible(page)


def save(page: Page) -> None:
    """Name it, choose whom it tells, and look at what they will get."""
    page.get_by_role("button", name="Save rule").click()
    dialog = page.get_by_role("dialog", name="Save alert rule")
    dialog.get_by_label("Name").fill("Too many errors")
    dialog.get_by_role("checkbox", name=re.compile("Backend")).check()
    dialog.get_by_role("checkbox", name=re.compile("On call")).check()
    expect(dialog.locator("#notification-json")).to_contain_text('"name": "Too many errors"')
    dialog.locator(".looks").get_by_text("Email").click()
    mail = page.frame_locator("iframe[title='The mail as it will look']")
    expect(mail.get_by_role("img").first).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("button", name="Send a test").click()
    expect(dialog.get_by_text("Backend: the test arrived: 200")).to_be_visible()
    expect(dialog.get_by_text("On call: the test arrived")).to_be_visible()
    dialog.get_by_role("button", name="Save rule").click()


@pytest.fixture
def site(transactional_db, traffic, now):
    """A rule with an open alert, another that is paused, and a window of maintenance."""
    rule = make_rule(make_channel(name="Backend"), name="Many calls", now=now - timedelta(days=3), due_at=now)
    make_rule(name="Paused", paused_at=now, definition={**OVER_100, "group_by": ["company_id"]})
    make_maintenance(rule, start=now, end=now + HOUR, reason="Migration")
    hour = now.replace(minute=0, second=0, microsecond=0)
    return make_alert(rule, opened_at=hour, group_key="[]")


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", {"width": 1360, "height": 860}), ("dark", PHONE)], ids=["wide", "narrow"]
)
def test_every_page_and_dialog_is_accessible_and_fits(page_as, site, scheme, size):
    page = page_as("superuser")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(size)
    rule = f"/alert-rules/{site.rule_id}/"
    addresses = ["/alert-rules/", rule, f"{rule}edit/", "/alerts/", f"/alerts/{site.pk}/", "/maintenance/", "/"]
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"], address
    for address, button in ((rule, "Notifications"), (f"/alerts/{site.pk}/", "Snooze"), ("/maintenance/", "Edit")):
        page.goto(address)
        page.get_by_role("button", name=button).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert_accessible(page)


def test_what_was_chosen_meanwhile_wins_over_a_trial_under_way(page_as, traffic):
    page = page_as("Analyst")
    rule = {**OVER_100, "condition": {"static": {"op": ">", "value": 5}}}
    page.goto(f"/alert-rules/new/?criteria={json.dumps(rule)}")
    number = page.get_by_label("Number", exact=True)
    for value in ("50", "500", "9"):
        number.fill(value)
    expect(page.locator("#trial")).to_contain_text("expected at most 9")
    page.get_by_role("button", name="for each …").click()
    expect(page.get_by_role("combobox", name="Group by")).to_be_focused()
    choose(page, page.get_by_role("combobox", name="Group by"), "Company ID")
    expect(page.locator("#trial")).to_contain_text("Drawn: acme")
