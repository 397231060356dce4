"""Pictures of every page into screenshots/, for people to look at: `make screenshots`, or with names of pages after
`python -m tests.e2e.take_screenshots` only those. The site is the demo's, with data of its own in data/screenshots.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import requests
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from cohortsite.demo.environment import demo_environment, free_port
from notifications.alerts.recipes import RECIPES
from tests.e2e.chromium import CHROMIUM, FLAGS, PHONE

BASE = Path(__file__).resolve().parent.parent.parent
DATA = BASE / "data/screenshots"
INTO = BASE / "screenshots"
SIZES = {"wide": {"width": 1360, "height": 860}, "narrow": PHONE}
TALLEST = 5_000


@dataclass(frozen=True)
class Shot:
    """One page: its address, and what is clicked there, one after the other, before the picture is taken."""

    name: str
    address: str
    clicks: tuple[str, ...] = ()
    anonymous: bool = False


HOOK = "tr:has-text('Webhook')"
FIRST = "tbody a.table-main"
"""The first cohort, rule or alert of a list."""
LIST = "text=Customers of the pilot"
"""That of `stage`."""
TRIED = ("tr:has-text('Heavy users') .actions button", "text=Try on the past >> visible=true")
"""The dialog from which backtests of a cohort are started and found again."""
CUSTOMER = "/customers/user/usr_00002/"
FREE_WITH_ERRORS = urlencode(
    {
        "criteria": json.dumps(
            {
                "version": 1,
                "match": {
                    "all": [
                        {"field": "metadata.plan", "op": "is", "value": "free"},
                        {
                            "performed": {
                                "type": "api_call",
                                "where": {"field": "response.status", "op": ">=", "value": 400},
                            },
                            "at_least": 1,
                            "within": {"last": "7d"},
                        },
                    ]
                },
            }
        )
    }
)
ON_PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
BUSY = {"performed": {"type": "api_call"}, "at_least": 20, "within": {"last": "24h"}}
OF_BUSY_COMPANIES = urlencode(
    {
        "criteria": json.dumps(
            {"version": 1, "match": {"company": {"all": [ON_PRO, BUSY, {"users": ON_PRO, "at_least": 2}]}}}
        )
    }
)
LATENCY = urlencode(
    {
        "name": "p95 latency doubled",
        "criteria": json.dumps(next(recipe.document for recipe in RECIPES if recipe.key == "latency-doubled")),
    }
)

SHOTS = (
    Shot("login", "/login/", anonymous=True),
    Shot("home", "/"),
    Shot("account-menu", "/", ("[popovertarget=sidebar]", "[popovertarget=user-menu]")),
    Shot("users", "/users/"),
    Shot("users-criteria", f"/users/?{FREE_WITH_ERRORS}"),
    Shot("users-criteria-inside", f"/users/?{OF_BUSY_COMPANIES}"),
    Shot("users-columns", "/users/", ("text=Columns",)),
    Shot("save-cohort", f"/users/?{FREE_WITH_ERRORS}", ("#save-button",)),
    Shot("companies", "/companies/"),
    Shot("admin", "/admin/"),
    Shot("styles", "/styles/"),
    Shot("styles-dialog", "/styles/", ("text=Open dialog",)),
    Shot("saved-cohorts", "/users/cohorts/"),
    Shot("saved-cohorts-menu", "/users/cohorts/", ("tbody tr .actions button",)),
    Shot("saved-cohorts-of-companies", "/companies/cohorts/"),
    Shot("cohort", "/users/cohorts/", (FIRST,)),
    Shot("cohort-history", "/users/cohorts/", (FIRST, ".tab >> text=History")),
    Shot("cohort-changes", "/users/cohorts/", (FIRST, ".tab >> text=Changes")),
    Shot("cohort-evaluations", "/users/cohorts/", (FIRST, ".tab >> text=Evaluations")),
    Shot("cohort-notifications", "/users/cohorts/", (FIRST, ".tab >> text=Notifications")),
    Shot("cohort-edit", "/users/cohorts/", (FIRST, "text=Edit criteria >> visible=true")),
    Shot(
        "cohort-details", "/users/cohorts/", ("tbody tr .actions button", "text=Edit name and period… >> visible=true")
    ),
    Shot("cohort-delete", "/users/cohorts/", ("tbody tr .actions button", "text=Delete… >> visible=true")),
    Shot("list", "/users/cohorts/", (LIST,)),
    Shot("list-edit", "/users/cohorts/", (LIST, "text=Edit the list >> visible=true")),
    Shot("list-new", "/users/cohorts/", ("text=New list",)),
    Shot("backtest-new", "/users/cohorts/", TRIED),
    Shot("backtest", "/users/cohorts/", (*TRIED, ".goes-with a >> nth=1")),
    Shot("backtest-who", "/users/cohorts/", (*TRIED, ".goes-with a >> nth=1", "text=Everybody who moved")),
    Shot("backtest-under-way", "/users/cohorts/", (*TRIED, ".goes-with a >> nth=0")),
    Shot("subscribe", "/users/cohorts/", (".told-add", ".choice:has-text('Webhook') >> nth=-1")),
    Shot("subscribe-slack", "/users/cohorts/", (".told-add", ".choice:has-text('Slack') >> nth=-1")),
    Shot("subscribe-email", "/users/cohorts/", (".told-add", ".choice:has-text('Email') >> nth=-1")),
    Shot("subscription", "/users/cohorts/", ("button.told-channel",)),
    Shot("channels", "/channels/"),
    Shot("channels-menu", "/channels/", ("tbody tr .actions button",)),
    Shot("channel-kinds", "/channels/", ("text=Add channel",)),
    Shot("channel-new", "/channels/", ("text=Add channel", ".kind:has-text('Slack')")),
    Shot("channel-test", "/channels/", ("tbody tr .actions button", "text=Send a test >> visible=true")),
    Shot("channel-secret", "/channels/", (f"{HOOK} .actions button", "text=Rotate the secret >> visible=true")),
    Shot("suppressed", "/channels/suppressed/"),
    Shot("deliveries", "/deliveries/"),
    Shot("delivery", "/deliveries/", ("tbody a.table-main",)),
    Shot("cohort-recipe", "/users/cohorts/", ("tbody tr .actions button", "text=Read members by API >> visible=true")),
    Shot("customer-user", CUSTOMER),
    Shot("customer-event", CUSTOMER, ("details.event summary",)),
    Shot("customer-erase", CUSTOMER, ("[popovertarget=customer-menu]", "text=Erase this user")),
    Shot("customer-company", "/customers/company/acct_004/"),
    Shot("customer-unknown", "/customers/user/nobody/"),
    Shot("alert-rules", "/alert-rules/"),
    Shot("alert-rules-menu", "/alert-rules/", ("tbody tr .actions button",)),
    Shot("alert-rule", "/alert-rules/", (FIRST,)),
    Shot("alert-rule-groups", "/alert-rules/", ("text=A company runs into server errors",)),
    Shot("alert-rule-edit", "/alert-rules/", (FIRST, "text=Edit the rule >> visible=true")),
    Shot("alert-rule-new", f"/alert-rules/new/?{LATENCY}"),
    Shot("alert-rule-save", f"/alert-rules/new/?{LATENCY}", ("text=Save rule",)),
    Shot("alert-rule-save-slack", f"/alert-rules/new/?{LATENCY}", ("text=Save rule", ".looks >> text=Slack")),
    Shot("alert-rule-save-email", f"/alert-rules/new/?{LATENCY}", ("text=Save rule", ".looks >> text=Email")),
    Shot("alerts", "/alerts/"),
    Shot("alert", "/alerts/", (FIRST,)),
    Shot("alert-snooze", "/alerts/?state=open", (FIRST, "text=Snooze")),
    Shot("maintenance", "/maintenance/"),
    Shot("maintenance-new", "/maintenance/", ("text=Add a window",)),
)
SHOTS_OF_AN_EMPTY_SITE = (
    Shot("first-steps", "/"),
    Shot("first-steps-key", "/", ("text=Create a key", "text=Django")),
    Shot("alert-rules-empty", "/alert-rules/"),
    Shot("alerts-empty", "/alerts/"),
)


def main(names: list[str]) -> None:
    """Load the demo's data, start the site, take the pictures."""
    environment = demo_environment(os.environ | {"DATA_DIR": str(DATA)}, BASE, free_port())
    subprocess.run([sys.executable, "manage.py", "demo", "--no-serve"], cwd=BASE, env=environment, check=True)
    staged = "from tests.e2e.stage import stage; stage()"
    subprocess.run([sys.executable, "manage.py", "shell", "-v0", "-c", staged], cwd=BASE, env=environment, check=True)
    INTO.mkdir(exist_ok=True)
    taken = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for of_site, shots in ((environment, SHOTS), (empty(environment), SHOTS_OF_AN_EMPTY_SITE)):
            chosen = [shot for shot in shots if not names or shot.name in names]
            if chosen:
                with running_site(of_site) as address:
                    for theme in ("light", "dark"):
                        for size in SIZES:
                            take_all(browser, address, chosen, theme, size)
                taken += len(chosen) * 4
        browser.close()
    Console().print(f"{taken} pictures in {INTO}")


def empty(environment: dict[str, str]) -> dict[str, str]:
    """A new site with nothing on it but the demo's administrator."""
    home = DATA / "empty"
    shutil.rmtree(home, ignore_errors=True)
    password = json.loads((DATA / "demo.json").read_text())["password"]
    own = environment | {"DATA_DIR": str(home), "DJANGO_SUPERUSER_PASSWORD": password}
    for command in (["migrate", "-v0"], ["createsuperuser", "--noinput", "--username=admin", "--email=a@b.example"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=BASE, env=own, check=True)
    return own


@contextmanager
def running_site(environment: dict[str, str]) -> Iterator[str]:
    """The site, with its style page, for as long as the block runs; its address."""
    address = environment["SITE_URL"]
    command = [sys.executable, "manage.py", "runserver", "--noreload", address.removeprefix("http://")]
    with (DATA / "site.log").open("w") as log:
        site = subprocess.Popen(command, cwd=BASE, env=environment | {"DEBUG": "true"}, stdout=log, stderr=log)
        try:
            wait_for(f"{address}/login/")
            yield address
        finally:
            site.terminate()
            site.wait(10)


def wait_for(url: str) -> None:
    """Return when the address answers; give up after a minute."""
    for _ in range(120):
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.5)
    raise TimeoutError(url)


def take_all(browser: Browser, address: str, shots: list[Shot], theme: str, size: str) -> None:
    """Every page in one theme and size."""
    context = browser.new_context(
        base_url=address, viewport=SIZES[size], color_scheme=theme, reduced_motion="reduce", device_scale_factor=1
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())
    logged_in = False
    for shot in sorted(shots, key=lambda shot: not shot.anonymous):
        if not shot.anonymous and not logged_in:
            log_in(page)
            logged_in = True
        take(page, shot, INTO / f"{shot.name}-{theme}-{size}.png", SIZES[size])
    context.close()


def log_in(page: Page) -> None:
    password = json.loads((DATA / "demo.json").read_text())["password"]
    page.goto("/login/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login/" not in url)


def take(page: Page, shot: Shot, file: Path, viewport: dict[str, int]) -> None:
    """The whole page as one screen, so that what sticks to its edges does so in the picture."""
    page.set_viewport_size(viewport)
    page.goto(shot.address)
    for selector in shot.clicks:
        target = page.locator(selector).first
        if target.is_visible():
            target.click()
            settle(page)
    settle(page)
    if not page.locator("dialog[open], :popover-open").count():
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({**viewport, "height": min(max(height, viewport["height"]), TALLEST)})
    for frame in page.locator("iframe:visible").all():  # lazy: it loads once it is seen
        frame.content_frame.locator("body > *").first.wait_for()
    page.wait_for_timeout(300)
    page.screenshot(path=file)


def settle(page: Page) -> None:
    """Return when the page has loaded, and with it what it asked for by itself or after a click."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(100)
    page.locator(".htmx-request, .htmx-swapping, .htmx-settling").first.wait_for(state="detached")


if __name__ == "__main__":
    main(sys.argv[1:])
