"""How fast the collector accepts events over HTTP, beside raw COPY of the same rows: `python -m benchmarks.collect`.

The opponent is COPY of pre-rendered text into a PostgreSQL table without index, run right before and after each window,
so that both meet the same load of the machine. With `--kill` a worker of the server is killed every so often while
events are sent and cycles run; afterwards every event that was answered 201 has to be there.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.product import ROOT, manage, use_home

HOST, PORT = "127.0.0.1", 18_143
SERVER = "postgres://postgres@127.0.0.1:5432/"
DATABASE = "cohortsite_bench_collect"
RESULTS = Path(__file__).parent / "results" / "collect.json"
SENDERS, USERS, COMPANIES, BODIES = 4, 20_000, 1_000, 20
MARK = b"@@@@@@@@"
"""Stands in every transaction id; replaced before a body is sent, so that no event is sent twice."""


@dataclass
class Sent:
    """What one window saw; `marks` are those of the bodies that were answered 201."""

    events: int = 0
    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    broken: int = 0
    marks: list[str] = field(default_factory=list)


def main() -> None:
    asked = parse_arguments()
    results: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "seconds": asked.seconds}
    for store in asked.on.split(","):
        with site(store, asked.workers) as (key, process):
            batches = map(int, asked.batch.split(","))
            results[store] = {str(batch): measure(key, batch, asked.seconds, asked.rounds) for batch in batches}
            if asked.kill:
                results[store]["kill"] = kill_workers(key, process, asked.kill, asked.every)
        print(store, json.dumps(results[store], indent=2))
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text()) | results
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--on", default="postgresql,sqlite")
    parser.add_argument("--batch", default="500,25,1", help="events in a request")
    parser.add_argument("--seconds", type=float, default=5, help="of one window")
    parser.add_argument("--rounds", type=int, default=3, help="windows, each between two COPYs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kill", type=float, default=0, help="seconds for which workers are killed; 0: not at all")
    parser.add_argument("--every", type=float, default=20, help="seconds between kills")
    return parser.parse_args()


@contextmanager
def site(store: str, workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The site on a new database of its own; gives a key and the server's process."""
    with tempfile.TemporaryDirectory() as home:
        use_home(Path(home))
        if store == "postgresql":
            with psycopg.connect(SERVER + "postgres", autocommit=True) as server:
                server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
                server.execute(f"CREATE DATABASE {DATABASE}")
            os.environ["DATABASE_URL"] = SERVER + DATABASE
        manage("migrate")
        made = [sys.executable, str(ROOT / "manage.py"), "create_api_key", "bench", "--scopes", "collector"]
        key = subprocess.run(made, check=True, capture_output=True, text=True).stdout.split()[-1]
        serve = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(PORT)]
        serve += ["--workers", str(workers), "--blocking-threads", "4", "--respawn-failed-workers"]
        process = subprocess.Popen([*serve, "--log-level", "error", "cohortsite.wsgi:application"], cwd=ROOT)
        try:
            wait_until_up()
            yield key, process
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_up() -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection(HOST, PORT, timeout=5)
            connection.request("GET", "/health/probe")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the site did not start")


def measure(key: str, batch: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Events per second of each window, as such and as a share of COPY."""
    bodies = [make_body(random.Random(number), batch) for number in range(BODIES)]
    send(key, bodies, batch, min(seconds, 2))  # customers are made, connections opened
    rates, shares, waits, copies = [], [], [], [copy_rate()]
    for _ in range(rounds):
        sent = send(key, bodies, batch, seconds)
        assert not sent.refused + sent.broken, f"{sent.refused} refused, {sent.broken} broken"
        copies.append(copy_rate())
        rates.append(sent.events / seconds)
        shares.append(rates[-1] / statistics.mean(copies[-2:]))
        waits += sent.seconds
    return {
        "events_per_second": spread(rates),
        "copy_rows_per_second": spread(copies),
        "share_of_copy": spread(shares),
        "p50_ms": round(1000 * statistics.median(waits), 1),
        "p99_ms": round(1000 * statistics.quantiles(waits, n=100)[98], 1),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def make_body(chance: random.Random, batch: int) -> bytes:
    return json.dumps([make_event(chance, number) for number in range(batch)]).encode()


def make_event(chance: random.Random, number: int) -> dict[str, Any]:
    """A call as a middleware sends it, with headers of which some are dropped and a path with an id."""
    second = chance.randrange(60)
    return {
        "transaction_id": f"{MARK.decode()}-{number}",
        "request": {
            "time": f"2026-03-02T11:00:{second:02}.123",
            "verb": chance.choice(["GET", "POST"]),
            "uri": f"https://api.acme.test/orders/{chance.randrange(10**6)}/items?page=2",
            "headers": {"User-Agent": "curl/8", "Authorization": "Bearer x", "Accept": "application/json"},
            "ip_address": "203.0.113.9",
        },
        "response": {
            "time": f"2026-03-02T11:00:{second:02}.250",
            "status": chance.choice([200, 200, 200, 400]),
            "headers": {"Content-Type": "application/json", "Set-Cookie": "x"},
        },
        "user_id": f"user-{chance.randrange(USERS)}",
        "company_id": f"company-{chance.randrange(COMPANIES)}",
        "metadata": {"plan": "pro", "region": "eu", "amount": chance.randrange(100)},
    }


def send(key: str, bodies: list[bytes], batch: int, seconds: float) -> Sent:
    """What SENDERS threads, each with one connection, send until the time is over; only what was answered counts."""
    parts: list[Sent] = []
    lock, end = threading.Lock(), time.monotonic() + seconds

    def run(number: int) -> None:
        own, connection, at = Sent(), None, number
        headers = {"X-Moesif-Application-Id": key, "Content-Type": "application/json"}
        while time.monotonic() < end:
            mark = os.urandom(4).hex()
            body = bodies[at % len(bodies)].replace(MARK, mark.encode())
            at += 1
            connection = connection or http.client.HTTPConnection(HOST, PORT, timeout=60)
            started = time.perf_counter()
            try:
                connection.request("POST", "/v1/events/batch", body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                own.broken, connection = own.broken + 1, None
                time.sleep(0.1)  # a worker was killed, and its place is not yet taken
                continue
            own.seconds.append(time.perf_counter() - started)
            if answer.status != 201:
                own.refused += 1
                continue
            own.events += batch
            own.marks.append(mark)
        with lock:
            parts.append(own)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sent(
        events=sum(part.events for part in parts),
        seconds=[each for part in parts for each in part.seconds],
        refused=sum(part.refused for part in parts),
        broken=sum(part.broken for part in parts),
        marks=[each for part in parts for each in part.marks],
    )


def copy_rate(rows: int = 100_000) -> float:
    """Rows per second of COPY into a table without index, in one transaction."""
    text = "".join(raw_line(random.Random(number)) for number in range(1000))
    with psycopg.connect(SERVER + "postgres") as connection, connection.cursor() as cursor:
        cursor.execute(
            """CREATE TABLE raw_copy (key bytea, type text, time timestamptz, received_at timestamptz, user_id int,
                                      company_id int, weight int, fields jsonb)"""
        )
        started = time.perf_counter()
        with cursor.copy("COPY raw_copy FROM STDIN") as copy:
            for _ in range(rows // 1000):
                copy.write(text)
        rate = rows / (time.perf_counter() - started)
        connection.rollback()
    return rate


def raw_line(chance: random.Random) -> str:
    """An event as COPY reads it."""
    fields = {name: value for name, value in make_event(chance, 0).items() if name != "transaction_id"}
    at = "2026-03-02 11:00:00+00"
    key = f"\\\\x{chance.randbytes(16).hex()}"
    return "\t".join([key, "api_call", at, at, "1", "2", "1", json.dumps(fields)]) + "\n"


def kill_workers(key: str, server: subprocess.Popen[bytes], seconds: float, every: float) -> dict[str, int]:
    """Send while workers are killed and cycles run; counts what was accepted, and what of it is missing."""
    bodies = [make_body(random.Random(number), 100) for number in range(BODIES)]
    stop, kills = threading.Event(), []

    def kill() -> None:
        while not stop.wait(every):
            workers = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            if workers:
                os.kill(int(random.choice(workers)), signal.SIGKILL)
                kills.append(time.time())

    def cycle() -> None:
        while not stop.is_set():
            manage("run_cycle")

    threads = [threading.Thread(target=kill), threading.Thread(target=cycle)]
    for thread in threads:
        thread.start()
    sent = send(key, bodies, 100, seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return {
        "kills": len(kills), "accepted": sent.events, "broken": sent.broken, "refused": sent.refused,
        "lost": missing(sent.marks),
    }  # fmt: skip


def missing(marks: list[str]) -> int:
    """The events of accepted bodies that are not in the database, by their transaction ids."""
    code = """
import json, sys
from ingest.models import Event
wanted = {f"{mark}-{n}" for mark in json.load(sys.stdin) for n in range(100)}
have = set(Event.objects.values_list("fields__transaction_id", flat=True).iterator())
print(len(wanted - have))
"""
    run = [sys.executable, str(ROOT / "manage.py"), "shell", "-v0", "-c", code]
    found = subprocess.run(run, input=json.dumps(marks), check=True, capture_output=True, text=True)
    return int(found.stdout.split()[-1])


if __name__ == "__main__":
    main()
