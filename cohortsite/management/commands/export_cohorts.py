"""`manage.py export_cohorts`: cohorts, channels, subscriptions and alert rules as YAML."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from cohortsite.as_code.export import export, give_keys, without_key


class Command(BaseCommand):
    help = "Print the cohorts, channels, subscriptions and alert rules that have keys as YAML, without secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--add-keys", action="store_true", help="give a key to what has none, made from its name")

    def handle(self, *, add_keys: bool, **options: Any) -> None:
        if add_keys:
            for name, key in give_keys().items():
                self.stderr.write(f"{name} now has the key {key}")
        for name in without_key():
            self.stderr.write(f"{name} has no key and is left out; --add-keys gives it one")
        self.stdout.write(export(), ending="")
