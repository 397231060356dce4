"""A site of its own for a measurement: a database, SQLite or PostgreSQL, and a data directory."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import django
import psycopg

from benchmarks.product import ROOT, manage, use_home

DATABASES = ("sqlite", "postgresql")
POSTGRESQL = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/cohortsite_bench")
"""A database that is made for the measurement, and dropped before and after it."""
RESULTS = Path(__file__).parent / "results"


@contextmanager
def site(database: str, **settings: str) -> Iterator[Path]:
    """Inside, Django is set up for a new, empty site whose webhooks may go to this machine. Once in a process."""
    with TemporaryDirectory(prefix="cohortsite-bench-") as home, _database(database) as url:
        use_home(Path(home))
        os.environ.update(
            ALLOW_HTTP_WEBHOOKS="true", WEBHOOK_ALLOW_CIDRS="127.0.0.0/8", WEBHOOK_ALLOW_PORTS="1024-65535", **settings
        )
        if url:
            os.environ["DATABASE_URL"] = url
        manage("migrate", "-v0")
        django.setup()
        yield Path(home)


@contextmanager
def _database(database: str) -> Iterator[str]:
    if database == "sqlite":
        yield ""
        return
    name = urlsplit(POSTGRESQL).path.lstrip("/")
    _postgresql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    try:
        yield POSTGRESQL
    finally:
        _postgresql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _postgresql(*statements: str) -> None:
    server = urlsplit(POSTGRESQL)._replace(scheme="postgresql", path="/postgres").geturl()
    with psycopg.connect(server, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def save_beside(name: str, database: str, command: str, results: dict[str, Any]) -> Path:
    """Put the results of one database into `results/NAME.json`, beside those of the other."""
    file = RESULTS / f"{name}.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    found[database] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        **results,
    }
    file.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    return file
