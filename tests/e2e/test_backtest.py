"""A definition tried on the past in a browser: started from the look-up, cancelled, run to its end, looked through."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from cohorts.backtest.run import advance
from cohorts.models import Backtest
from tests.e2e.accessibility import assert_accessible
from tests.e2e.chromium import PHONE
from tests.factories import ON_PRO, add_version, make_user


@pytest.fixture
def ann(transactional_db):
    """On the plan "pro" for two days."""
    now = timezone.now()
    ann = make_user("ann", now - timedelta(days=3), metadata={"plan": "free"})
    add_version(ann, now - timedelta(days=2), metadata={"plan": "pro"})


def test_a_definition_is_tried_cancelled_and_tried_to_the_end(page_as, ann):
    page = page_as("Analyst")

    def start(days: str) -> Backtest:
        page.goto(f"/users/?{urlencode({'criteria': json.dumps(ON_PRO)})}")
        page.get_by_role("button", name="Try on the past").click()
        dialog = page.get_by_role("dialog", name="Try on the past")
        dialog.get_by_label("Replay").select_option(days)
        dialog.get_by_label("Evaluated").select_option("6h")
        dialog.get_by_role("button", name="Start").click()
        expect(page.get_by_text("Waits for the worker")).to_be_visible()
        return Backtest.objects.latest("created_at")

    advance(start("30").pk, timezone.now(), seconds=0)
    expect(page.get_by_text("Replaying")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("What follows was found up to")).to_be_visible()

    advance(start("7").pk, timezone.now())
    expect(page.get_by_role("heading", name="Busiest moments")).to_be_visible()
    expect(page.locator("[data-chart=moves] canvas")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert_accessible(page)
    page.get_by_role("link", name="day", exact=True).click()
    expect(page.get_by_text("At most one every day")).to_be_visible()
    page.get_by_role("link", name="Everybody who moved").click()
    expect(page.get_by_role("row", name="joined")).to_contain_text("ann")
