"""A static list in a browser: made, filled from a file, looked at, corrected, and read out as a file."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone
from playwright.sync_api import expect

from cohorts.models import Cohort
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import make_user


def test_a_list_is_made_filled_from_a_file_corrected_and_exported(page_as, transactional_db):
    for name in ("ann", "ben", "cleo"):
        make_user(name, timezone.now(), metadata={"name": name})
    page = page_as("Analyst")
    page.on("dialog", lambda asked: asked.accept())
    page.goto("/users/cohorts/")
    page.get_by_role("button", name="New list").first.click()
    dialog = page.get_by_role("dialog", name="New list")
    dialog.get_by_label("Name").fill("Customers of the pilot")
    dialog.get_by_role("button", name="Make the list").click()

    page.get_by_label("Or a CSV file").set_input_files(
        {"name": "pilot.csv", "mimeType": "text/csv", "buffer": b"name,user_id\nAnn,ann\nBen,ben\nNo,nobody\n"}
    )
    preview = page.locator("#list-preview")
    expect(preview).to_contain_text("Of 3 ids: adds 2, removes 0, leaves out 1 whom nobody has heard of")
    expect(preview).to_contain_text("Unknown: nobody")
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert_accessible(page)
    page.get_by_role("button", name="Apply").click()

    expect(page.get_by_text("Added 2, removed 0. 1 ids were left out")).to_be_visible()
    expect(page.get_by_role("row", name="ben")).to_contain_text("pilot.csv")
    page.get_by_role("row", name="ann").get_by_role("button").click()
    expect(page.get_by_text("Removed ann from the list.")).to_be_visible()
    expect(page.get_by_role("row", name="ann")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert "ben" in Path(download.value.path()).read_text()
    assert Cohort.objects.get().membership.count == 1
