"""The criteria builder, used as people use it."""

from __future__ import annotations

import json
import re
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


def expect_definition(page: Page, match: dict | None) -> None:
    """What the builder says of the definition, as soon as it says it."""
    for _ in range(50):
        if definition(page) == match:
            return
        page.wait_for_timeout(100)
    assert definition(page) == match


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
    expect_definition(page, STANDING)
    expect(page.locator("#follows")).to_contain_text('"at_least":1,"within":{"calendar":"today"}}]}')
    assert_accessible(page)


def test_nested_groups_alternatives_and_nots_are_built_and_taken_apart(page_with):
    page = page_with({"field": "email", "op": "exists"})
    page.get_by_role("button", name="Or: an alternative to condition 1").click()
    settle(page)
    expect(page.get_by_role("combobox", name="Field").nth(1)).to_be_focused()
    choose(page, page.get_by_role("combobox", name="Field").nth(1), "metadata.plan")
    page.get_by_role("button", name="Not: turn condition 2 around").click()
    settle(page)
    expect(page.get_by_role("button", name="Not: turn condition 2 around")).to_be_focused()
    expect(page.get_by_role("button", name="Not: turn condition 2 around")).to_have_attribute("aria-pressed", "true")
    choose(page, page.get_by_role("combobox", name="Value", exact=True), "enterprise")
    page.get_by_role("button", name="And group").click()
    settle(page)
    choose(page, page.get_by_role("combobox", name="Field").nth(2), "Last seen")
    plan = {"field": "metadata.plan", "op": "is", "value": "enterprise"}
    seen = {"field": "last_seen_time", "op": "on", "value": {"calendar": "today"}}
    expect_definition(page, {"any": [{"field": "email", "op": "exists"}, {"not": plan}, {"all": [seen]}]})
    page.get_by_label("How many of these conditions must hold").first.select_option("all")
    settle(page)
    assert "all" in (definition(page) or {})
    for _ in range(3):
        page.get_by_role("button", name="Remove condition 1").first.click()
        settle(page)
    expect_definition(page, None)
    expect(page.locator("#builder-words")).to_have_text("Users: everybody")


def test_a_definition_is_built_with_the_keyboard_alone(page_with):
    page = page_with()
    press = page.keyboard.press
    page.get_by_role("button", name="Where", exact=True).focus()
    press("Enter")
    field = page.get_by_role("combobox", name="Field")
    expect(field).to_be_focused()
    page.keyboard.type("metadata.plan")
    expect(options(page)).to_have_count(1)
    press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "builder-option-1")
    press("Enter")
    settle(page)
    expect(field).to_be_focused()
    expect(field).to_have_value("metadata.plan")
    expect(options(page)).to_have_count(0)
    press("Tab")
    expect(page.get_by_label("Operator")).to_be_focused()
    press("ArrowDown")
    settle(page)
    expect(page.get_by_label("Operator")).to_be_focused()
    press("Tab")
    value = page.get_by_role("combobox", name="Value", exact=True)
    expect(value).to_be_focused()
    press("ArrowDown")
    expect(options(page).first).to_have_text("enterprise(3)")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    press("Escape")
    expect(options(page)).to_have_count(0)
    expect(value).to_have_value("")
    page.keyboard.type("free")
    settle(page)
    expect(page.locator("#builder-words")).to_have_text("Users: metadata.plan is not free")
    expect(value).to_be_focused()
    press("Escape")
    press("Enter")
    settle(page)
    expect_definition(page, {"field": "metadata.plan", "op": "is_not", "value": "free"})
    page.get_by_role("button", name="Or another value").focus()
    press("Space")
    expect(page.get_by_role("combobox", name="Value", exact=True).nth(1)).to_be_focused()
    page.keyboard.type("pro")
    settle(page)
    expect_definition(page, {"field": "metadata.plan", "op": "is_not", "value": ["free", "pro"]})
    page.get_by_role("button", name="Remove value 1").focus()
    press("Enter")
    settle(page)
    expect_definition(page, {"field": "metadata.plan", "op": "is_not", "value": "pro"})


def test_a_value_that_was_picked_brings_its_type(page_with):
    page = page_with({"field": "metadata.trial", "op": "is", "value": "x"})
    choose(page, page.get_by_role("combobox", name="Value", exact=True), "true")
    expect_definition(page, {"field": "metadata.trial", "op": "is", "value": True})
    page.get_by_label("Value", exact=True).select_option("false")
    settle(page)
    expect_definition(page, {"field": "metadata.trial", "op": "is", "value": False})


def test_a_mistake_is_marked_and_the_last_good_definition_stays(page_with):
    page = page_with({"field": "metadata.logins", "op": ">", "value": 2})
    number = page.get_by_role("textbox", name="Number")
    number.fill("two")
    settle(page)
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(number).to_have_accessible_description("Enter a number, such as 400 or 0.5.")
    expect(page.locator("#builder-words")).to_have_text("Users: metadata.logins is more than 2")
    expect(page.get_by_role("status").filter(has_text="Does not work yet: Enter a number")).to_be_visible()
    expect_definition(page, {"field": "metadata.logins", "op": ">", "value": 2})
    assert_accessible(page)
    number.fill("20")
    settle(page)
    expect(number).not_to_have_attribute("aria-invalid", "true")
    expect(number).to_be_focused()
    expect(page.get_by_text("Does not work yet")).to_have_count(0)
    expect_definition(page, {"field": "metadata.logins", "op": ">", "value": 20})


def test_what_is_typed_while_the_rows_are_made_anew_is_not_lost(page_with):
    page = page_with({"all": [{"field": "metadata.logins", "op": ">", "value": 2}, {"field": "email", "op": "exists"}]})
    page.route("**/builder/user/", lambda route: (page.wait_for_timeout(400), route.continue_()))
    page.get_by_label("Operator").first.select_option("<")
    page.get_by_role("textbox", name="Number").fill("77")
    settle(page)
    expect(page.get_by_role("textbox", name="Number")).to_have_value("77")
    expect(page.locator("#builder-words")).to_contain_text("metadata.logins is less than 77")


def test_values_are_offered_although_the_rows_were_made_anew_meanwhile(page_with):
    page = page_with({"field": "metadata.plan", "op": "is", "value": "free"})
    page.route("**/builder/user/values/**", lambda route: None, times=1)  # the first one never gets its answer
    with page.expect_request("**/builder/user/values/**"):
        page.get_by_role("combobox", name="Value", exact=True).click()
    with page.expect_response("**/builder/user/"):
        page.evaluate("htmx.trigger(document.getElementById('builder'), 'reshape')")
    page.locator("#builder-options").get_by_role("option").filter(has_text="enterprise").click()
    settle(page)
    expect_definition(page, {"field": "metadata.plan", "op": "is", "value": "enterprise"})


def test_windows_and_times_of_every_form(page_with):
    page = page_with({"performed": {"type": "action"}, "at_least": 1, "within": {"last": "7d"}})
    page.get_by_label("How many times").select_option("between")
    page.get_by_label("At most").fill("5")
    page.get_by_label("Window of time").select_option("between")
    settle(page)
    page.get_by_label("How many", exact=True).first.fill("37")
    settle(page)
    words = page.locator("#builder-words")
    expect(words).to_contain_text("performed Action 1 to 5 times between 37 days and 7 days ago")
    page.get_by_label("Window of time").select_option("since")
    page.get_by_label("From this time on").fill("2026-03-01T08:30")
    settle(page)
    expect(words).to_contain_text("since 1 Mar 2026, 08:30 UTC")
    page.get_by_label("Days in").select_option("Asia/Tokyo")
    settle(page)
    expect(words).to_contain_text("since 1 Mar 2026, 08:30 UTC+09:00")
    expect(page.locator("#follows")).to_contain_text("Asia/Tokyo")
    page.get_by_label("How many times").select_option("never")
    page.get_by_label("Window of time").select_option("ever")
    settle(page)
    expect(words).to_have_text("Users: did not perform Action ever")
    page.get_by_role("button", name="named").click()
    settle(page)
    page.get_by_role("combobox", name="Action name").fill("Signed Up")
    settle(page)
    expect(words).to_have_text("Users: did not perform Action Signed Up ever")


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_shown_and_do_nothing(page_with, value):
    page = page_with(
        {"all": [{"field": "metadata.plan", "op": "is", "value": value}, {"field": "email", "op": "exists"}]}
    )
    shown = page.get_by_label(re.compile("^Value(,|$)")).first
    expect(shown).to_have_value('"\\u202egnp.exe"' if value.startswith("\u202e") else value)
    page.get_by_label("Operator").first.select_option("contains")
    settle(page)
    assert definition(page)["all"][0] == {"field": "metadata.plan", "op": "contains", "value": value}
    expect(page.get_by_text("49", exact=True)).to_have_count(0)
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_values_of_the_data_are_offered_as_text(page_with):
    page = page_with({"field": "metadata.plan", "op": "is", "value": ""})
    page.get_by_role("combobox", name="Value", exact=True).fill("script")
    options(page).filter(has_text="<script>alert(1)</script>").click()
    settle(page)
    expect(page.get_by_role("combobox", name="Value", exact=True)).to_have_value("<script>alert(1)</script>")


RICH = {
    "all": [
        {"field": "metadata.plan", "op": "is", "value": ["enterprise", "pro"]},
        {"field": "first_seen_time", "op": "between", "value": [{"ago": "28d"}, "2026-03-01T00:00:00Z"]},
        {"not": {"any": [STANDING["all"][1], {"field": "email", "op": "contains", "value": ""}]}},
    ]
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_builder_is_accessible_and_fits_a_phone(page_with, scheme):
    page = page_with(RICH)
    page.emulate_media(color_scheme=scheme)
    expect(page.locator("html")).to_have_class(scheme)
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("combobox", name="Field").first.click()
    expect(options(page).first).to_be_visible()
    box = page.get_by_role("listbox", name="Suggestions").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert_accessible(page)


def test_a_company_is_asked_for_its_own_fields(page_with):
    page = page_with(kind="company")
    page.get_by_role("button", name="Where", exact=True).click()
    choose(page, page.get_by_role("combobox", name="Field"), "metadata.seats")
    expect(page.get_by_label("Type of the value")).to_have_value("number")
    page.get_by_label("Operator").select_option(">=")
    page.get_by_role("textbox", name="Number").fill("10")
    settle(page)
    expect(page.locator("#builder-words")).to_have_text("Companies: metadata.seats is at least 10")
