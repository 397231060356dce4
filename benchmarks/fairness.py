"""`make fairness`: do nine destinations wait because a tenth hangs? The worker as in production, real receivers.

Ten channels have a thousand deliveries each. First the nine that answer are served alone, then beside one that takes
every request and never answers. Each time is taken from the start of the worker until the last of the nine is served.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from typing import Any

from benchmarks.product import ROOT
from benchmarks.site import DATABASES, save_beside, site

CHANNELS, HANGS = 10, "/hangs"
ASKED = 1.5
LOOK_EVERY = 0.2
LONGEST = 3600.0


class Handler(BaseHTTPRequestHandler):
    """Answers at once; what goes to HANGS it takes and leaves without an answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == HANGS:
            time.sleep(60)
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def serve(port: Any) -> None:
    """Run the receivers in this process; puts the port into the queue."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port.put(server.server_port)
    server.serve_forever()


@contextmanager
def receivers() -> Iterator[str]:
    """Their address."""
    context = get_context("spawn")
    port = context.Queue()
    process = context.Process(target=serve, args=(port,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{port.get()}"
    finally:
        process.kill()
        process.join()


def fill(address: str, each: int, *, hanging: bool) -> None:
    """Let every channel have so many deliveries waiting; the last channel hangs, or is left out."""
    from django.utils import timezone  # noqa: PLC0415 - Django is set up only now

    from cohorts.models import Cohort  # noqa: PLC0415
    from notifications.models import Batch, Channel, Delivery, Subscription  # noqa: PLC0415

    now = timezone.now()
    criteria = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "pro"}}
    cohort = Cohort.objects.create(name="Pro", kind="user", criteria=criteria, created_at=now, paused_at=now)
    counts: dict[str, Any] = {"period_from": now, "period_to": now, "created_at": now, "removed": 0, "members": 1}
    for number in range(CHANNELS if hanging else CHANNELS - 1):
        path = HANGS if number == CHANNELS - 1 else f"/hook/{number}"
        config = {"url": address + path, "secret": "whsec_" + "c2VjcmV0" * 4}
        channel = Channel.objects.create(kind="webhook", name=path, config=config, created_at=now)
        subscription = Subscription.objects.create(cohort=cohort, channel=channel, created_at=now, settled_at=now)
        batches = [
            Batch(id=uuid.uuid4(), subscription=subscription, sequence=n + 1, added=1, **counts) for n in range(each)
        ]
        Batch.objects.bulk_create(batches, batch_size=500)
        Delivery.objects.bulk_create(
            (
                Delivery(batch=batch, channel=channel, content='{"added": []}', next_attempt_at=now, created_at=now)
                for batch in batches
            ),
            batch_size=500,
        )


def serve_the_nine() -> dict[str, Any]:
    """Start the worker; seconds until the nine have everything, and when each had (by its name)."""
    from django.db.models import Count  # noqa: PLC0415 - Django is set up only now

    from notifications.models import Attempt, Delivery  # noqa: PLC0415

    started = time.perf_counter()
    worker = subprocess.Popen([sys.executable, str(ROOT / "manage.py"), "run_worker"])
    done: dict[str, float] = {}
    first = 0.0
    try:
        while len(done) < CHANNELS - 1 and time.perf_counter() - started < LONGEST:
            time.sleep(LOOK_EVERY)
            pending = Delivery.objects.filter(state="pending").exclude(channel__name=HANGS)
            left = dict(pending.order_by().values_list("channel__name").annotate(number=Count("pk")))
            first = first or (time.perf_counter() if Attempt.objects.exists() else 0.0)
            for number in range(CHANNELS - 1):
                if f"/hook/{number}" not in left:
                    done.setdefault(f"/hook/{number}", round(time.perf_counter() - first, 1))
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait()
    hung = Attempt.objects.filter(delivery__channel__name=HANGS).count()
    return {"seconds": max(done.values()), "first_channel_done": min(done.values()), "attempts_that_hung": hung}


def main() -> None:
    """Measure one of the two, in a process of its own; with `both`, both, and save the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--deliveries", type=int, default=10_000, help="over all ten channels")
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    for name, hanging in (("alone", False), ("beside_one_that_hangs", True)):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            arguments = (options.database, options.deliveries // CHANNELS, options.workers, hanging)
            results[name] = process.submit(measure, *arguments).result()
        print(name, results[name], flush=True)
    ratio = results["beside_one_that_hangs"]["seconds"] / results["alone"]["seconds"]
    results |= {"deliveries": options.deliveries, "workers": int(options.workers), "ratio": round(ratio, 2)}
    results["asked"] = ASKED
    command = shlex.join(["python", "-m", "benchmarks.fairness", *sys.argv[1:]])
    print(f"ratio {ratio:.2f} (asked: {ASKED} at most)", save_beside("fairness", options.database, command, results))


def measure(database: str, each: int, workers: str, hanging: bool) -> dict[str, Any]:
    """One of the two times."""
    with receivers() as address, site(database, WORKERS=workers):
        fill(address, each, hanging=hanging)
        return serve_the_nine()


if __name__ == "__main__":
    main()
