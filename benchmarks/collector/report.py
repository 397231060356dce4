"""The table of what was measured, written from the JSON files beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.site import RESULTS

Found = dict[str, Any]
INTRODUCTION = """# The collector

Written from `collect.json`, `collect-kills.json` and `collect-memory.json`, which `make collect`, `make kills` and
`make memory` make. The server is Granian with 2 workers; 4 senders share its machine. Events have some 600 bytes, with
headers that are dropped and a path with an id.
"""
SPEED = """## Speed

What is answered 201 is committed. Deduplication, customers and profiles are the work of recording, at the next cycle.
COPY is that of the same rows as text into a PostgreSQL table without index, right before and after each window. Asked,
in batches of 500: at least 0.2 of COPY on PostgreSQL and 0.08 on SQLite (aim: 0.35 and 0.2), and on PostgreSQL a 99th
percentile below 250 ms. Median (least to most). On a busy machine (see the load) the server, which needs several
processes at once, loses more than COPY does.

| database, events a request | events/s | COPY, rows/s | share of COPY | p50, ms | p99, ms |
|---|---|---|---|---|---|
"""
KILLS = """## Killed workers

Every so often a worker gets SIGKILL while cycles run one after the other. Senders repeat what was not answered. Each
event answered 201 is looked up by its transaction id among the rows and in the columns.

| database | minutes | kills | cycles | accepted | unanswered requests | refused | lost | not in the columns | doubled |
|---|---|---|---|---|---|---|---|---|---|
"""
MEMORY = """## Memory

Resident megabytes of a worker, the one that grew most, while two senders send events and two send what is refused:
bombs of gzip, millions of tiny values, traces of empty spans, bodies that are no JSON. Asked: growth below 50 in 10
minutes, counted from the end of the first minute.

| database | minutes | at the start | after a minute | in the last | growth | at the most | requests by status |
|---|---|---|---|---|---|---|---|
"""


def write_report() -> str:
    """Write `collect.md`; returns it."""
    parts = [INTRODUCTION]
    for name, title, rows in (
        ("collect", SPEED, _speed),
        ("collect-kills", KILLS, _kills),
        ("collect-memory", MEMORY, _memory),
    ):
        file = RESULTS / f"{name}.json"
        if file.exists():
            found = json.loads(file.read_text())
            lines = [row for database in sorted(found) for row in rows(database, found[database])]
            parts.append("\n" + title + "\n".join(lines) + "\n\n" + "".join(_where(found)))
    text = "".join(parts)
    (RESULTS / "collect.md").write_text(text)
    return text


def _where(found: Found) -> Iterator[str]:
    for database, run in sorted(found.items()):
        yield (
            f"{database}: {run['date']}, commit {run['commit']}, {run['cores']} cores, load after it {run['load']}; "
            f"`{run['command']}`\n"
        )


def _speed(database: str, run: Found) -> Iterator[str]:
    for size, found in run["sizes"].items():
        share, rate, copy = (found[name] for name in ("share_of_copy", "events_per_second", "copy_rows_per_second"))
        yield (
            f"| {database}, {size} | {rate['median']:,.0f} | {copy['median']:,.0f} "
            f"| **{share['median']}** ({share['least']} to {share['most']}) | {found['p50_ms']} | {found['p99_ms']} |"
        )
    yield f"| {database}, recorded | {run['recorded_per_second']:,.0f} | | | | |"


def _kills(database: str, run: Found) -> Iterator[str]:
    names = ("minutes", "kills", "cycles", "accepted", "unanswered", "refused", "lost", "lost_in_columns", "doubled")
    yield f"| {database} | " + " | ".join(f"{run[name]:,g}" for name in names) + " |"


def _memory(database: str, run: Found) -> Iterator[str]:
    names = ("minutes", "start_mb", "warm_mb", "end_mb", "growth_mb", "most_mb")
    statuses = ", ".join(f"{times:,} x {status}" for status, times in sorted(run["statuses"].items()))
    yield f"| {database} | " + " | ".join(f"{run[name]:,g}" for name in names) + f" | {statuses} |"
