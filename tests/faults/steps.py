"""Number the steps of a process at which something becomes durable or leaves the site, and kill it at one of them.

A step is a commit, a statement that commits by itself, a request, a mail, or a file put in its place or deleted. Each
counts twice: just before it and just after. The steps are seen from outside, where Django and the libraries do them,
so that the product knows nothing of being killed.
"""

from __future__ import annotations

import os
import pathlib
import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import requests.adapters
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.ingest.columns.processes import KILLED, start

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")
PLACES: tuple[tuple[Any, str], ...] = (
    (BaseDatabaseWrapper, "_commit"),
    (requests.adapters.HTTPAdapter, "send"),
    (smtplib.SMTP, "sendmail"),
    (pathlib.Path, "rename"),
    (pathlib.Path, "unlink"),
)


class Steps:
    """Counts steps; at the chosen one, `at` is called."""

    def __init__(self, chosen: int, at: Callable[[], object]) -> None:
        self.count = 0
        self.chosen = chosen
        self.at = at

    def pass_one(self) -> None:
        self.count += 1
        if self.count == self.chosen:
            self.at()


@contextmanager
def counted(steps: Steps) -> Iterator[None]:
    """Inside, every step is counted."""
    with ExitStack() as patches:
        for place, name in PLACES:
            patches.enter_context(patch.object(place, name, _around(getattr(place, name), steps)))
        patches.enter_context(connection.execute_wrapper(_statements(steps)))
        yield


def _around(do: Callable[..., Any], steps: Steps) -> Callable[..., Any]:
    def step(*arguments: Any, **options: Any) -> Any:
        steps.pass_one()
        done = do(*arguments, **options)
        steps.pass_one()
        return done

    return step


def _statements(steps: Steps) -> Callable[..., Any]:
    """Statements that write outside a transaction are commits of their own."""

    def wrap(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        alone = not connection.in_atomic_block and sql.lstrip().upper().startswith(WRITES)
        if alone:
            steps.pass_one()
        done = execute(sql, params, many, context)
        if alone:
            steps.pass_one()
        return done

    return wrap


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed at the step; whether it came that far. Raises when it failed."""

    def run() -> None:
        with counted(Steps(step, lambda: os._exit(KILLED))):
            work()

    process = start(run)
    process.join(120)
    assert process.exitcode in (0, KILLED), f"ended with {process.exitcode}"
    return process.exitcode == KILLED
