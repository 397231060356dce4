"""Tests of the columns that hold on every engine."""

from __future__ import annotations

import pytest

from tests.engines import own_columns


@pytest.fixture
def clickhouse():
    """The columns run on ClickHouse, in a database of their own."""
    with own_columns("clickhouse") as url:
        yield url


@pytest.fixture(params=["duckdb", "clickhouse"])
def each_engine(request):
    """The test runs once on each engine."""
    with own_columns(request.param):
        yield request.param
