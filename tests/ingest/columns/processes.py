"""Run something in a process of its own, forked as the workers are, and let it be killed at a step."""

from __future__ import annotations

import importlib
import os
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkProcess

from django.db import connections

KILLED = 9


def start(work: Callable[[], object]) -> ForkProcess:
    """A child process that does the work, with connections of its own; its exit code is 0 unless it raised."""
    connections.close_all()

    def run() -> None:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    process = get_context("fork").Process(target=run)
    process.start()
    return process


def die_at(step: str, when: str, work: Callable[[], object]) -> int:
    """Do the work in a child that is killed just before or after it calls the function; returns its exit code."""
    module, _, name = step.rpartition(".")

    def run() -> None:
        place = importlib.import_module(f"ingest.columns.{module}")
        original = getattr(place, name)

        def killed(*args, **kwargs):
            if when == "after":
                original(*args, **kwargs)
            os._exit(KILLED)

        setattr(place, name, killed)
        work()

    process = start(run)
    process.join(60)
    return process.exitcode
