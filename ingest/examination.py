"""What the doctor's checks have in common. Each app lists its own in its `doctor.py`.

A check states what ought to be true and finds what is not. It reads the database as it stands at one instant, so
that it may run while the site works, and holds at most a bitmap of what it reads in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from time import perf_counter
from typing import Any, cast

from django.db import connection, transaction

logger = logging.getLogger(__name__)

MOST_FINDINGS = 20
"""Findings of one check, at most: who has thousands mends the cause, not each."""


class Severity(StrEnum):
    """Whether a promise is broken, or something only deserves a look."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: a sentence, and a sentence that says what to do."""

    what: str
    remedy: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Examination:
    """What a check is given: the instant, and whom to tell of the rows it has read."""

    now: datetime
    seen: Callable[[int], object] = lambda rows: None


@dataclass(frozen=True)
class Check:
    """One thing that ought to be true; `about` says it in words."""

    name: str
    about: str
    find: Callable[[Examination], Iterable[Finding]]
    deep: bool = False
    "It reads every row of a large table."
    at_one_instant: bool = True
    "It sees the database as it stood when it began."


@dataclass(frozen=True)
class Result:
    """What a check found, and the seconds it took."""

    check: Check
    findings: list[Finding]
    seconds: float

    @property
    def is_sound(self) -> bool:
        """Whether no promise is broken; warnings do not count."""
        return all(finding.severity != Severity.ERROR for finding in self.findings)


def examine(check: Check, examination: Examination) -> Result:
    """Do one check. One that cannot be done is a finding too."""
    started = perf_counter()
    try:
        with _one_instant() if check.at_one_instant else nullcontext():
            findings = list(islice(check.find(examination), MOST_FINDINGS + 1))
    except Exception as error:
        logger.exception("Check %s failed", check.name)
        findings = [Finding(f"The check failed ({type(error).__name__}): {error}", "See the log; then run it again.")]
    if len(findings) > MOST_FINDINGS:
        findings[MOST_FINDINGS:] = [Finding("There are more of these.", "Mend the first ones, then run it again.")]
    return Result(check, findings, perf_counter() - started)


@contextmanager
def _one_instant() -> Iterator[None]:
    """Read the database as it stands now, without holding anybody up."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with _deferred(), transaction.atomic():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield


@contextmanager
def _deferred() -> Iterator[None]:
    """Transactions that only read let others write: our usual mode is IMMEDIATE, which does not."""
    connection.ensure_connection()
    sqlite = cast(Any, connection)
    usual = sqlite.transaction_mode
    sqlite.transaction_mode = "DEFERRED"
    try:
        yield
    finally:
        sqlite.transaction_mode = usual
