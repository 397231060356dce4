"""What no page may do, in any browser test: log an error, break its content policy, ask another host."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`content policy: ${event.violatedDirective} blocked ${event.blockedURI} at ${event.sourceFile}`));
"""


class Guard:
    """Collects the faults of every page of a browser context."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.host = urlsplit(address).netloc
        self.faults: list[str] = []
        self.allowed = ["htmx:(afterRequest|sendAbort), "]  # so htmx reports a request that a later one overtook
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        context.on("request", self._on_request)

    def allow(self, pattern: str) -> None:
        """A fault that the test provokes."""
        self.allowed.append(pattern)

    def check(self) -> None:
        faults = [fault for fault in self.faults if not any(re.search(pattern, fault) for pattern in self.allowed)]
        assert not faults, "\n".join(faults)

    def _on_console(self, message) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.netloc != self.host:
            self.faults.append(f"asked another host: {request.url}")
