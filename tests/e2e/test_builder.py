"""The criteria builder, used as people use it."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from ingest.columns import open_columns
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_company, make_event, make_user

pytestmark = pytest.mark.usefixtures("with_styles", "traffic")

STANDING = {
    "all": [
        {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
        {
            "performed": {"type": "api_call", "where": {"field": "response.status", "op": "is", "value": 400}},
            "at_least": 1,
            "within": {"calendar": "today"},
        },
    ]
}
HOSTILE = ["<script>alert(1)</script>", "{{7*7}}", "\u202egnp.exe", "x" * 5000, "\"'><img src=x onerror=alert(1)>"]


@pytest.fixture
def traffic(transactional_db):
    now = timezone.now()
    acme = make_company("acme", now, metadata={"seats": 12})
    for number, plan in enumerate(["enterprise", "enterprise", "enterprise", "free", "<script>alert(1)</script>"]):
        user = make_user(f"u{number}", now, acme, metadata={"plan": plan, "logins": number, "trial": number < 2})
        make_event(
            user, now, request={"verb": "POST", "route": "/reviews/"}, response={"status": 400 if number else 200}
        )
    open_columns().seal(timezone.now())


@pytest.fixture
def page_with(page_as):
    def open_page(match=None, kind="user") -> Page:
        page = page_as("Analyst")
        criteria = {"criteria": json.dumps({"version": 1, "match": match})} if match is not None else {}
        page.goto(f"/builder-page/{kind}/?{urlencode(criteria)}")
        return page

    return open_page


def definition(page: Page) -> dict | None:
    text = page.locator("#definition [name=criteria]").input_value()
    return json.loads(text)["match"] if text else None


def settle(page: Page) -> None:
    """Wait until the builder has answered."""
    page.wait_for_load_state("networkidle")
    expect(page.locator("#builder.htmx-request, #builder-typed.htmx-request")).to_have_count(0)


def row(page: Page, number: int):
    return page.get_by_role("group", name=f"Condition {number}", exact=True)


def options(page: Page):
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def choose(page: Page, box, text: str) -> None:
    """Pick from a combobox."""
    box.click()
    box.fill(text)
    options(page).filter(has_text=text).first.click()
    settle(page)


def test_the_standing_example_is_built_by_clicking(page_with):
    page = page_with()
    expect(page.locator("#builder-words")).to_contain_text("everybody")
    page.get_by_role("button", name="Where", exact=True).click()
    expect(page.get_by_role("combobox", name="Field")).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Not finished: Choose a field.")).to_be_visible()
    choose(page, page.get_by_role("combobox", name="Field"), "First seen")
    expect(row(page, 1).get_by_label("Operator")).to_have_value("on")
    expect(page.locator("#builder-words")).to_have_text("Users: first seen today")

    page.get_by_role("button", name="Who performed").click()
    performed = row(page, 2)
    expect(performed.get_by_label("Type of event")).to_have_value("api_call")
    performed.get_by_role("button", name="Event where").click()
    where = page.get_by_role("group", name="Event condition 1")
    choose(page, where.get_by_role("combobox", name="Field"), "Response status")
    status = where.get_by_role("combobox", name="Number")
    status.click()
    expect(options(page).first).to_have_text("400(4)")
    options(page).first.click()
    performed.get_by_label("Window of time").select_option("today")
    expect(page.locator("#builder-words")).to_contain_text(
        "first seen today, and performed API Call where response.status is 400 at least 1 time today"
    )
    assert definition(page) == STANDING
    expect(page.locator("#follows")).to_contain_text('"at_least":1,"within":{"calendar":"today"}}]}')
    assert_accessible(page)
