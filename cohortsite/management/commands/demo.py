"""A site with sample traffic, cohorts and notifications to look at."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import track

from cohorts.models import Cohort
from cohortsite.demo.display import line_of, show_received
from cohortsite.demo.environment import PREPARED, demo_environment
from cohortsite.demo.live import Feed
from cohortsite.demo.people import HISTORY
from cohortsite.demo.processes import Process, answers, end_all
from cohortsite.demo.receivers import Receivers
from cohortsite.demo.story import (
    ADMINISTRATOR,
    COHORTS,
    State,
    first_state,
    make_channels,
    make_cohorts,
    make_rules,
    subscribe_all,
)
from cohortsite.demo.traffic import traffic
from cohortsite.pipeline import run_cycle
from ingest.models import Customer
from notifications.alerts.models import Alert

REPLAYED, STEP = timedelta(days=1), timedelta(hours=1)
"""Cycles are run over the last day, one for each hour."""
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite kill, a closed terminal."""


class Command(BaseCommand):
    help = (
        "Load sample traffic into ./data/demo (or DATA_DIR), run cycles over the last day, and leave the site, its "
        "worker and two receivers running until Ctrl-C. A second run continues where the first one stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="where the site is wanted (default: 8000)")
        parser.add_argument("--no-serve", action="store_true", help="stop after the cycles, start no site")

    def handle(self, *args: Any, **options: Any) -> None:
        if PREPARED not in os.environ:
            environment = demo_environment(os.environ, settings.BASE_DIR, options["port"])
            os.execve(sys.executable, [sys.executable, *sys.argv], environment)
        on_stop(signal.default_int_handler)
        self.console = Console()
        self.file = settings.DATA_DIR / "demo.json"
        self.receivers = Receivers(settings.EMAIL_PORT)
        self.receivers.start()
        try:
            state = self.load(timezone.now())
            self.replay()
            show_received(self.console, self.receivers.take_all(), favorite=COHORTS["new-and-stuck"][0])
            if not options["no_serve"]:
                self.serve(state)
        except KeyboardInterrupt:
            self.console.print("\nStopped.")
        finally:
            on_stop(signal.SIG_IGN)
            self.receivers.stop()

    def load(self, now: datetime) -> State:
        """Bring the database and its traffic up to `now`."""
        call_command("migrate", verbosity=0)
        state = State.read(self.file)
        if state is None:
            if Customer.objects.exists():
                raise CommandError(f"{settings.DATA_DIR} holds other data; the demo needs a DATA_DIR of its own.")
            anchor = now.replace(minute=0, second=0, microsecond=0)
            state = first_state(anchor, anchor - HISTORY - timedelta(days=1), now)
        self.import_traffic(state, now)
        state.until = now.isoformat()
        state.write(self.file)
        return state

    def import_traffic(self, state: State, now: datetime) -> None:
        """Import what happened since the last run, from a file, as `import_events` takes it."""
        items = traffic(datetime.fromisoformat(state.anchor), datetime.fromisoformat(state.until), now)
        if not items:
            return
        file = settings.DATA_DIR / "traffic.jsonl"
        with file.open("w") as lines:
            lines.writelines(json.dumps(item) + "\n" for item in items)
        self.console.print(f"[bold]Importing[/] {len(items):,} lines of sample traffic from {file}")
        call_command("import_events", str(file))

    def replay(self) -> None:
        """Run the cycles that are missing in the last day, hour by hour, the first one as a silent baseline."""
        now = timezone.now().replace(second=0, microsecond=0)  # whole minutes, as the worker's ticks
        make_cohorts(now - REPLAYED)
        hook, mail = make_channels(self.receivers.url, now - REPLAYED)
        make_rules(hook, mail, now - REPLAYED)
        self.receivers.secret = hook.config["secret"]
        last = Cohort.objects.filter(key__in=COHORTS).order_by("evaluated_at").values_list("evaluated_at", flat=True)[0]
        steps = int(REPLAYED / STEP)
        instants = [now - STEP * back for back in range(steps, -1, -1) if last is None or now - STEP * back > last]
        for at in track(instants, "Running cycles over the last day", console=self.console, transient=True):
            report = run_cycle(at)
            if report.faults:
                raise CommandError("; ".join(report.faults))
            subscribe_all(hook, mail, at)

    def serve(self, state: State) -> None:
        """Run site and worker, print what arrives, send live traffic; until Ctrl-C."""
        address = urlsplit(settings.SITE_URL)
        site = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(address.port)]
        site += ["--blocking-threads", "8", "cohortsite.wsgi:application"]
        processes = [
            Process(site, settings.DATA_DIR / "site.log"),
            Process([str(settings.BASE_DIR / "manage.py"), "run_worker"], settings.DATA_DIR / "worker.log"),
        ]
        try:
            if not answers(f"{settings.SITE_URL}/health/probe", seconds=60):
                raise CommandError(f"The site does not answer; see {processes[0].log}")
            self.print_banner(state)
            self.watch(state, processes)
        finally:
            on_stop(signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
            self.console.print("\nStopping the site and the worker …")
            end_all(processes)

    def print_banner(self, state: State) -> None:
        """Where to look and how to get in."""
        self.console.print(
            f"\n[bold]The site is up:[/] {settings.SITE_URL}/\n"
            f"  Log in as [bold]{ADMINISTRATOR}[/] with password [bold]{state.password}[/]\n"
            f"  Alerts    {settings.SITE_URL}/alerts/ ({Alert.objects.filter(resolved_at=None).count()} open now)\n"
            f"  Admin     {settings.SITE_URL}/admin/\n"
            f"  API       {settings.SITE_URL}/api/docs/\n"
            f"  API key   {state.api_key}\n"
            f"  Logs      {settings.DATA_DIR}/site.log and worker.log\n\n"
            "Live traffic flows in, and what is sent for it is printed here. Ctrl-C stops everything.\n",
            highlight=False,
            soft_wrap=True,
        )

    def watch(self, state: State, processes: list[Process]) -> None:
        """Print what arrives and keep traffic coming."""
        feed = Feed(
            settings.SITE_URL,
            state.api_key,
            datetime.fromisoformat(state.anchor),
            datetime.fromisoformat(state.until),
        )
        while True:
            for process in processes:
                if process.has_ended:
                    raise CommandError(f"A process ended by itself; see {process.log}")
            for item in self.receivers.take_all():
                self.console.print(line_of(item, datetime.now(UTC)), highlight=False)
            try:
                if feed.send(timezone.now()):
                    state.until = feed.sent_until.isoformat()
                    state.write(self.file)
            except requests.RequestException as error:
                self.console.print(f"[red]The collector did not take the live traffic:[/] {error}")
            time.sleep(0.5)


def on_stop(handler: Any) -> None:
    """What the signals that ask the demo to end do from now on."""
    for signum in STOPS:
        signal.signal(signum, handler)
