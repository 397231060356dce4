"""The components, as the style page shows them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE

pytestmark = pytest.mark.usefixtures("with_styles")


@pytest.fixture
def styles(page_as):
    page = page_as("superuser")
    page.goto("/styles/")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_style_page_is_accessible(styles, scheme):
    styles.emulate_media(color_scheme=scheme)
    expect(styles.locator("html")).to_have_class(scheme)
    assert_accessible(styles)
    styles.set_viewport_size(PHONE)
    assert_accessible(styles)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_home_and_login_pages_are_accessible(page_as, page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto("/login/")
    assert_accessible(page)
    page_as("Viewer").goto("/")
    assert_accessible(page)


def test_a_dialog_opens_takes_the_keyboard_and_gives_it_back(styles):
    opener = styles.get_by_role("button", name="Open dialog")
    opener.click()
    dialog = styles.get_by_role("dialog", name="Save cohort")
    expect(dialog).to_be_visible()
    assert_accessible(styles)
    dialog.get_by_label("Name").fill("First calls")
    styles.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    expect(dialog.get_by_label("Name")).to_have_value("")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()


def test_a_menu_works_with_the_keyboard(styles):
    button = styles.get_by_role("button", name="Actions for Heavy users")
    button.focus()
    styles.keyboard.press("Enter")
    expect(styles.get_by_role("link", name="Edit")).to_be_focused()
    styles.keyboard.press("ArrowDown")
    expect(styles.get_by_role("link", name="Duplicate")).to_be_focused()
    styles.keyboard.press("ArrowUp")
    styles.keyboard.press("ArrowUp")
    expect(styles.get_by_role("button", name="Delete…")).to_be_focused()
    styles.keyboard.press("Escape")
    expect(styles.get_by_role("button", name="Delete…")).to_be_hidden()
    expect(button).to_be_focused()


def test_a_menu_stands_inside_the_window(styles):
    styles.set_viewport_size(PHONE)
    styles.get_by_role("button", name="Actions for Heavy users").click()
    menu = styles.locator("#example-menu").bounding_box()
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= PHONE["width"]


def test_code_is_copied_as_it_stands(styles):
    styles.context.grant_permissions(["clipboard-read", "clipboard-write"])
    styles.get_by_role("button", name="Copy").click()
    expect(styles.get_by_role("button", name="Copied")).to_be_visible()
    copied = styles.evaluate("navigator.clipboard.readText().then(JSON.parse)")
    assert copied["added"][0]["name"] == "<script>alert(1)</script>"


def test_a_chart_is_drawn_and_its_numbers_can_be_read(styles):
    expect(styles.locator("[data-chart=size-chart] canvas")).to_be_visible()
    table = styles.get_by_role("table", name="Joined and left per day")
    expect(table.get_by_role("row").nth(2)).to_have_text(re.compile("02 Feb 2026.*9.*5"))


def test_a_chart_takes_the_colours_of_the_theme(styles):
    def colour_of_the_line():
        return styles.evaluate("uPlot && getComputedStyle(document.documentElement).getPropertyValue('--chart-1')")

    before = styles.locator("[data-chart=size-chart] canvas").screenshot()
    light = colour_of_the_line()
    styles.emulate_media(color_scheme="dark")
    expect(styles.locator("html")).to_have_class("dark")
    assert colour_of_the_line() != light
    assert styles.locator("[data-chart=size-chart] canvas").screenshot() != before


def test_pointing_at_a_chart_tells_its_numbers(styles):
    styles.locator("[data-chart=moves-chart] .u-over").hover()
    expect(styles.locator("[data-chart=moves-chart] .chart-tooltip")).to_contain_text(
        re.compile(r"Feb 2026Joined \d+Left \d+")
    )


def test_hostile_text_is_shown_and_does_nothing(styles):
    expect(styles.get_by_text("<script>alert(1)</script> {{7*7}} \\u202egnp").first).to_be_visible()
    expect(styles.get_by_text("49", exact=True)).to_have_count(0)


def test_a_failed_request_is_told(styles, guard):
    guard.allow("500|Failed to load")
    styles.route("**/styles/dialog/", lambda route: route.fulfill(status=500))
    styles.get_by_role("button", name="Open dialog").click()
    expect(styles.get_by_role("status").get_by_text("Something went wrong")).to_be_visible()
    styles.get_by_role("button", name="Dismiss").click()
    expect(styles.get_by_text("Something went wrong")).to_be_hidden()
