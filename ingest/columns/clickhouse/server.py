"""The ClickHouse server: where it is, how to talk to it, and what its errors mean to us."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from django.core.exceptions import ImproperlyConfigured

from ingest.columns.clickhouse.tables import TABLES
from ingest.columns.interface import ColumnsDamaged

EXPECTED = '"clickhouse://<user>:<password>@<host>:8123/<database>" ("clickhouses://" over TLS)'
IN_PROCESS = "chdb"
"""The scheme of a server inside this process, in memory, for tests: `chdb://<database>`."""
SETTINGS = {
    "join_use_nulls": 1,
    "prefer_column_name_to_alias": 1,
    # A definition of a hundred conditions makes a long query.
    "max_query_size": 100_000_000,
    "max_ast_elements": 5_000_000,
    "max_expanded_ast_elements": 5_000_000,
}
SESSION_SECONDS = 3600
"""How long the server keeps the temporary tables of a snapshot that asks nothing."""


class Unreachable(ColumnsDamaged):
    """The server does not answer: nothing may be evaluated, though the copy may be whole."""


@dataclass(frozen=True)
class Address:
    """What EVENTS_URL says: whom to connect to, and which database is ours."""

    database: str
    connection: dict[str, Any]

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises ImproperlyConfigured."""
        parts = urlsplit(url)
        if parts.scheme == IN_PROCESS:
            return cls(_name(parts.netloc, url), {"interface": IN_PROCESS})
        if not parts.hostname:
            raise ImproperlyConfigured(f"EVENTS_URL: expected {EXPECTED}")
        secure = parts.scheme == "clickhouses"
        connection = {
            "interface": "https" if secure else "http",
            "host": parts.hostname,
            "port": parts.port or (8443 if secure else 8123),
            "username": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "settings": dict(parse_qsl(parts.query)),
        }
        return cls(_name(parts.path.removeprefix("/"), url), connection)


def _name(database: str, url: str) -> str:
    if not database.isidentifier():
        raise ImproperlyConfigured(f"EVENTS_URL: expected {EXPECTED}; the database is one word")
    return database


@cache
def keep_in_process() -> Client:
    """Keep the server in this process, and what it has in memory, from ending with the last session."""
    return clickhouse_connect.get_client(interface=IN_PROCESS)


class Server:
    """Opens sessions. Thread-safe; a session is not."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._prepared = False
        if address.connection["interface"] == IN_PROCESS:
            keep_in_process()

    @contextmanager
    def session(self) -> Iterator[Client]:
        """A client with temporary tables of its own, in our database. Raises Unreachable."""
        with self._lock:
            if not self._prepared:
                self.prepare()
                self._prepared = True
        client = self._connect(self._address.database)
        try:
            yield client
        except OperationalError as error:
            raise Unreachable(f"ClickHouse does not answer: {error}") from error
        finally:
            client.close()

    def prepare(self) -> None:
        """Make the database and its tables, as far as they are not there."""
        client = self._connect(None)
        try:
            client.command(f"CREATE DATABASE IF NOT EXISTS {self._address.database}")
            for name, definition in TABLES.items():
                client.command(f"CREATE TABLE IF NOT EXISTS {self._address.database}.{name} {definition}")
        finally:
            client.close()

    def _connect(self, database: str | None) -> Client:
        options = self._address.connection
        settings = {**SETTINGS, "session_timeout": SESSION_SECONDS, **options.get("settings", {})}
        given = {"database": database} if database else {}
        try:
            return clickhouse_connect.get_client(**{**options, **given, "settings": settings})
        except OperationalError as error:
            raise Unreachable(f"ClickHouse does not answer: {error}") from error
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse refuses us: {error}") from error
