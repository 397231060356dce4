"""What all pages have in common: who gets in, the sidebar, the theme, the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_person


def log_in(page, name, password="secret"):
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_logging_in_leads_to_the_page_that_was_asked_for(page):
    person = make_person()
    page.goto("/admin/auth/user/")
    log_in(page, person.username)
    expect(page).to_have_url(re.compile("/admin/auth/user/$"))


def test_a_wrong_password_is_told_and_lets_nobody_in(page):
    person = make_person()
    page.goto("/")
    log_in(page, person.username, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    assert_accessible(page)
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_logging_out_ends_the_session(page_as):
    page = page_as("Viewer")
    page.goto("/")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_request_of_a_page_whose_session_is_over_leads_to_the_login(with_styles, page_as):
    page = page_as("superuser")
    page.goto("/styles/")
    page.context.clear_cookies()
    page.get_by_role("button", name="Open dialog").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/login/\?next=/styles/$"))


def test_the_chosen_theme_stays_and_holds_in_the_admin_too(page_as):
    page = page_as("superuser")
    page.goto("/")
    expect(page.locator("html")).not_to_have_class(re.compile("dark"))
    page.get_by_role("button", name="Account").click()
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.locator("html")).to_have_class("dark")
    page.goto("/admin/")
    expect(page.locator("html")).to_have_class("dark")


def test_the_theme_follows_the_system_until_one_is_chosen(page):
    page.emulate_media(color_scheme="dark")
    page.goto("/login/")
    expect(page.locator("html")).to_have_class("dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_class("light")


def test_the_sidebar_is_a_drawer_on_a_phone(page_as):
    page = page_as("Viewer")
    page.set_viewport_size(PHONE)
    page.goto("/")
    home = page.get_by_role("navigation", name="Main").get_by_role("link", name="Home")
    expect(home).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(home).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(home).to_be_hidden()


def test_no_page_is_wider_than_a_phone(with_styles, page_as):
    page = page_as("superuser")
    page.set_viewport_size(PHONE)
    for address in ("/", "/styles/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address


def test_the_keyboard_reaches_the_content_first(page_as):
    page = page_as("Viewer")
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_the_sidebar_says_where_one_is_and_shows_only_what_one_may_use(page_as):
    page = page_as("Viewer")
    page.goto("/")
    main = page.get_by_role("navigation", name="Main")
    expect(main.get_by_role("link", name="Home")).to_have_attribute("aria-current", "page")
    expect(main.get_by_role("link", name="Administration")).to_have_count(0)


def test_an_address_without_a_page_says_so(page_as, guard):
    guard.allow("404")
    page = page_as("Viewer")
    page.goto("/nowhere/")
    expect(page.get_by_text("There is nothing at this address")).to_be_visible()
    assert_accessible(page)


def test_an_inline_script_does_not_run(page_as, guard):
    guard.allow("(?i)content security policy|content policy")
    page = page_as("Viewer")
    page.goto("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.ran = 1\">')")
    page.evaluate("s = document.createElement('script'); s.textContent = 'window.ran = 2'; document.body.append(s)")
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert any("content policy" in fault for fault in guard.faults)


@pytest.mark.parametrize("address", ["/admin/", "/admin/auth/user/"])
def test_the_admin_works_under_its_policy(page_as, address):
    page = page_as("superuser")
    page.goto(address)
    expect(page.locator("#nav-sidebar")).to_be_visible()
    # Where the theme may not evaluate, its hidden layers lie over the page and take every click.
    page.locator("#nav-sidebar a[href='/admin/auth/group/']").click()
    expect(page).to_have_url(re.compile("/admin/auth/group/"))


def test_the_page_of_the_api_works_under_its_policy(page_as):
    page = page_as("superuser")
    page.goto("/api/docs/")
    expect(page.locator(".swagger-ui .info .title")).to_contain_text("cohortsite")
