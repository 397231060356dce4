"""Saved cohorts and the page of a cohort, as people use them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from cohorts.edit import edit_definition
from cohorts.models import Cohort
from cohorts.refresh import evaluate_now
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import ON_PRO, add_version, make_channel, make_cohort, make_company, make_subscription, make_user

HOSTILE = "<script>window.ran = 1</script> {{7*7}} \u202egnp.exe" + "x" * 120
ON_FREE = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}
TABS = ("Members", "History", "Changes", "Evaluations", "Notifications")


@pytest.fixture
def cohort() -> Cohort:
    """Evaluated three times: ann is in it from the beginning, bob joined, cat left."""
    now = timezone.now()
    before = now - timedelta(hours=5)
    acme = make_company("acme", before, metadata={"name": "Acme"})
    make_user("ann", before, acme, metadata={"plan": "pro", "email": "ann@example.com"})
    cat = make_user("cat", before, metadata={"plan": "pro"})
    make_user("dan", before, metadata={"plan": "free"})
    cohort = make_cohort(name="On pro", criteria=ON_PRO, created_at=before)
    evaluate_now([cohort], now - timedelta(hours=4))
    make_user("bob", now - timedelta(hours=2), metadata={"plan": "pro", "name": "Bob"})
    evaluate_now([Cohort.objects.get()], now - timedelta(hours=2))
    add_version(cat, now - timedelta(minutes=20), metadata={"plan": "free"})
    evaluate_now([Cohort.objects.get()], now - timedelta(minutes=1))
    return Cohort.objects.get()


def choose(page: Page, cohort: str, action: str) -> None:
    page.get_by_role("button", name=f"Actions for {cohort}").click()
    page.locator(".menu:popover-open .menu-item", has_text=action).click()


def tab(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Cohort").get_by_role("link", name=name).click()
    expect(page.get_by_role("navigation", name="Cohort").get_by_role("link", name=name)).to_have_attribute(
        "aria-current", "page"
    )


def test_the_list_leads_to_the_page_and_its_tabs(page_as, cohort):
    make_subscription(cohort=cohort, channel=make_channel(name="Growth team"))
    page = page_as("Viewer")
    page.goto("/users/cohorts/")
    row = page.get_by_role("row", name="On pro")
    expect(row).to_contain_text("Metadata.plan is pro")
    expect(row).to_contain_text("+1 −1")
    expect(row).to_contain_text("Growth team")
    row.get_by_role("link", name="On pro").click()

    members = page.get_by_role("region", name="Members", exact=True)
    expect(members.get_by_role("row", name="ann")).to_contain_text("since the first evaluation")
    expect(members.get_by_role("row", name="bob")).to_contain_text("2 hours ago")
    expect(members.get_by_role("row", name="bob")).to_contain_text("metadata.plan")
    tab(page, "History")
    expect(page.locator("[data-chart=size] canvas")).to_be_visible()
    expect(page.get_by_role("table", name="Joined and left per day").get_by_role("row").last).to_be_attached()
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("table", name="Joined and left per day").get_by_role("row")).to_have_count(8)
    tab(page, "Changes")
    expect(page.get_by_role("row", name="cat")).to_contain_text("left")
    tab(page, "Evaluations")
    expect(page.get_by_role("row").nth(1)).to_contain_text("−1")
    tab(page, "Notifications")
    expect(page.get_by_role("row", name="Growth team")).to_be_visible()


def test_searching_while_typing_keeps_the_place(page_as, cohort):
    make_cohort(name="Another")
    page = page_as("Viewer")
    page.goto("/users/cohorts/")
    page.get_by_label("Search by name").press_sequentially("pro")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"\?q=pro$"))
    expect(page.get_by_label("Search by name")).to_be_focused()

    page.goto(f"/cohorts/{cohort.pk}/")
    page.get_by_label("Search members").fill("EXAMPLE.com")
    region = page.get_by_role("region", name="Members", exact=True)
    expect(region.get_by_role("row")).to_have_count(2)
    expect(region.get_by_role("row", name="ann")).to_be_visible()
    page.get_by_label("Search members").fill("nobody")
    expect(page.get_by_text("No member matches")).to_be_visible()


def test_changes_are_filtered_by_customer_direction_and_reason(page_as, cohort):
    page = page_as("Viewer")
    page.goto(f"/cohorts/{cohort.pk}/changes/")
    rows = page.get_by_role("region", name="Changes").get_by_role("row")
    expect(rows).to_have_count(3)
    page.get_by_label("Joined or left").select_option("Only left")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("cat")
    page.get_by_label("Reason").select_option(label="Time: a window moved on")
    expect(page.get_by_text("No such change")).to_be_visible()
    page.get_by_label("Reason").select_option("")
    page.get_by_label("Joined or left").select_option("")
    page.get_by_label("Search by id").fill("bob")
    expect(rows).to_have_count(2)
    expect(page).to_have_url(re.compile("q=bob"))


def test_an_edit_shows_first_what_it_would_do(page_as, cohort):
    page = page_as("Analyst")
    page.goto(f"/cohorts/{cohort.pk}/")
    page.get_by_role("link", name="Edit criteria").first.click()
    impact = page.locator("#impact")
    expect(impact).to_contain_text("Moves nobody: 2 members")
    assert_accessible(page)

    replace_value(page, "pro", "free")
    expect(impact).to_contain_text("Adds 2, removes 2, of 2 members: 2 afterwards")
    expect(impact.get_by_role("region", name="Would leave")).to_contain_text("bob")
    expect(impact.get_by_role("region", name="Would join")).to_contain_text("dan")
    assert_accessible(page)
    page.get_by_label("is reported to those who are notified").check()
    page.get_by_role("button", name="Save criteria").click()

    expect(page.get_by_role("status").get_by_text("2 joined and 2 left by this edit")).to_be_visible()
    expect(page.get_by_text("Metadata.plan is free")).to_be_visible()
    tab(page, "Changes")
    expect(page.get_by_role("row", name="dan")).to_contain_text("definition")


def test_an_edit_does_not_overwrite_that_of_somebody_else(page_as, cohort, guard):
    guard.allow("422")
    page = page_as("Analyst")
    page.goto(f"/cohorts/{cohort.pk}/edit/")
    edit_definition(Cohort.objects.get(), {"criteria": ON_FREE}, tell=False)
    page.get_by_role("button", name="Save criteria").click()

    warning = page.locator("#save").get_by_role("alert")
    expect(warning).to_contain_text("metadata.plan is free")
    assert_accessible(page)
    assert Cohort.objects.get().criteria == ON_FREE
    page.get_by_role("button", name="Save criteria").click()
    expect(page.get_by_role("status").get_by_text("Nobody is told of this edit")).to_be_visible()
    assert Cohort.objects.get().criteria == ON_PRO


def test_pausing_resuming_and_evaluating(page_as, cohort):
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    choose(page, "On pro", "Pause")
    row = page.get_by_role("row", name="On pro")
    expect(row.get_by_text("paused")).to_be_visible()
    row.get_by_role("link", name="On pro").click()
    expect(page.get_by_text("Nobody joins or leaves")).to_be_visible()
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_text("healthy")).to_be_visible()
    make_user("eve", metadata={"plan": "pro"})
    choose(page, "On pro", "Evaluate now")
    expect(page.get_by_role("status").get_by_text("Evaluated: 3 members; 1 joined, 0 left.")).to_be_visible()


def test_duplicating_renaming_and_deleting(page_as, cohort):
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    choose(page, "On pro", "Duplicate…")
    dialog = page.get_by_role("dialog", name="Duplicate On pro")
    expect(dialog.get_by_label("Name")).to_have_value("Copy of On pro")
    assert_accessible(page)
    dialog.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", name="Copy of On pro")).to_be_visible()
    expect(page.get_by_text("Not evaluated yet").first).to_be_visible()

    choose(page, "Copy of On pro", "Edit name and period…")
    dialog = page.get_by_role("dialog", name="Name and period")
    dialog.get_by_label("Name").fill("")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_label("Name")).to_be_focused()
    dialog.get_by_label("Name").fill("My own")
    dialog.get_by_label("Description").fill("For the growth team")
    dialog.get_by_label("Evaluated").select_option("every hour")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="My own")).to_be_visible()
    expect(page.get_by_text("For the growth team")).to_be_visible()
    expect(page.get_by_text("every hour")).to_be_visible()

    choose(page, "My own", "Delete…")
    dialog = page.get_by_role("dialog", name="Delete My own?")
    expect(dialog).to_contain_text("its log of who joined and left")
    assert_accessible(page)
    dialog.get_by_role("button", name="Delete the cohort").click()
    expect(page.get_by_role("status").get_by_text("The cohort is deleted")).to_be_visible()
    expect(page.get_by_role("row", name="My own")).to_have_count(0)
    expect(page.get_by_role("row", name="On pro")).to_have_count(1)


def test_the_api_recipe_is_copied(page_as, cohort):
    page = page_as("Viewer")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/users/cohorts/")
    choose(page, "On pro", "Read members by API")
    dialog = page.get_by_role("dialog", name="Read the members by API")
    assert_accessible(page)
    dialog.get_by_role("button", name="Copy").first.click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert f"/api/cohorts/{cohort.pk}/members/" in page.evaluate("navigator.clipboard.readText()")


def test_everything_works_with_the_keyboard(page_as, cohort):
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    page.get_by_label("Search by name").focus()
    page.keyboard.type("On pro")
    menu = page.get_by_role("button", name="Actions for On pro")
    expect(page).to_have_url(re.compile(r"\?q=On"))
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Edit criteria")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Duplicate On pro")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="On pro").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Evaluations").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Evaluations")).to_be_visible()


def test_a_broken_cohort_says_what_to_do(page_as, cohort):
    Cohort.objects.update(
        error="The criteria are not valid: match: gone", criteria={"version": 1}, attempted_at=timezone.now()
    )
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    expect(page.get_by_role("row", name="On pro")).to_contain_text("failing")
    page.get_by_role("link", name="On pro").click()
    expect(page.get_by_role("alert")).to_contain_text("match: gone")
    expect(page.get_by_role("alert")).to_contain_text("Edit the criteria")
    assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_every_page_is_accessible_and_fits(page_as, cohort, scheme, size):
    make_subscription(cohort=cohort)
    page = page_as("Analyst")
    page.emulate_media(color_scheme=scheme)
    if size == "phone":
        page.set_viewport_size(PHONE)
    own = f"/cohorts/{cohort.pk}/"
    tabs = ("", "history/", "changes/", "evaluations/", "notifications/", "edit/")
    for address in ("/users/cohorts/", "/companies/cohorts/", *(own + name for name in tabs)):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_on_a_phone_each_cohort_is_a_card_with_all_there_is(page_as, cohort):
    page = page_as("Analyst")
    page.set_viewport_size(PHONE)
    page.goto("/users/cohorts/")
    for text in ("On pro", "+1", "1 minute ago"):
        box = page.get_by_role("main").get_by_text(text).first.bounding_box()
        assert box["x"] + box["width"] <= PHONE["width"], text
    choose(page, "On pro", "Pause")
    expect(page.get_by_text("paused").first).to_be_visible()


def test_hostile_names_do_nothing(page_as, cohort):
    user = make_user(HOSTILE, metadata={"plan": "pro", "name": HOSTILE, "email": HOSTILE})
    Cohort.objects.update(name=HOSTILE, description=HOSTILE, error=HOSTILE, attempted_at=timezone.now())
    evaluate_now([Cohort.objects.get()], timezone.now())
    Cohort.objects.update(error=HOSTILE)
    page = page_as("Analyst")
    page.goto("/users/cohorts/")
    expect(page.get_by_role("row").nth(1)).to_contain_text("<script>window.ran = 1</script> {{7*7}} \\u202egnp.exe")
    for action in ("Duplicate…", "Delete…"):
        choose(page, "<script>", action)
        expect(page.get_by_role("dialog")).to_contain_text("<script>window")
        page.keyboard.press("Escape")
    for tab_name in ("", "history/", "changes/", "evaluations/", "notifications/", "edit/"):
        page.goto(f"/cohorts/{cohort.pk}/{tab_name}")
        expect(page.get_by_text("<script>window.ran").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab_name
    assert page.evaluate("window.ran") is None
    assert user.external_id == HOSTILE


def test_an_empty_list_leads_to_the_look_up(page_as, live_server):
    page = page_as("Analyst")
    page.goto("/companies/cohorts/")
    expect(page.get_by_text("No cohorts yet")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Look up").click()
    expect(page).to_have_url(re.compile("/companies/"))


def replace_value(page: Page, old: str, new: str) -> None:
    """In the builder: another value in place of the one chosen."""
    value = page.get_by_role("combobox", name="Value", exact=True)
    expect(value).to_have_value(old)
    value.fill(new)
    value.press("Tab")
