"""`manage.py import_events FILE`: events and profiles from JSON lines, in the collector's form."""

from __future__ import annotations

import gc
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ingest.decode import Rejected
from ingest.lines import parse_line
from ingest.record import record
from ingest.records import Record

LINES_PER_TRANSACTION = 5000
SHOWN = 20
"""Rejected lines that are told one by one."""


@dataclass
class Tally:
    """What came of the lines so far."""

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: list[str] = field(default_factory=list)


class Command(BaseCommand):
    help = (
        'Reads JSON lines such as {"event": {...}, "received_at": "..."} (event, action, user, company, subscription). '
        "Can be run again without doubling anything. Exit code 1 if a line was rejected; the others are stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="path of the file, or - for the standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        tally = Tally()
        with _opened(options["file"]) as (file, size), _progress(size) as progress, _rare_garbage_collection():
            task = progress.add_task("Importing", total=size)
            for lines in _batches(file):
                _import(lines, tally)
                progress.update(task, advance=sum(map(len, lines)))
        self._report(tally)

    def _report(self, tally: Tally) -> None:
        for line in tally.rejected[:SHOWN]:
            self.stderr.write(line)
        if len(tally.rejected) > SHOWN:
            self.stderr.write(f"... and {len(tally.rejected) - SHOWN:,} more rejected lines")
        self.stdout.write(
            f"{tally.lines:,} lines: {tally.accepted:,} stored, {tally.duplicates:,} there already, "
            f"{len(tally.rejected):,} rejected"
        )
        if tally.rejected:
            sys.exit(1)


def _import(lines: list[bytes], tally: Tally) -> None:
    now = timezone.now()
    records: list[Record] = []
    for number, line in enumerate(lines, start=tally.lines + 1):
        try:
            if line.strip():
                records.append(parse_line(line, number, now))
        except Rejected as rejected:
            tally.rejected.append(f"line {number}: {rejected}")
    recorded = record(records)
    tally.lines += len(lines)
    tally.accepted += recorded.accepted
    tally.duplicates += recorded.duplicates


def _batches(file: BinaryIO) -> Iterator[list[bytes]]:
    lines = []
    for line in file:
        lines.append(line)
        if len(lines) == LINES_PER_TRANSACTION:
            yield lines
            lines = []
    if lines:
        yield lines


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Batches are many objects without cycles: looking for cycles costs a tenth of the import and finds none."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file and its size in bytes, which is not known of the standard input."""
    if name == "-":
        yield sys.stdin.buffer, None
        return
    path = Path(name)
    try:
        file = path.open("rb")
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from None
    with file:
        yield file, path.stat().st_size


def _progress(size: int | None) -> Progress:
    """A bar by bytes on a terminal; elsewhere nothing but the summary."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    remaining = (TimeRemainingColumn(),) if size else ()
    return Progress(*columns, *remaining, console=console, disable=not console.is_terminal)
