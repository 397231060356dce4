"""What a snapshot asks of the server, as long as its segments are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from ingest.columns.clickhouse import check
from ingest.models import Segment

Answer = TypeVar("Answer")
LOOK_AGAIN = 60.0
"""Seconds after which segments are looked at again: dropped ones would read as empty, and what was replaced is dropped
after a grace period, however long somebody reads."""


class Session:
    """One client, and the segments that the answers rest on."""

    def __init__(self, client: Client, segments: Sequence[Segment], sound: dict[str, str]) -> None:
        """Raises ColumnsDamaged unless the segments are as listed."""
        self._client = client
        self._segments = segments
        self._sound = sound
        self._looked = time.monotonic()
        check.check(client, segments, sound)

    def ask(self, sql: str) -> pa.Table:
        """The answer of a query. Raises ColumnsDamaged."""
        return self._try(lambda: self._client.query_arrow(sql, use_strings=True))

    def do(self, sql: str) -> None:
        """Run a statement. Raises ColumnsDamaged."""
        self._try(lambda: self._client.command(sql))

    def insert(self, table: str, rows: pa.Table) -> None:
        """Put rows into a temporary table."""
        self._try(lambda: self._client.insert_arrow(table, rows))

    def _try(self, run: Callable[[], Answer]) -> Answer:
        try:
            answer = run()
        except OperationalError:
            raise
        except ClickHouseError:
            check.check(self._client, self._segments, self._sound)
            raise
        if time.monotonic() - self._looked > LOOK_AGAIN:
            check.check(self._client, self._segments, self._sound)
            self._looked = time.monotonic()
        return answer
