"""A real Chromium on a live site.

Playwright's sync API keeps an event loop running in the main thread from the first use of `page` to the end of the
session. So these tests run after all others, and Django is told that its ORM may be used inside that loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from playwright.sync_api import BrowserContext, Page

from tests.e2e.chromium import CHROMIUM, FLAGS
from tests.e2e.guard import Guard
from tests.factories import make_person

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last; skipped, for a reason that says what to install, where there is no browser."""
    in_browser = [item for item in items if item.path.is_relative_to(HERE)]
    items[:] = [item for item in items if not item.path.is_relative_to(HERE)] + in_browser
    if CHROMIUM is None:
        for item in in_browser:
            item.add_marker(pytest.mark.skip(reason="browser tests need Chromium: apt-get install chromium"))


@pytest.fixture(scope="session", autouse=True)
def _orm_inside_the_event_loop() -> None:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture
def context(new_context, live_server) -> BrowserContext:
    context = new_context(base_url=live_server.url, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    return context


@pytest.fixture
def guard(context: BrowserContext, live_server):
    """Fails the test for what no page may do; `guard.allow(pattern)` excepts what the test provokes."""
    guard = Guard(context, live_server.url)
    yield guard
    guard.check()


@pytest.fixture
def page(context: BrowserContext, guard: Guard) -> Page:
    """A page that nobody has logged in to."""
    return context.new_page()


@pytest.fixture
def page_as(page: Page, context: BrowserContext, live_server) -> Callable[[str], Page]:
    """`page_as("Analyst")`: the page with a person of that role logged in; "superuser" for one who may do all."""

    def log_in(role: str) -> Page:
        superuser = role == "superuser"
        person = make_person(staff=superuser, superuser=superuser)
        if not superuser:
            person.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(person)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        return page

    return log_in


@pytest.fixture
def with_styles(settings) -> None:
    """The style page, which the site has only under DEBUG."""
    settings.ROOT_URLCONF = "tests.e2e.urls"
