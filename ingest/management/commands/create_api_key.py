"""`manage.py create_api_key NAME [--scopes collector,read]`: prints the key once, alone on the last line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from ingest.keys import make_key
from ingest.models import Scope


def scopes(text: str) -> list[Scope]:
    """Scopes from `collector,read`."""
    try:
        return [Scope(name.strip()) for name in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"expected some of {', '.join(Scope.values)}, with commas between them") from None


class Command(BaseCommand):
    help = "Makes an API key and prints it once: it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the key is for, e.g. the sending application")
        parser.add_argument(
            "--scopes",
            type=scopes,
            default=[Scope.COLLECTOR],
            metavar=",".join(Scope.values),
            help="what the key may do (default: collector)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key, text = make_key(options["name"], options["scopes"], timezone.now())
        self.stderr.write(f'API key "{key.name}" ({", ".join(key.scopes)}). Store it now: it is not shown again.')
        self.stdout.write(text)
