"""Is anything lost or doubled when workers of the server are killed? `make kills`.

Senders send batches of different sizes and repeat what was not answered, as real clients do. Every so often a worker
gets SIGKILL, while one cycle after the other runs. Afterwards each event that was answered 201 is looked up by its
transaction id, among the rows and in the columns: it must be there once.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from benchmarks.collector.report import write_report
from benchmarks.collector.senders import Request, Sent, batches, send
from benchmarks.collector.served import Served, parser, served
from benchmarks.product import ROOT
from benchmarks.site import save_beside

SIZES = (1, 25, 100)
PAUSE = 0.05
"""Seconds between two requests of a sender: what is sent has to be looked up again."""


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--minutes", type=float, default=3)
    asked.add_argument("--every", type=float, default=20, help="seconds between two kills")
    given = asked.parse_args()
    with served(given.database) as site:
        sent, kills, cycles = send_and_kill(site, 60 * given.minutes, given.every)
        run_cycle()
        results = {"minutes": given.minutes, "every": given.every, "kills": kills, "cycles": cycles, **judged(sent)}
    command = f"python -m benchmarks.collector.kills --database {given.database} --minutes {given.minutes:g}"
    save_beside("collect-kills", given.database, command, results)
    print(write_report())
    if any(results[each] for each in ("lost", "lost_in_columns", "doubled", "refused", "in_the_inbox")):
        raise SystemExit(f"not as promised: {results}")


def send_and_kill(site: Served, seconds: float, every: float) -> tuple[Sent, int, int]:
    """What was sent, how many workers were killed and how many cycles ended meanwhile."""
    stop, done = threading.Event(), Counter[str]()

    def kill() -> None:
        while not stop.wait(every):
            os.kill(random.choice(site.workers()), signal.SIGKILL)
            done["kills"] += 1

    def run_cycles() -> None:
        while not stop.is_set():
            run_cycle()
            done["cycles"] += 1

    threads = [threading.Thread(target=each) for each in (kill, run_cycles)]
    for thread in threads:
        thread.start()
    try:
        sent = send(site.key, _requests, seconds, PAUSE)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return sent, done["kills"], done["cycles"]


def run_cycle() -> None:
    """One cycle in a process of its own. Raises when a step of it failed."""
    command = [sys.executable, str(ROOT / "manage.py"), "run_cycle"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    if "FAILED" in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def _requests(number: int) -> Iterator[Request]:
    made = [request for size in SIZES for request in batches(size)]
    random.Random(number).shuffle(made)
    return cycle(made)


def judged(sent: Sent) -> dict[str, Any]:
    """What was promised, and what is there."""
    promised = [f"{mark}-{number}" for mark, events in sent.marks.items() for number in range(events)]
    rows, columns = Counter(_among_rows()), Counter(_in_columns())
    return {
        "accepted": sent.events,
        "requests": len(sent.marks),
        "unanswered": sent.broken,
        "refused": sum(times for status, times in sent.statuses.items() if status != 201),
        "lost": sum(not rows[id_] for id_ in promised),
        "lost_in_columns": sum(not columns[id_] for id_ in promised),
        "doubled": sum(times > 1 for found in (rows, columns) for times in found.values()),
        "in_the_inbox": _in_the_inbox(),
    }


def _in_the_inbox() -> int:
    from ingest.models import Arrival  # noqa: PLC0415 - Django is set up only now

    return Arrival.objects.count()


def _among_rows() -> list[str]:
    from ingest.models import Event  # noqa: PLC0415 - Django is set up only now

    return list(Event.objects.values_list("fields__transaction_id", flat=True))


def _in_columns() -> list[str]:
    from django.utils import timezone  # noqa: PLC0415

    from ingest.columns import Span, open_columns  # noqa: PLC0415

    now = timezone.now()
    with open_columns().snapshot(now) as snapshot:
        found: list[str] = snapshot.rows(snapshot.all_events(Span(None, now)).select("transaction_id"))[0].to_pylist()
    return found


if __name__ == "__main__":
    main()
