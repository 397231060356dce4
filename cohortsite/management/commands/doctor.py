"""`manage.py doctor`: is everything as it should be, and what to do where it is not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import cohorts.doctor
import cohortsite.doctor
import ingest.doctor
import notifications.alerts.doctor
import notifications.doctor
from ingest.examination import Check, Examination, Result, Severity, examine

GROUPS: dict[str, tuple[Check, ...]] = {
    "deployment": cohortsite.doctor.CHECKS,
    "events": ingest.doctor.CHECKS,
    "cohorts": cohorts.doctor.CHECKS,
    "notifications": notifications.doctor.CHECKS,
    "alerts": notifications.alerts.doctor.CHECKS,
}


class Command(BaseCommand):
    help = (
        "Check the invariants of the data and the deployment while the site works, and say what to do for each "
        "finding. Ends with 1 when something is wrong, with 0 when all is well or only deserves a look."
    )
    requires_system_checks = ()  # they are among ours
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument("--quick", action="store_true", help="leave out the checks that read every row")
        parser.add_argument("--only", choices=list(GROUPS), help="one group of checks alone")

    def handle(self, *, json: bool, quick: bool, only: str | None, **options: Any) -> None:
        groups = [only] if only else list(GROUPS)
        chosen = [(group, check) for group in groups for check in GROUPS[group] if not (quick and check.deep)]
        results = []
        for group, result in self.examine(chosen):
            results.append((group, result))
            if not json:
                self.tell(result)
        if json:
            self.stdout.write(as_json(results))
        elif all(result.is_sound for _, result in results):
            self.stdout.write(f"{len(results)} checks done: all is well.")
        if not all(result.is_sound for _, result in results):
            raise CommandError("Something is wrong; see above.")

    def examine(self, chosen: Sequence[tuple[str, Check]]) -> Iterator[tuple[str, Result]]:
        """Do the checks, with a display of how far they are on standard error."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=len(chosen), rows=0)
            rows = 0

            def seen(more: int) -> None:
                nonlocal rows
                rows += more
                progress.update(task, rows=rows)

            examination = Examination(timezone.now(), seen)
            for group, check in chosen:
                progress.update(task, description=check.about)
                yield group, examine(check, examination)
                progress.advance(task)

    def tell(self, result: Result) -> None:
        """One line for a check, two more for each finding."""
        worst = Severity.ERROR if not result.is_sound else Severity.WARNING if result.findings else None
        signs = {
            None: self.style.SUCCESS("ok     "),
            Severity.WARNING: self.style.WARNING("look   "),
            Severity.ERROR: self.style.ERROR("WRONG  "),
        }
        self.stdout.write(f"{signs[worst]} {result.check.about}")
        for finding in result.findings:
            self.stdout.write(f"         {finding.what}\n           -> {finding.remedy}")


def as_json(results: Sequence[tuple[str, Result]]) -> str:
    """The findings for software: `{"healthy", "checks": [{"group", "name", "about", "seconds", "findings"}]}`."""
    told = [
        {
            "group": group,
            "name": result.check.name,
            "about": result.check.about,
            "seconds": round(result.seconds, 3),
            "findings": [asdict(finding) for finding in result.findings],
        }
        for group, result in results
    ]
    return json.dumps({"healthy": all(result.is_sound for _, result in results), "checks": told}, indent=2)
