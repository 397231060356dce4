"""`manage.py rebuild_columns`: make the columnar copy again from the rows."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.columns import open_columns


class Command(BaseCommand):
    help = "Make the columnar copy again from the rows. Events keep coming in, and what is there is read until the end."

    def handle(self, *args: Any, **options: Any) -> None:
        columns = (TextColumn("Rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        done = 0
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("rebuild")
            for done, total in open_columns().rebuild(timezone.now()):
                progress.update(task, completed=done, total=total)
        self.stdout.write(f"The copy was made again from {done:,} rows.")
