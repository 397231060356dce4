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
BROKEN = {33, 40, 60, 81, 107, 117, 228, 246, 740}
"""Codes of errors that mean data which is lost or has changed: a checksum is wrong, a file, a table or the database is
missing, a part is broken."""


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
            return cls(_name(parts.netloc, url), {"interface": IN_PROCESS, "settings": {"max_threads": 1}})
        if not parts.hostname:
            raise ImproperlyConfigured(f"EVENTS_URL: expected {EXPECTED}")
        secure = parts.scheme == "clickhouses"
        connection = {
            "interface": "https" if secure else "http",
            "host": parts.hostname,
            "port": parts.port or (8443 if secure else 8123),
            "username": unquote(parts.username or "default"),
            "password": unquote(parts.password or ""),
            "autogenerate_session_id": True,  # temporary tables live in the session
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
    def session(self, *, writing: bool = False) -> Iterator[Client]:
        """A client with temporary tables of its own, in our database. Raises Unreachable, ColumnsDamaged.

        The tables are made where they are not there: before the first session, and before anything is written.
        """
        client = self._connect()
        try:
            with self._lock:
                if writing or not self._prepared:
                    self._prepare(client)
                    self._prepared = True
            client.database = self._address.database
            yield client
        except OperationalError as error:
            raise Unreachable(f"ClickHouse does not answer: {error}") from error
        except ClickHouseError as error:
            if getattr(error, "code", None) in BROKEN:
                raise ColumnsDamaged(f"the segments cannot be read: {error}") from error
            raise
        finally:
            client.close()

    def _prepare(self, client: Client) -> None:
        """Make the database and its tables, as far as they are not there."""
        database = self._address.database
        there = client.query(f"SELECT name FROM system.tables WHERE database = '{database}'").result_rows
        if TABLES.keys() <= {name for (name,) in there}:
            return
        client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        for name, definition in TABLES.items():
            client.command(f"CREATE TABLE IF NOT EXISTS {database}.{name} {definition}")

    def _connect(self) -> Client:
        options = self._address.connection
        settings = {**SETTINGS, "session_timeout": SESSION_SECONDS, **options.get("settings", {})}
        try:
            return clickhouse_connect.get_client(**{**options, "settings": settings})
        except OperationalError as error:
            raise Unreachable(f"ClickHouse does not answer: {error}") from error
        except ClickHouseError as error:
            raise Unreachable(f"ClickHouse refuses us: {error}") from error
