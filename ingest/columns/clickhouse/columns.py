"""`interface.Columns` on ClickHouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from clickhouse_connect.driver.client import Client
from django.conf import settings

from ingest.columns.clickhouse.check import Missing
from ingest.columns.clickhouse.server import Address, Server
from ingest.columns.clickhouse.session import Session
from ingest.columns.clickhouse.snapshot import ClickHouseSnapshot
from ingest.columns.clickhouse.store import ClickHouseStore
from ingest.columns.listed import listed_segments
from ingest.columns.stored import StoredColumns


class ClickHouseColumns(StoredColumns):
    """The copy in one database of one server."""

    def __init__(self, address: Address, directory: Path) -> None:
        """`directory` is on this host, for the locks."""
        self.server = Server(address)
        self._store = ClickHouseStore(self.server, directory)
        super().__init__(self._store)

    @contextmanager
    def snapshot(self, at: datetime, *, keep: bool = False) -> Iterator[ClickHouseSnapshot]:
        with self.server.session() as client:
            yield self._look(client, at)

    def _look(self, client: Client, at: datetime) -> ClickHouseSnapshot:
        listed = listed_segments()
        while True:
            try:
                return ClickHouseSnapshot(Session(client, listed, self._store.sound), listed, at)
            except Missing:
                # A merge may have replaced it, and its grace be over, since the list was read.
                again = listed_segments()
                if {each.pk for each in again} == {each.pk for each in listed}:
                    raise
                listed = again

    def close(self) -> None:
        """Nothing stays open between two sessions."""


def open_clickhouse(url: str) -> ClickHouseColumns:
    """The copy that the URL names. Raises ImproperlyConfigured."""
    return ClickHouseColumns(Address.parse(url), Path(settings.DATA_DIR) / "columns")
