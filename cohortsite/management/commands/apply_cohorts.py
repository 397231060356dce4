"""`manage.py apply_cohorts FILE`: make cohorts, channels, subscriptions and alert rules what a file says."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cohortsite.as_code.apply import KEEP, apply_file
from cohortsite.as_code.read import Fault, read_file


class Command(BaseCommand):
    help = "Make cohorts, channels, subscriptions and alert rules what a YAML file says; see docs/cohorts-as-code.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file as export_cohorts writes it")
        parser.add_argument("--plan", action="store_true", help="say what would change, and change nothing")
        parser.add_argument("--prune", action="store_true", help="remove what has a key and is not in the file")
        parser.add_argument(
            "--tell-edits", action="store_true", help="report who joins or leaves by an edit of criteria"
        )

    def handle(self, *, file: Path, plan: bool, prune: bool, tell_edits: bool, **options: Any) -> None:
        try:
            asked = read_file(file, os.environ)
            steps = apply_file(asked, timezone.now(), prune=prune, tell=tell_edits, plan=plan)
        except Fault as fault:
            raise CommandError(f"{file}: {fault}\nNothing was changed.") from None
        for step in steps:
            self.stdout.write(str(step))
        changed = sum(step.sign != KEEP for step in steps)
        verb = "would change" if plan else "changed"
        self.stdout.write(f"{changed} {verb}." if changed else "Nothing differs from the file.")
