"""The scheduled work beside the site: a django-q2 cluster under a watchdog."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cohortsite.watchdog import Watchdog


class Command(BaseCommand):
    help = (
        "Run the scheduled work: seal events, evaluate cohorts, make and deliver batches. "
        "SIGTERM or Ctrl-C ends it when the running work is done."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        watchdog = Watchdog()
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: watchdog.stop())
        if not watchdog.run():
            raise CommandError("The worker was restarted too often; the log says why.")
