"""How much memory a worker of the server takes of good and hostile senders together: `make memory`.

Of four senders two send what middlewares send; one sends what is refused for what is in it, one what is refused for its
size: bombs of gzip, bodies that are nothing but brackets, millions of tiny values, traces of empty spans.
"""

from __future__ import annotations

import gzip
import json
import random
import statistics
import threading
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks.collector.report import write_report
from benchmarks.collector.senders import MARK, Request, batches, send
from benchmarks.collector.served import Served, parser, served
from benchmarks.site import save_beside

PAUSE = 0.02
LOOK_EVERY = 2.0
WARM = 60.0
"""Seconds after which a worker has seen everything; growth is counted from there."""
ZIPPED = "Content-Encoding: gzip\r\n"


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--minutes", type=float, default=10, help="after the first, in which everything is sent once")
    given = asked.parse_args()
    with served(given.database) as site:
        results = measure(site, WARM + 60 * given.minutes)
    command = f"python -m benchmarks.collector.memory --database {given.database} --minutes {given.minutes:g}"
    save_beside("collect-memory", given.database, command, {"minutes": given.minutes, **results})
    print(write_report())


def measure(site: Served, seconds: float) -> dict[str, Any]:
    """Of the worker that grew most: megabytes before, after the first minute, in the last minute, and at the most."""
    looks: dict[int, list[tuple[float, float]]] = {pid: [(0.0, _resident(pid))] for pid in site.workers()}
    stop, began = threading.Event(), time.monotonic()

    def look() -> None:
        while not stop.wait(LOOK_EVERY):
            for pid, seen in looks.items():
                seen.append((time.monotonic() - began, _resident(pid)))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        sent = send(site.key, _requests, seconds, PAUSE)
    finally:
        stop.set()
        looking.join()
    assert set(looks) == set(site.workers()), "a worker died"
    return {"statuses": sent.statuses, "broken": sent.broken, **max(map(_growth, looks.values()), key=_grown)}


def _growth(seen: list[tuple[float, float]]) -> dict[str, float]:
    warm = statistics.median(size for at, size in seen if WARM / 2 <= at <= WARM)
    last = statistics.median(size for at, size in seen if at >= seen[-1][0] - WARM)
    most = max(size for _, size in seen)
    sizes = {"start_mb": seen[0][1], "warm_mb": warm, "end_mb": last, "most_mb": most}
    return sizes | {"growth_mb": round(last - warm, 1)}


def _grown(result: dict[str, float]) -> float:
    return result["growth_mb"]


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)


def _requests(number: int) -> Iterator[Request]:
    makers = [lambda: batches(500), lambda: [*batches(25), *batches(1)], _senseless, _oversized]
    made = makers[number % 4]()
    random.Random(number).shuffle(made)
    return cycle(made)


def _senseless() -> list[Request]:
    """What is small, and wrong inside."""
    texts = [b"{", b"[{}, 1, null]", b"\xff\xfe{", b"[NaN]", b"[" * 5000, b'[{"a":1e999}]', b"\x1f\x8bx"]
    items = [{"user_id": "x" * 300}, {"user_id": "\0"}, {"user_id": MARK.decode(), "metadata": {"n": 2**70}}, {}]
    paths = ["/v1/events", "/v1/users/batch", "/v1/batch", "/v1/traces", "/v1/companies", "/v1/nowhere"]
    bodies = [*texts, json.dumps(items * 200).encode(), gzip.compress(json.dumps(items).encode())[:-5]]
    return [Request(path, body) for path in paths for body in bodies]


def _oversized() -> list[Request]:
    """What would take much memory if it were taken apart as it stands."""
    text = json.dumps([{"user_id": f"u{n}", "metadata": {"text": "x" * 90_000}} for n in range(100)]).encode()
    return [
        Request("/v1/users/batch", gzip.compress(b" " * 100_000_000), headers=ZIPPED),
        Request("/v1/users/batch", gzip.compress(b"[" + b"{}," * 3_000_000 + b"{}]"), headers=ZIPPED),
        Request("/v1/users/batch", gzip.compress(b"[" + b"{}," * 90_000 + b"{}]"), headers=ZIPPED),
        Request("/v1/batch", gzip.compress(b'{"batch":[' + b"1," * 2_000_000 + b"1]}"), headers=ZIPPED),
        Request("/v1/traces", gzip.compress(b"\x0a\x04\x12\x02\x12\x00" * 1_000_000), headers=ZIPPED),
        Request("/v1/users", b'{"user_id":"u","metadata":{"text":"' + b"x" * 11_000_000 + b'"}}'),
        Request("/v1/users/batch", text),
        Request("/v1/events", b" " * 13_000_000),
    ]


if __name__ == "__main__":
    main()
