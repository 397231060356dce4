"""How many random examples are tried on each engine: few in a normal run, always the same ones.

PROPERTY_EXAMPLES sets the number, and then others are tried every time; `make properties` does so and records what
was tried. On PostgreSQL fewer are tried, and the long way round by ClickHouse is taken on SQLite alone: what differs
between databases is over when a row is sealed.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings

ASKED = os.environ.get("PROPERTY_EXAMPLES", "")
POSTGRESQL = "TEST_DATABASE_URL" in os.environ
EXAMPLES = {"duckdb": int(ASKED or (4 if POSTGRESQL else 8)), "clickhouse": int(ASKED or 3)}
ENGINES_HERE = [engine for engine in EXAMPLES if engine == "duckdb" or ASKED or not POSTGRESQL]
TRIED: Counter[tuple[str, str]] = Counter()
"""(engine, what) -> how many: `histories` that were recorded, `answers` that were held against the judge."""


def tried(engine: str, share: float = 1) -> Any:
    """The decorator of a test that tries a share of the engine's examples."""
    return settings(
        max_examples=max(1, round(EXAMPLES[engine] * share)),
        derandomize=not ASKED,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
