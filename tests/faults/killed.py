"""The processes that a storm kills: they work, take events in, and are started again.

Time runs twenty times as fast, so that periods, leases and retries come round often. Import it once Django is set up.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django
from django.db import connections

SPEED = 20
"""Seconds of the storm's time in one of ours."""
WORKERS, COLLECTORS = 2, 1
LIVES = (0.1, 3.0)
"""Seconds between two kills."""
BEGINS = datetime(2026, 3, 2, 12, tzinfo=UTC)
USERS, SHOPS = 60, 60


class Clock:
    """The storm's time; all processes have the same, for they share `started`."""

    def __init__(self, started: float) -> None:
        self.started = started

    def now(self) -> datetime:
        return BEGINS + timedelta(seconds=(time.time() - self.started) * SPEED)


def work(clock: Clock, home: Path) -> None:
    """Run units that are due, any of them at any time, as a pool of processes does."""
    from cohortsite.pipeline import due_units, run_unit  # noqa: PLC0415 - Django is set up only now

    while True:
        units = due_units(clock.now())
        if not units:
            time.sleep(0.02)
            continue
        try:
            run_unit(random.choice(units), clock.now())
        except Exception as fault:
            with (home / "faults").open("a") as file:
                file.write(f"{type(fault).__name__}: {fault}\n")


def collect(clock: Clock, home: Path) -> None:
    """Take events in; each is written down once it was answered with 201."""
    from ingest.accept import accept  # noqa: PLC0415 - Django is set up only now
    from ingest.packing import pack  # noqa: PLC0415
    from ingest.parse import PARSERS  # noqa: PLC0415

    answered = os.open(home / "answered", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    while True:
        at, name = clock.now(), f"{os.getpid()}-{random.getrandbits(60)}"
        moment = at.isoformat()
        item = {
            "transaction_id": name,
            "request": {"time": moment, "verb": "GET", "uri": "https://api.acme.test/items"},
            "response": {"time": moment, "status": 200},
            "user_id": f"user-{int(random.triangular(0, USERS, 0))}",
            "metadata": {"name": name, "shop": f"shop-{random.randrange(SHOPS)}"},
        }
        accept(pack([PARSERS["event"](item, at)]), at)
        os.write(answered, f"{name}\n".encode())
        time.sleep(random.uniform(0, 0.1))


def kill_at_random(started: float, home: str, ready: Any, stop: Any, kills: Any) -> None:
    """Keep the processes going, kill one after the other, until asked to stop; puts the number of kills."""
    django.setup()
    logging.disable(logging.CRITICAL)
    clock, roles = Clock(started), [work] * WORKERS + [collect] * COLLECTORS
    warm_up(clock)
    running = {_fork(role, clock, Path(home)): role for role in roles}
    count = 0
    ready.set()
    while not stop.wait(random.uniform(*LIVES)):
        pid = random.choice(list(running))
        _kill(pid)
        count += 1
        role = running.pop(pid)
        running[_fork(role, clock, Path(home))] = role
    for pid in running:
        _kill(pid)
    kills.put(count + len(running))


def warm_up(clock: Clock) -> None:
    """Import and compile what every process that is forked would have to."""
    from cohortsite.pipeline import run_cycle  # noqa: PLC0415 - Django is set up only now
    from ingest import accept, parse  # noqa: F401, PLC0415

    run_cycle(clock.now())


def _fork(role: Callable[[Clock, Path], None], clock: Clock, home: Path) -> int:
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        random.seed()
        try:
            role(clock, home)
        finally:
            os._exit(1)
    return pid


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
