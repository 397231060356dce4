"""The engines that the columns run on: each test, or example, with a copy of its own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.test import override_settings

from ingest.columns.clickhouse.server import keep_in_process

ENGINES = ["duckdb", "clickhouse"]


def engine() -> str:
    """The one that the columns run on now."""
    return "duckdb" if settings.EVENTS_URL.startswith("duckdb://") else "clickhouse"


@contextmanager
def own_columns(on: str) -> Iterator[str]:
    """Within: an empty copy; its URL. ClickHouse is one server in this process (chDB), where a copy is a database."""
    if on == "duckdb":
        with tempfile.TemporaryDirectory() as directory, override_settings(EVENTS_URL=f"duckdb://{directory}"):
            yield f"duckdb://{directory}"
        return
    database = f"copy_{uuid.uuid4().hex}"
    with override_settings(EVENTS_URL=f"chdb://{database}"):
        yield f"chdb://{database}"
    keep_in_process().command(f"DROP DATABASE IF EXISTS {database}")
