"""What ought to be true of the deployment: settings, database, worker, data directory, disk, clock."""

from __future__ import annotations

import shutil
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.mail import get_connection
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http.request import validate_host
from django_q.models import Schedule

from cohortsite.models import CYCLE, WORKER, Heartbeat, Process
from cohortsite.presence import data_mark, key_mark
from cohortsite.schedules import TICK, is_readable
from cohortsite.watchdog import missing_sign
from ingest.examination import Check, Examination, Finding, Severity
from notifications.models import Channel

SILENT_CRON = timedelta(hours=1)
"""Where cycles are run by cron, this long without one is too long."""
SKEW = timedelta(seconds=5)
"""By how much two clocks may differ: receivers of webhooks accept five minutes."""
RECENT = timedelta(days=30)
"""Processes that were started longer ago are taken to be gone."""
NEARLY_FULL, FULL = 2_000_000_000, 200_000_000
"""Free bytes below which the disk deserves a look, and below which sealing is about to fail."""
WITHOUT_TLS = ("security.W004", "security.W012", "security.W016")
"""What Django says of a site without TLS; we say it once."""
UNDELIVERED = ("console", "locmem", "dummy", "filebased")
"""Words in the names of email backends that send nothing."""


def missing_migrations(examination: Examination) -> Iterator[Finding]:
    """Migrations that were not applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:5])
        what = f"{len(plan)} migrations are not applied: {names}."
        yield Finding(what, "Run manage.py migrate, then restart site and worker.")


def unsafe_settings(examination: Examination) -> Iterator[Finding]:
    """What Django's own deployment check finds, and an address of the site that nobody reaches."""
    address = urlsplit(settings.SITE_URL)
    for message in checks.run_checks(include_deployment_checks=True):
        if not message.is_silenced() and (address.scheme == "https" or message.id not in WITHOUT_TLS):
            severity = Severity.ERROR if message.is_serious() else Severity.WARNING
            yield Finding(
                f"{message.msg} ({message.id})", message.hint or "See Django's deployment checklist.", severity
            )
    if address.scheme != "https":
        what = f"SITE_URL is {settings.SITE_URL}: passwords and what is collected may travel unencrypted."
        yield Finding(what, "Let a proxy end TLS in front of the site, and set SITE_URL to https://.", Severity.WARNING)
    if not validate_host(address.hostname or "", settings.ALLOWED_HOSTS):
        what = f"The site does not answer to its own address: {address.hostname} is not in ALLOWED_HOSTS."
        yield Finding(what, "Add it to ALLOWED_HOSTS.")
    if address.hostname in ("localhost", "127.0.0.1"):
        what = f"SITE_URL is {settings.SITE_URL}: links in notifications lead nowhere for others."
        yield Finding(what, "Set SITE_URL to the address at which people reach the site.", Severity.WARNING)


def open_doors(examination: Examination) -> Iterator[Finding]:
    """Where webhooks may go that they may not go by default."""
    if settings.ALLOW_HTTP_WEBHOOKS:
        what = "ALLOW_HTTP_WEBHOOKS is on: webhooks may go out unencrypted."
        yield Finding(what, "Switch it off when every receiver speaks https.", Severity.WARNING)
    if networks := getattr(settings, "WEBHOOK_ALLOW_CIDRS", []):
        what = f"Webhooks may go to these networks, though they are not public: {', '.join(map(str, networks))}."
        yield Finding(what, "Keep WEBHOOK_ALLOW_CIDRS as small as it can be.", Severity.WARNING)


def mail_that_goes_nowhere(examination: Examination) -> Iterator[Finding]:
    """Email channels without a mail server that answers."""
    if not Channel.objects.filter(kind="email", paused_at=None).exists():
        return
    if any(word in settings.EMAIL_BACKEND for word in UNDELIVERED):
        what = f"There are email channels, but {settings.EMAIL_BACKEND} sends nothing."
        yield Finding(what, "Set EMAIL_URL, or EMAIL_BACKEND with the settings of your provider.")
        return
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        what = f"Mail comes from {settings.DEFAULT_FROM_EMAIL}, which others refuse."
        yield Finding(what, "Set DEFAULT_FROM_EMAIL to an address of your domain.", Severity.WARNING)
    if settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        try:
            with get_connection():
                pass
        except OSError as error:
            what = f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT} cannot be used: {error}."
            yield Finding(what, "Set EMAIL_URL; try it with manage.py sendtestemail.")


def database_settings(examination: Examination) -> Iterator[Finding]:
    """A database that may lose what was accepted, or whose clock differs."""
    found = _sqlite() if connection.vendor == "sqlite" else _postgresql(examination.now)
    yield from found


def _sqlite() -> Iterator[Finding]:
    for name, wanted, why in (
        ("journal_mode", "wal", "readers and writers would wait for each other"),
        ("synchronous", 2, "a loss of power could take what was accepted"),
        ("foreign_keys", 1, "rows could name what does not exist"),
    ):
        found = _ask(f"PRAGMA {name}")
        if found != wanted:
            what = f"SQLite runs with {name} = {found}, not {wanted}: {why}."
            yield Finding(what, "Keep DATA_DIR on a local disk, and DATABASES as settings.py has it.")
    damage = _ask("PRAGMA quick_check(1)")
    if damage != "ok":
        yield Finding(f"The database file is damaged: {damage}.", "Restore it from a backup.")


def _postgresql(now: datetime) -> Iterator[Finding]:
    there = _ask("SELECT clock_timestamp()")
    here = datetime.now(UTC)
    if abs(there - here) > SKEW:
        apart = abs(there - here).total_seconds()
        what = f"The clocks of this machine and of the database are {apart:.0f} s apart."
        yield Finding(what, "Keep both right by NTP.", Severity.WARNING)
    if _ask("SHOW fsync") != "on" or _ask("SHOW synchronous_commit") == "off":
        what = "PostgreSQL runs without fsync or synchronous_commit: a crash could take what was accepted."
        yield Finding(what, "Switch both on in postgresql.conf.", Severity.WARNING)


def _ask(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def worker_that_is_silent(examination: Examination) -> Iterator[Finding]:
    """No worker and no cron job, or a worker that shows only one of its signs of life."""
    now = examination.now
    beats = dict(Heartbeat.objects.values_list("name", "at"))
    for name, at in beats.items():
        if at > now + SKEW:
            what = f"The {name} was last seen at {at:%Y-%m-%d %H:%M:%S} UTC, which is still to come."
            yield Finding(what, "Set the clocks of the machines right.")
    if now - beats.get(CYCLE, datetime.min.replace(tzinfo=UTC)) < SILENT_CRON:
        return  # cycles are run by cron
    if WORKER not in beats:
        yield Finding("No worker was ever seen.", "Start one beside the site: manage.py run_worker.")
        return
    silence = missing_sign(now - RECENT, now, timedelta(seconds=settings.WORKER_STALE_AFTER))
    if silence:
        yield Finding(f"The worker does not work: {silence}.", "Start manage.py run_worker again and read its log.")
    for schedule in Schedule.objects.exclude(repeats=0):
        if not is_readable(schedule):
            what = f"Schedule {schedule.pk} cannot be read and stops all others."
            yield Finding(what, "Start manage.py run_worker again: it switches such a schedule off.")
    if not Schedule.objects.filter(name=TICK).exclude(repeats=0).exists():
        yield Finding("The worker's schedule is missing.", "Start manage.py run_worker again: it makes it.")


def processes_that_share_nothing(examination: Examination) -> Iterator[Finding]:
    """Sites and workers with another data directory or key than this command has."""
    mark, key = data_mark(), key_mark()
    embedded = settings.EVENTS_URL.startswith("duckdb:")
    for process in Process.objects.filter(started_at__gte=examination.now - RECENT).order_by("role", "host"):
        since = f"the {process}, started at {process.started_at:%Y-%m-%d %H:%M} UTC,"
        gone = "If it is gone for good, delete its row under Processes in the admin."
        if process.data_mark != mark and embedded:
            what = f"This command and {since} have different data directories."
            remedy = (
                "Let all share one DATA_DIR, on one host or volume; separate disks need EVENTS_URL=clickhouse://..."
            )
            yield Finding(what, f"{remedy} {gone}")
        if process.key_mark != key:
            what = f"This command and {since} have different keys: one cannot decrypt what the other stored."
            yield Finding(what, f"Give all the same SECRET_KEY. {gone}")


def disk_that_is_full(examination: Examination) -> Iterator[Finding]:
    """Little room where the columnar copy is written."""
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < NEARLY_FULL:
        what = f"{free / 1e9:.1f} GB are free below {settings.DATA_DIR}."
        severity = Severity.ERROR if free < FULL else Severity.WARNING
        yield Finding(what, "Make room: sealing and merging need up to twice the size of the columnar copy.", severity)


def time_zones_that_are_missing(examination: Examination) -> Iterator[Finding]:
    """No database of time zones: cohorts with a zone cannot be evaluated."""
    if len(zoneinfo.available_timezones()) < 100:
        yield Finding("The database of time zones is missing.", "Install the packages in uv.lock again (tzdata).")


CHECKS = (
    Check("migrations", "The database has the tables of this version", missing_migrations),
    Check("settings", "The settings are fit for production", unsafe_settings),
    Check("webhooks", "Webhooks go to public addresses by https only", open_doors),
    Check("mail", "Mail can be sent", mail_that_goes_nowhere),
    Check("database", "The database keeps what was accepted", database_settings, at_one_instant=False),
    Check("worker", "A worker works", worker_that_is_silent),
    Check("processes", "Site and worker share one data directory and one key", processes_that_share_nothing),
    Check("disk", "The disk has room", disk_that_is_full),
    Check("zones", "Time zones are known", time_zones_that_are_missing),
)
