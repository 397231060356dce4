"""axe-core, run inside the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parent / "vendor/axe/axe-4.14.1.min.js"
SEVERE = {"serious", "critical"}


def assert_accessible(page: Page) -> None:
    """The page as it stands now has no serious or critical fault."""
    page.evaluate(f"{AXE.read_text()};0")
    result = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    faults = [fault for fault in result["violations"] if fault["impact"] in SEVERE]
    assert not faults, "\n\n".join(_in_words(fault) for fault in faults)


def _in_words(fault) -> str:
    places = "\n".join(f"  {node['html'][:200]}\n    {node['failureSummary']}" for node in fault["nodes"][:5])
    return f"{fault['id']} ({fault['impact']}): {fault['help']}\n{places}"
