"""The look-up in a browser: the number follows the criteria, links reproduce it, and it is saved as a cohort."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cohorts.models import Cohort
from ingest.columns import open_columns
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import ON_PRO, make_company, make_event, make_user

pytestmark = pytest.mark.usefixtures("people")
HOSTILE = "<script>alert(1)</script>{{7*7}}\u202e" + "x" * 5_000


@pytest.fixture
def people(transactional_db):
    now = timezone.now()
    acme = make_company("acme", now, metadata={"name": "Acme"})
    for number in range(60):
        plan = "pro" if number < 3 else "free"
        user = make_user(f"user{number:02}", now, acme, metadata={"plan": plan, "email": f"{99 - number}@x.test"})
        make_event(user, now - timedelta(minutes=number), response={"status": 400 if number == 1 else 200})
    open_columns().seal(timezone.now())


def opened(page: Page, criteria=None, **others) -> Page:
    given = {**({"criteria": json.dumps(criteria)} if criteria else {}), **others}
    page.goto(f"/users/?{urlencode(given)}")
    expect(page.locator("#lookup-count")).to_contain_text("found")
    return page


def count(page: Page):
    return page.locator("#lookup-count")


def column(page: Page, number: int) -> list[str]:
    return page.locator(f"#results tbody tr td:nth-child({number})").all_inner_texts()


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query, keep_blank_values=True)


def choose(page: Page, box, text: str) -> None:
    box.click()
    box.fill(text)
    page.get_by_role("option").filter(has_text=text).first.click()


def test_the_number_follows_each_edit_and_the_address_reproduces_it(page_as):
    page = opened(page_as("Analyst"))
    expect(count(page)).to_have_text("60 users found of 60")
    page.get_by_role("button", name="Where", exact=True).click()
    choose(page, page.get_by_role("combobox", name="Field"), "metadata.plan")
    expect(page.locator("#builder-open")).to_contain_text("Fill this in")
    page.get_by_role("combobox", name="Value", exact=True).click()
    page.locator("#builder-options").get_by_role("option").filter(has_text="pro").click()
    expect(count(page)).to_have_text("3 users found of 60")
    assert sorted(column(page, 1)) == ["user00", "user01", "user02"]
    expect(page).to_have_url(re.compile("metadata.plan"))
    assert json.loads(asked(page)["criteria"][0]) == ON_PRO

    page.get_by_role("button", name="Who performed").click()
    expect(page).to_have_url(re.compile("performed"))
    expect(count(page)).to_have_text("3 users found of 60")
    page.reload()
    expect(count(page)).to_have_text("3 users found of 60")
    expect(page.locator("#builder-words")).to_contain_text("metadata.plan is pro, and performed API Call")
    assert_accessible(page)


def test_a_recipe_fills_in_the_criteria(page_as):
    page = opened(page_as("Viewer"))
    assert_accessible(page)
    page.get_by_role("link", name="Error rate over 20 %").click()
    expect(count(page)).to_have_text("0 users found of 60")
    expect(page.get_by_text("Nobody matches right now")).to_be_visible()
    expect(page.get_by_role("link", name="Error rate over 20 %")).to_have_count(0)
    expect(page.get_by_role("button", name="Save cohort")).to_have_count(0)


def test_columns_sort_both_ways_by_keyboard_and_keep_the_place(page_as):
    page = opened(page_as("Viewer"))
    email = page.get_by_role("columnheader", name="Email")
    email.get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(email).to_have_attribute("aria-sort", "ascending")
    expect(email.get_by_role("link")).to_be_focused()
    assert column(page, 2)[:2] == ["40@x.test", "41@x.test"]
    page.keyboard.press("Enter")
    expect(email).to_have_attribute("aria-sort", "descending")
    assert column(page, 2)[:2] == ["99@x.test", "98@x.test"]
    assert asked(page) == {"sort": ["-email"]}
    page.go_back()
    expect(email).to_have_attribute("aria-sort", "ascending")


def test_pages_lead_to_everybody_once_and_an_edit_leads_back_to_the_first(page_as):
    page = opened(page_as("Viewer"), sort="user_id")
    first = column(page, 1)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("51–60 of 60 users")).to_be_visible()
    assert first + column(page, 1) == [f"user{number:02}" for number in range(60)]
    page.reload()
    expect(page.get_by_text("51–60 of 60 users")).to_be_visible()
    page.get_by_label("weeks from").select_option("Sunday")
    expect(page.get_by_text("1–50 of 60 users")).to_be_visible()
    assert asked(page) == {"sort": ["user_id"], "week_starts_on": ["7"]}


def test_columns_are_chosen_without_a_reload_and_stand_in_the_link(page_as):
    page = opened(page_as("Viewer"))
    page.get_by_role("button", name="Columns").click()
    chooser = page.locator("#view")
    chooser.get_by_label("plan").check()
    chooser.get_by_label("Email").uncheck()
    expect(page.get_by_role("columnheader", name="plan")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Email")).to_have_count(0)
    expect(chooser).to_be_visible()
    assert_accessible(page)
    page.reload()
    expect(page.get_by_role("columnheader", name="plan")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Email")).to_have_count(0)


def test_the_export_is_what_the_page_shows(page_as):
    page = opened(page_as("Viewer"), ON_PRO, columns="metadata.plan", sort="user_id")
    with page.expect_download() as started:
        page.get_by_role("link", name="Export").click()
    assert re.fullmatch(r"users-\d{4}-\d\d-\d\d\.csv", started.value.suggested_filename)
    text = started.value.path().read_text()
    assert text.splitlines() == ["user_id,metadata.plan", "user00,pro", "user01,pro", "user02,pro"]


def test_a_look_up_is_saved_with_the_keyboard(page_as, guard):
    guard.allow("422")
    page = opened(page_as("Analyst"), ON_PRO)
    page.get_by_role("button", name="Save cohort").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Save cohort")
    expect(dialog).to_contain_text("metadata.plan is pro")
    expect(dialog.get_by_label("Name")).to_be_focused()
    assert_accessible(page)
    page.keyboard.type("   ")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("This field is required")).to_be_visible()
    dialog.get_by_label("Name").fill("On pro")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    notice = page.locator("#saved-cohort")
    expect(notice).to_contain_text("Saved as “On pro”")
    cohort = Cohort.objects.get()
    expect(notice.get_by_role("link", name="Open the cohort")).to_have_attribute("href", f"/cohorts/{cohort.pk}/")
    assert_accessible(page)
    notice.get_by_role("link", name="saved cohorts").click()
    expect(page.get_by_role("link", name="On pro")).to_be_visible()


def test_saving_leads_to_the_notifications_for_those_who_want_them(page_as):
    page = opened(page_as("Operator"), ON_PRO)
    page.get_by_role("button", name="Save cohort").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("On pro")
    dialog.get_by_label("Receive notifications").check()
    dialog.get_by_role("button", name="Save cohort").click()
    expect(page.locator("#saved-cohort")).to_contain_text("Saved as “On pro”")
    expect(dialog.get_by_role("heading").first).to_contain_text(re.compile("notif|subscri|channel", re.I))


def test_criteria_that_are_not_finished_cannot_be_saved(page_as):
    page = opened(page_as("Analyst"))
    save = page.get_by_role("button", name="Save cohort")
    expect(save).to_be_disabled()
    expect(save).to_have_accessible_description("Set criteria to save them")
    opened(page, ON_PRO)
    expect(save).to_be_enabled()
    page.get_by_role("button", name="Where", exact=True).click()
    expect(save).to_be_disabled()
    expect(save).to_have_accessible_description("Finish the criteria to save them")


def test_counting_that_takes_long_or_fails_is_told_and_can_be_tried_again(page_as, guard):
    guard.allow("500|Failed to load")
    page = page_as("Viewer")
    page.clock.install()
    held = []
    page.route("**/users/results/**", lambda route: held.append(route))
    page.goto("/users/")
    expect(page.locator("#lookup").get_by_text("Counting…")).to_be_visible()
    expect(page.locator("#lookup-slow")).to_be_empty()
    page.clock.fast_forward(5_000)
    expect(page.locator("#lookup-slow")).to_contain_text("Still counting")
    held[0].fulfill(status=500)
    expect(page.get_by_text("could not be counted")).to_be_visible()
    expect(page.locator("#lookup-slow")).to_be_empty()
    page.unroute("**/users/results/**")
    page.get_by_role("button", name="Try again").click()
    expect(count(page)).to_have_text("60 users found of 60")


def test_only_the_last_of_several_quick_edits_counts(page_as):
    page = opened(page_as("Viewer"))
    held = []
    page.route("**/users/results/**", lambda route: held.append(route))
    for _ in range(3):
        page.evaluate("htmx.trigger(document.body, 'definition-changed')")
    page.wait_for_timeout(300)
    assert len(held) == 3
    held[-1].continue_()
    expect(page.locator("#lookup")).not_to_have_class(re.compile("htmx-request"))
    expect(count(page)).to_have_text("60 users found of 60")


def test_hostile_values_are_harmless(page_as):
    make_user(f"{HOSTILE[:150]}", timezone.now(), metadata={"plan": "hostile", "name": HOSTILE, HOSTILE[:60]: HOSTILE})
    open_columns().seal(timezone.now())
    hostile = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "hostile"}}
    page = opened(page_as("Viewer"), hostile)
    expect(count(page)).to_have_text("1 user found of 61")
    page.get_by_role("button", name="Columns").click()
    page.locator("#view").get_by_label("<script>").check()
    expect(page.get_by_role("columnheader", name="<script>")).to_be_visible()
    assert page.locator("#results script").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(page_as, scheme):
    page = page_as("Analyst")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    opened(page, ON_PRO)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert_accessible(page)
    page.get_by_role("button", name="Columns").click()
    box = page.locator("#view").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save cohort").click()
    expect(page.get_by_role("dialog", name="Save cohort")).to_be_visible()
    assert_accessible(page)


def test_conditions_inside_a_company_tell_how_many_companies_they_keep(page_as):
    quiet = make_company("quiet", timezone.now(), metadata={"plan": "pro"})
    make_company("other", timezone.now(), metadata={"plan": "free"})
    make_user("insider", timezone.now(), company=quiet)
    open_columns().seal(timezone.now())
    never = {"performed": {}, "at_most": 0, "within": {"last": "7d"}}
    page = opened(page_as("Analyst"), {"version": 1, "match": {"company": {"all": [ON_PRO["match"], never]}}})
    expect(page.locator("#b-match-kept")).to_have_text("1 user")
    expect(page.locator("#b-match-company-all-0-kept")).to_have_text("1 company")
    expect(page.locator("#b-match-company-all-1-kept")).to_have_text("2 companies, 1 with those above")


def test_each_condition_tells_how_many_it_keeps(page_as):
    failed = {"field": "response.status", "op": "is", "value": 400}
    leaf = {"performed": {"type": "api_call", "where": failed}, "at_least": 1, "within": {"last": "7d"}}
    page = opened(page_as("Analyst"), {"version": 1, "match": {"all": [ON_PRO["match"], leaf]}})
    first, second = (page.locator(f"#b-match-all-{place}-kept") for place in (0, 1))
    expect(first).to_have_text("3 users")
    expect(second).to_have_text("1 user, 1 with those above")
    page.locator("#b-match-add-field").click()
    expect(first).to_have_text("")
    page.get_by_role("button", name="Remove condition 3").click()
    expect(second).to_have_text("1 user, 1 with those above")
