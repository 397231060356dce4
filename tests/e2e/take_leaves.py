"""Pictures of the rows of the builder for the table in docs/criteria.md, into docs/images: part of `make screenshots`.

The examples are those of the table. The site is the demo's, as `take_screenshots` left it.
"""

from __future__ import annotations

import json
import os
import re
from urllib.parse import urlencode

from playwright.sync_api import Browser, sync_playwright

from cohortsite.demo.environment import demo_environment, free_port
from tests.e2e.chromium import CHROMIUM, FLAGS
from tests.e2e.take_screenshots import BASE, DATA, log_in, running_site

WIDTH = {"width": 1360, "height": 700}
ROW = re.compile(r"^\| (\w+) \| .+ \| `(\{.+\})` \| !\[", re.M)


def main() -> None:
    """One picture for each row of the table."""
    environment = demo_environment(os.environ | {"DATA_DIR": str(DATA)}, BASE, free_port())
    examples = ROW.findall((BASE / "docs/criteria.md").read_text())
    with sync_playwright() as playwright, running_site(environment) as address:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take_rows(browser, address, [(name, json.loads(text)) for name, text in examples])
        browser.close()


def take_rows(browser: Browser, address: str, examples: list[tuple[str, dict[str, object]]]) -> None:
    """The row of each example as it stands in the look-up; the cohort of a leaf is the first that there is."""
    page = browser.new_page(base_url=address, viewport=WIDTH, color_scheme="light", reduced_motion="reduce")
    log_in(page)
    cohort = page.request.get("/api/cohorts/?cohort_type=user").json()["results"][0]["id"]
    for name, leaf in examples:
        match = {"cohort": cohort} if name == "cohort" else leaf
        criteria = json.dumps({"version": 1, "match": match})
        page.goto(f"/{'companies' if name == 'users' else 'users'}/?{urlencode({'criteria': criteria})}")
        page.wait_for_load_state("networkidle")
        page.locator("#b-match-row > .row-main").screenshot(path=BASE / f"docs/images/leaf-{name}.png")


if __name__ == "__main__":
    main()
