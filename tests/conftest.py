"""What every test has: a columnar copy of its own, and instants that do not depend on the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest


@pytest.fixture
def now() -> datetime:
    """A Monday noon."""
    return datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_columns(settings, tmp_path):
    """Each test seals into its own directory."""
    settings.EVENTS_URL = f"duckdb://{tmp_path}/columns"
