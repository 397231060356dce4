"""How fast the collector accepts events over HTTP, beside raw COPY of the same rows: `make collect`.

The opponent is COPY of pre-rendered text into a PostgreSQL table without index, run right before and after each window,
so that both meet the same load of the machine. What was accepted is then recorded, for as long as a window, to say how
fast that goes.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from datetime import timedelta
from itertools import cycle
from typing import Any

import psycopg

from benchmarks.collector.report import write_report
from benchmarks.collector.senders import SENDERS, Sent, batches, make_event, send
from benchmarks.collector.served import THREADS, WORKERS, parser, served
from benchmarks.site import save_beside

COPY_ON = os.environ.get("BENCH_COPY_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
SIZES = (500, 25, 1)
"""Events in a request."""
COPIED = 100_000


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--seconds", type=float, default=5, help="of one window")
    asked.add_argument("--rounds", type=int, default=3, help="windows, each between two COPYs")
    given = asked.parse_args()
    with served(given.database) as site:
        sizes = {str(size): measure(site.key, size, given.seconds, given.rounds) for size in SIZES}
        recorded = recorded_rate(given.seconds)
    results = {"workers": WORKERS, "threads": THREADS, "senders": SENDERS, "seconds": given.seconds, "sizes": sizes}
    command = f"python -m benchmarks.collector.speed --database {given.database} --seconds {given.seconds:g}"
    save_beside("collect", given.database, command, results | {"recorded_per_second": recorded})
    print(write_report())


def measure(key: str, size: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Events per second of each window, as such and as a share of COPY."""
    requests = batches(size)
    _send(key, requests, min(seconds, 2))  # connections are opened
    rates, shares, copies, waits = [], [], [copy_rate()], []
    for _ in range(rounds):
        sent = _send(key, requests, seconds)
        copies.append(copy_rate())
        rates.append(sent.events / seconds)
        shares.append(rates[-1] / statistics.mean(copies[-2:]))
        waits += sent.seconds
    return {
        "events_per_second": _spread(rates),
        "copy_rows_per_second": _spread(copies),
        "share_of_copy": _spread(shares),
        "p50_ms": round(1000 * statistics.median(waits), 1),
        "p99_ms": round(1000 * statistics.quantiles(waits, n=100)[98], 1),
    }


def _send(key: str, requests: list[Any], seconds: float) -> Sent:
    sent = send(key, lambda number: cycle(requests[number:] + requests[:number]), seconds)
    assert set(sent.statuses) == {201}, sent.statuses
    assert not sent.broken
    return sent


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def recorded_rate(seconds: float) -> float:
    """Events of the inbox that become rows in a second."""
    from ingest.arrivals import record_arrivals  # noqa: PLC0415 - Django is set up only now

    started = time.perf_counter()
    return round(record_arrivals(timedelta(seconds=seconds)) / (time.perf_counter() - started))


def copy_rate() -> float:
    """Rows per second of COPY into a table without index, in one transaction."""
    text = "".join(_raw_line(random.Random(number)) for number in range(1000))
    with psycopg.connect(COPY_ON) as connection, connection.cursor() as cursor:
        cursor.execute(
            """CREATE TABLE raw_copy (key bytea, type text, time timestamptz, received_at timestamptz, user_id int,
                                      company_id int, weight int, fields jsonb)"""
        )
        started = time.perf_counter()
        with cursor.copy("COPY raw_copy FROM STDIN") as copy:
            for _ in range(COPIED // 1000):
                copy.write(text)
        rate = COPIED / (time.perf_counter() - started)
        connection.rollback()
    return rate


def _raw_line(chance: random.Random) -> str:
    """An event as COPY reads it."""
    fields = {name: value for name, value in make_event(chance, 0).items() if name != "transaction_id"}
    at = "2026-03-02 11:00:00+00"
    key = f"\\\\x{chance.randbytes(16).hex()}"
    return "\t".join([key, "api_call", at, at, "1", "2", "1", json.dumps(fields)]) + "\n"


if __name__ == "__main__":
    main()
