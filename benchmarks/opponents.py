"""The opponents: ClickHouse (chDB, in process) and bare DuckDB over tables of their own, recomputing everything.

Each table is laid out for these questions: typed columns for every field that a criterion asks, no maps; ClickHouse
and DuckDB both in time order (by day and user was slower); the company of an event resolved at insertion.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import chdb
import duckdb
import numpy as np
from chdb.session import Session

from benchmarks.cohorts import COHORTS

THREADS = 2
EVENT_COLUMNS = (
    "id, time, received_at, user_id, company_id, weight, type, action_name, verb, route, uri, status, "
    "duration_ms, ip_address, agent, amount, region, cached"
)
USER_COLUMNS = "id, external_id, company_id, received_at, signed_up, plan, role, region, name, email"


class Opponent(Protocol):
    """One engine with its own copy of the data."""

    def load(self, data: Path) -> None:
        """Take in the whole history."""

    def insert(self, delta: Path) -> None:
        """Take in what came in one quarter of an hour."""

    def select(self, sql: str) -> np.ndarray:
        """The ids that a query returns, fetched to this process."""

    def render(self, sql: str, now: datetime) -> str:
        """The query with its placeholders filled."""


def instants(sql: str, now: datetime) -> dict[str, datetime]:
    """The instants that a query names."""
    names = {"now": now, "today": now.replace(hour=0, minute=0, second=0, microsecond=0)}
    names |= {f"ago_{hours}h": now - timedelta(hours=int(hours)) for hours in re.findall(r"{ago_(\d+)h}", sql)}
    return names


class ClickHouse:
    """MergeTree tables in a directory; profiles as ReplacingMergeTree, first seen as an aggregated view."""

    version = f"chDB {chdb.__version__} (engine {chdb.engine_version})"

    def __init__(self, directory: Path) -> None:
        self.session = Session(str(directory))
        self.run(f"SET max_threads = {THREADS}, max_insert_threads = {THREADS}")

    def run(self, sql: str) -> Any:
        return self.session.query(sql, "Arrow")

    def load(self, data: Path) -> None:
        for statement in CLICKHOUSE_TABLES.split(";"):
            if statement.strip():
                self.run(statement)
        self._insert_companies(data)
        self._insert(data / "events" / "*.parquet", data / "users.parquet")
        for table in ("events", "users", "companies", "first_seen"):
            self.run(f"OPTIMIZE TABLE {table} FINAL")

    def insert(self, delta: Path) -> None:
        self._insert(delta / "events.parquet", delta / "users.parquet")

    def select(self, sql: str) -> np.ndarray:
        table = self.session.query(sql, "ArrowTable")
        return table.column(0).to_numpy()

    def render(self, sql: str, now: datetime) -> str:
        at = {name: f"toDateTime64('{at:%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')" for name, at in instants(sql, now).items()}
        first_seen = "(SELECT user_id, min(first_seen) AS first_seen FROM first_seen GROUP BY user_id)"
        return sql.format(**at, users="users FINAL", companies="companies", first_seen=first_seen)

    def _insert(self, events: Path, users: Path) -> None:
        columns = re.sub(r"\b(company_id|status)\b", r"ifNull(\1, 0)", EVENT_COLUMNS)
        columns = re.sub(r"\b(action_name|verb|route|agent)\b", r"ifNull(\1, '')", columns)
        self.run(f"INSERT INTO events ({EVENT_COLUMNS}) SELECT {columns} FROM file('{events}', Parquet)")
        columns = USER_COLUMNS.replace("company_id", "ifNull(company_id, 0)")
        self.run(f"INSERT INTO users ({USER_COLUMNS}) SELECT {columns} FROM file('{users}', Parquet)")

    def _insert_companies(self, data: Path) -> None:
        self.run(f"INSERT INTO companies SELECT id, external_id, plan FROM file('{data}/companies.parquet', Parquet)")


CLICKHOUSE_TABLES = """
CREATE DATABASE IF NOT EXISTS bench;
USE bench;
CREATE TABLE events (
    id Int64, time DateTime64(6, 'UTC'), received_at DateTime64(6, 'UTC'), user_id UInt32, company_id UInt32,
    weight UInt32, type LowCardinality(String), action_name LowCardinality(String), verb LowCardinality(String),
    route LowCardinality(String), uri String, status UInt16, duration_ms Nullable(Float32), ip_address String,
    agent LowCardinality(String), amount Nullable(Float64), region LowCardinality(String), cached Nullable(Bool)
) ENGINE = MergeTree PARTITION BY toYYYYMM(time) ORDER BY time;
CREATE TABLE users (
    id UInt32, external_id String, company_id UInt32, received_at DateTime64(6, 'UTC'),
    signed_up DateTime64(6, 'UTC'), plan LowCardinality(String), role LowCardinality(String),
    region LowCardinality(String), name String, email String
) ENGINE = ReplacingMergeTree(received_at) ORDER BY id;
CREATE TABLE companies (id UInt32, external_id String, plan LowCardinality(String)) ENGINE = MergeTree ORDER BY id;
CREATE TABLE first_seen (user_id UInt32, first_seen SimpleAggregateFunction(min, DateTime64(6, 'UTC')))
    ENGINE = AggregatingMergeTree ORDER BY user_id;
CREATE MATERIALIZED VIEW first_seen_view TO first_seen
    AS SELECT user_id, min(time) AS first_seen FROM events GROUP BY user_id
"""


class DuckDB:
    """Native tables in one file, in time order; profiles replaced and first seen merged at insertion."""

    version = f"DuckDB {duckdb.__version__}"

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.connection = duckdb.connect(str(directory / "bench.duckdb"))
        self.connection.execute(f"SET threads = {THREADS}; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")

    def load(self, data: Path) -> None:
        self.connection.execute(f"""
            CREATE TABLE events AS SELECT {EVENT_COLUMNS} FROM '{data}/events/*.parquet' ORDER BY time;
            CREATE TABLE users AS SELECT {USER_COLUMNS} FROM '{data}/users.parquet';
            CREATE TABLE companies AS SELECT id, external_id, plan FROM '{data}/companies.parquet';
            CREATE TABLE first_seen AS SELECT user_id, min(time) AS first_seen FROM events GROUP BY user_id;
            CHECKPOINT
        """)

    def insert(self, delta: Path) -> None:
        events, users = f"'{delta}/events.parquet'", f"'{delta}/users.parquet'"
        self.connection.execute(f"""
            BEGIN;
            INSERT INTO events SELECT {EVENT_COLUMNS} FROM {events};
            DELETE FROM users WHERE id IN (SELECT id FROM {users});
            INSERT INTO users SELECT {USER_COLUMNS} FROM {users}
                QUALIFY row_number() OVER (PARTITION BY id ORDER BY received_at DESC) = 1;
            CREATE TEMP TABLE newer AS
                SELECT user_id, min(first_seen) AS first_seen FROM (
                    SELECT user_id, min(time) AS first_seen FROM {events} GROUP BY user_id
                    UNION ALL SELECT user_id, first_seen FROM first_seen
                        WHERE user_id IN (SELECT user_id FROM {events})
                ) GROUP BY user_id;
            DELETE FROM first_seen WHERE user_id IN (SELECT user_id FROM newer);
            INSERT INTO first_seen SELECT * FROM newer;
            DROP TABLE newer;
            COMMIT
        """)

    def select(self, sql: str) -> np.ndarray:
        (ids,) = self.connection.execute(sql).fetchnumpy().values()
        return np.asarray(ids)

    def render(self, sql: str, now: datetime) -> str:
        at = {name: f"TIMESTAMPTZ '{at:%Y-%m-%d %H:%M:%S.%f}+00'" for name, at in instants(sql, now).items()}
        return sql.format(**at, users="users", companies="companies", first_seen="first_seen")


OPPONENTS: dict[str, type[ClickHouse] | type[DuckDB]] = {"clickhouse": ClickHouse, "duckdb": DuckDB}


class Contestant:
    """An opponent on the clock."""

    def __init__(self, name: str, directory: Path) -> None:
        self.opponent: Opponent = OPPONENTS[name](directory)

    def load(self, data: Path) -> float:
        """Take in the history; seconds."""
        started = time.perf_counter()
        self.opponent.load(data)
        return time.perf_counter() - started

    def insert(self, delta: Path) -> float:
        """Take in a quarter of an hour; milliseconds."""
        started = time.perf_counter()
        self.opponent.insert(delta)
        return (time.perf_counter() - started) * 1000

    def recompute(self, now: datetime) -> dict[str, Any]:
        """All eleven cohorts from nothing, one after the other: milliseconds in all and by cohort, and the ids."""
        took: dict[str, float] = {}
        ids: dict[str, np.ndarray] = {}
        worked = time.process_time()
        for cohort in COHORTS:
            sql = self.opponent.render(cohort.sql, now)
            started = time.perf_counter()
            found = self.opponent.select(sql)
            took[cohort.name] = (time.perf_counter() - started) * 1000
            ids[cohort.name] = np.sort(found.astype(np.int64))
        cpu = (time.process_time() - worked) * 1000
        return {"ms": sum(took.values()), "cpu_ms": cpu, "cohorts": took, "ids": ids}
