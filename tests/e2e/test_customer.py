"""The page of a customer in a browser."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from ingest.columns import open_columns
from ingest.models import Customer, Event
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import (
    add_version,
    make_change,
    make_cohort,
    make_company,
    make_event,
    make_membership,
    make_user,
)

HOSTILE = "<img src=x onerror=window.ran=1> {{7*7}} \u202egnp.exe"
ADDRESS = "/customers/user/ann%2F1/"


@pytest.fixture
def ann():
    """A user with 60 events, a cohort and a profile that means harm."""
    now = timezone.now()
    company = make_company("acme", now, metadata={"name": HOSTILE})
    metadata = {"name": HOSTILE, "plan": "free", "note": "long " * 1_000, HOSTILE: HOSTILE}
    ann = make_user("ann/1", now - timedelta(days=3), company, metadata=metadata)
    for number in range(60):
        at = now - timedelta(hours=1, minutes=number)
        make_event(
            ann,
            at,
            request={"verb": "GET", "route": f"/things/{number}", "uri": "https://api.example.com/things"},
            response={"status": 500 if number == 3 else 200},
            duration_ms=12.5,
            metadata={"region": HOSTILE},
        )
    make_event(ann, now - timedelta(minutes=50), type="action", action_name="Signed Up " + HOSTILE)
    cohort = make_cohort(name="Stuck " + HOSTILE)
    make_membership(cohort)
    make_change(cohort, ann, changed_at=now - timedelta(minutes=40), because=["Because " + HOSTILE])
    make_membership(cohort, ann, version=2)
    add_version(ann, now - timedelta(minutes=30), metadata={"plan": "pro"})
    open_columns().seal(now)
    return ann


def test_everything_about_a_customer_is_shown_and_does_nothing(page_as, ann):
    page = page_as("Viewer")
    page.goto(ADDRESS)
    for words in ("Because <img src=x", "Signed Up <img", "Profile changed", "/things/0"):
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_text("49", exact=True)).to_have_count(0)
    assert "\u202e" not in page.locator("body").inner_text()
    assert page.evaluate("window.ran") is None
    expect(page.locator("[data-chart=activity-chart] canvas")).to_be_visible()


def test_a_long_value_opens(page_as, ann):
    page = page_as("Viewer")
    page.goto(ADDRESS)
    more = page.get_by_text("Show all 5,000 characters")
    more.click()
    expect(page.locator("details.long", has_text="long long")).to_contain_text("long " * 900)
    page.get_by_text("Show less").click()
    expect(more).to_be_visible()


def test_an_event_opens_by_keyboard_and_earlier_ones_follow(page_as, ann):
    page = page_as("Viewer")
    page.goto(ADDRESS)
    entry = page.locator("details.event").filter(has_text=re.compile(r"things/3\s"))
    entry.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(entry.get_by_text("All that is kept of it")).to_be_visible()
    expect(entry.get_by_text('"status"')).to_be_visible()
    expect(page.get_by_text("/things/59", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Show earlier").click()
    expect(page.get_by_text("/things/59", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Show earlier")).to_have_count(0)


def test_the_timeline_is_filtered_and_the_address_says_so(page_as, ann):
    page = page_as("Viewer")
    page.goto(ADDRESS)
    shown = page.get_by_role("navigation", name="Shown in the timeline")
    shown.get_by_role("link", name="Actions").click()
    expect(shown.get_by_role("link", name="Actions")).to_have_attribute("aria-current", "true")
    expect(page.locator("details.event")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?show=actions"))
    page.reload()
    expect(page.locator("details.event")).to_have_count(1)


def test_another_number_of_days_is_shown(page_as, ann):
    page = page_as("Viewer")
    page.goto(ADDRESS)
    page.get_by_role("button", name="90 days").click()
    expect(page.get_by_role("button", name="90 days")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("table", name="Activity per day").get_by_role("row")).to_have_count(91)
    expect(page.locator("[data-chart=activity-chart] canvas")).to_be_visible()


def test_a_company_leads_to_its_users(page_as, ann):
    page = page_as("Viewer")
    page.goto("/customers/company/acme/")
    page.get_by_role("link", name="ann/1").click()
    expect(page).to_have_url(re.compile("/customers/user/ann/1/$"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_phone(page_as, ann, scheme):
    page = page_as("Administrator")
    page.emulate_media(color_scheme=scheme)
    for address in (ADDRESS, "/customers/company/acme/"):
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(address)
        page.locator("details.event summary").first.click()
        expect(page.get_by_text("All that is kept of it")).to_be_visible()
        assert_accessible(page)
        page.set_viewport_size(PHONE)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_erasing_is_asked_twice_and_then_done(page_as, ann, guard):
    guard.allow("404|422")
    page = page_as("Administrator")
    page.goto(ADDRESS)
    page.get_by_role("button", name="Actions for ann/1").click()
    page.get_by_role("button", name="Erase this user…").click()
    dialog = page.get_by_role("dialog", name="Erase this user?")
    dialog.get_by_label("Type its id").fill("someone else")
    dialog.get_by_role("button", name="Erase for good").click()
    expect(dialog.get_by_text("That is another id.")).to_be_visible()
    assert_accessible(page)
    dialog.get_by_label("Type its id").fill("ann/1")
    dialog.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("The user is erased, with 61 events.")).to_be_visible()
    assert not Event.objects.exists()
    assert Customer.objects.get(external_id="ann/1").profile == {}
    page.goto(ADDRESS)
    expect(page.get_by_text("This user was erased")).to_be_visible()
    assert_accessible(page)


def test_an_unknown_customer_has_a_page_that_says_so(page_as, guard):
    guard.allow("404")
    page = page_as("Viewer")
    page.goto("/customers/company/nobody/")
    expect(page.get_by_text("No company has this id")).to_be_visible()
    assert_accessible(page)
