"""The product in processes of its own: `make_store` (takes things in), `make_cycle` (runs the pipeline), `make_alerts`
(judges alert rules), `make_site` (answers requests).

Django has to be set up before anything of the product is imported, so these import the modules they make
something of, and nothing else imports those.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import django

ROOT = Path(__file__).parent.parent


def use_home(home: Path) -> None:
    """Give the processes started from now on a data directory of their own, and the product's default settings."""
    for name in (
        "DATABASE_URL",
        "EVENTS_URL",
        "DEBUG",
        "KEPT_BODY_PATHS",
        "DROPPED_BODY_PATHS",
        "COLUMNS_MEMORY",
        "COLUMNS_THREADS",
    ):
        os.environ.pop(name, None)
    os.environ.update(
        READ_DOT_ENV="false",
        DATA_DIR=str(home),
        SECRET_KEY="only-for-benchmarks-" + "x" * 50,
        DJANGO_SETTINGS_MODULE="cohortsite.settings",
        EMAIL_URL="memorymail://",
        LOG_LEVEL="ERROR",
    )


def manage(*arguments: str) -> None:
    """Run `manage.py`; raises when it fails."""
    subprocess.run([sys.executable, str(ROOT / "manage.py"), *arguments], check=True, stdout=subprocess.DEVNULL)


def make_store() -> Any:
    """A `benchmarks.store.Store` in a process where Django is set up."""
    return _made("benchmarks.store", "Store")


def make_cycle() -> Any:
    """A `benchmarks.cycle.Cycle` in a process where Django is set up."""
    return _made("benchmarks.cycle", "Cycle")


def make_alerts() -> Any:
    """A `benchmarks.alerts.Alerts` in a process where Django is set up."""
    return _made("benchmarks.alerts", "Alerts")


def make_site(*args: Any) -> Any:
    """A `benchmarks.pages.Site` in a process where Django is set up."""
    return _made("benchmarks.pages", "Site", *args)


def _made(module: str, name: str, *args: Any) -> Any:
    django.setup()
    return getattr(importlib.import_module(module), name)(*args)
