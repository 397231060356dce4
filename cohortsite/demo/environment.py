"""The demo is a site of its own: its settings come from an environment of its own, whatever the machine has set."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

PREPARED = "COHORTSITE_DEMO"
OTHERS = ("DATABASE_URL", "EVENTS_URL", "EMAIL_BACKEND", "SECRET_KEY", "ALLOWED_HOSTS", "DEBUG")
"""Settings of another site, which must not reach the demo."""


def demo_environment(environ: Mapping[str, str], base: Path, port: int) -> dict[str, str]:
    """The environment in which the demo runs: SQLite in `DATA_DIR` (./data/demo unless given), ports that are free.

    `port` is where the site is wanted; when it is taken, another one is chosen.
    """
    kept = {name: value for name, value in environ.items() if name not in OTHERS}
    own = {
        PREPARED: "yes",
        "READ_DOT_ENV": "false",
        "DATA_DIR": environ.get("DATA_DIR", str(base / "data" / "demo")),
        "SITE_URL": f"http://127.0.0.1:{port if is_free(port) else free_port()}",
        "EMAIL_URL": f"smtp://127.0.0.1:{free_port()}",
        "DEFAULT_FROM_EMAIL": "Fernpost cohorts <cohorts@fernpost.example>",
        # Its receivers are on loopback, where a real site sends nothing.
        "ALLOW_HTTP_WEBHOOKS": "true",
        "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8",
        "WEBHOOK_ALLOW_PORTS": "1024-65535",
        "LOG_LEVEL": environ.get("LOG_LEVEL", "WARNING"),
    }
    return kept | own


def is_free(port: int) -> bool:
    """Whether nothing listens on the port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
