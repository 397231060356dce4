"""What the home page tells: what came in, who moved, what was delivered, and whether the machinery works.

Nothing here reads a whole table: times are bounded, and what may be large is counted only up to a limit.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import F, Max, Q, Sum
from django.urls import reverse

from cohorts.models import Cohort, Evaluation
from cohortsite.models import WORKER, Heartbeat
from ingest.arrivals import waiting
from ingest.columns import Span, open_columns
from ingest.columns.interface import ColumnsDamaged
from ingest.models import Arrival, Event, SealQueue, Segment
from notifications.alerts.models import AlertRule
from notifications.models import Channel, Delivery

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOURS_SHOWN = 24
COHORTS_SHOWN, FAILURES_SHOWN = 8, 5
FAILURES_SINCE = timedelta(days=7)
MOST_COUNTED = 10_000
LATE = timedelta(minutes=5)
"""How long work may wait before somebody should look."""
SILENT_CRON = timedelta(hours=1)
"""Where cycles are run by cron and no worker ever showed itself, this long without one is too long."""


# --- What came in


@dataclass(frozen=True)
class Arrivals:
    """The events of the last day by the hours (UTC) in which they happened, and how many customers they are of."""

    hours: Sequence[datetime]
    events: Sequence[int]
    errors: Sequence[int]
    users: int
    companies: int

    @property
    def total(self) -> int:
        return sum(self.events)

    @property
    def failed(self) -> int:
        return sum(self.errors)


def arrivals(now: datetime) -> Arrivals | None:
    """What came in until now, as far as it is sealed; none while the columns cannot be read."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - HOUR * back for back in range(HOURS_SHOWN - 1, -1, -1)]
    try:
        with open_columns().snapshot(now) as snapshot:
            events = snapshot.all_events(Span(hours[0], now + timedelta(microseconds=1)))
            failed = (events.status >= 400).fill_null(False)
            per_hour = events.group_by(hour=events.time.truncate("h")).aggregate(
                events=events.weight.sum(), errors=failed.ifelse(events.weight, 0).sum()
            )
            rows = snapshot.rows(per_hour).to_pylist()
            seen = events.aggregate(users=events.user_id.nunique(), companies=events.company_id.nunique())
            [customers] = snapshot.rows(seen).to_pylist()
    except ColumnsDamaged:
        return None
    counts = {row["hour"].replace(tzinfo=UTC): (int(row["events"]), int(row["errors"])) for row in rows}
    each = [counts.get(hour, (0, 0)) for hour in hours]
    return Arrivals(hours, [count for count, _ in each], [count for _, count in each], **customers)


# --- Who moved


@dataclass(frozen=True)
class Moved:
    """How many joined and left a cohort since the day began in its time zone."""

    cohort: Cohort
    joined: int
    left: int


def moved_today(now: datetime) -> list[Moved]:
    """The cohorts in which somebody moved today, those with most changes first."""
    cohorts = {cohort.pk: cohort for cohort in Cohort.objects.defer("criteria")}
    zones: dict[str, list[uuid.UUID]] = defaultdict(list)
    for cohort in cohorts.values():
        zones[cohort.time_zone].append(cohort.pk)
    moved = [
        Moved(cohorts[row["cohort"]], row["joined"], row["left"])
        for zone, keys in zones.items()
        for row in _moves(keys, now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0))
    ]
    return sorted(moved, key=lambda each: (-each.joined - each.left, each.cohort.name))


def _moves(cohorts: Sequence[uuid.UUID], since: datetime) -> Any:
    """By the evaluations, which count what they changed: a row for each, where changes have one for each customer."""
    evaluations = Evaluation.objects.filter(cohort__in=cohorts, as_of__gte=since).filter(
        Q(added__gt=0) | Q(removed__gt=0)
    )
    return evaluations.order_by().values("cohort").annotate(joined=Sum("added"), left=Sum("removed"))


# --- What was delivered


_HEAVY = ("content", "channel__config", "batch__subscription__cohort__criteria")


@dataclass(frozen=True)
class Deliveries:
    """How many of the last day's deliveries arrived, how many wait (of any day), and the latest that failed."""

    delivered: int
    waiting: int
    given_up: int
    failures: Sequence[Delivery]


def deliveries(now: datetime) -> Deliveries:
    """What became of notifications."""
    today = Delivery.objects.filter(created_at__gt=now - DAY)
    failed = Delivery.objects.filter(created_at__gt=now - FAILURES_SINCE).exclude(state=Delivery.State.DELIVERED)
    failures = failed.exclude(last_error="").select_related("channel", "batch__subscription__cohort")
    return Deliveries(
        today.filter(state=Delivery.State.DELIVERED).count(),
        Delivery.objects.filter(state=Delivery.State.PENDING).count(),
        today.filter(state=Delivery.State.DEAD).count(),
        list(failures.defer(*_HEAVY).order_by("-created_at")[:FAILURES_SHOWN]),
    )


# --- Whether it works


@dataclass(frozen=True)
class Check:
    """One part of the machinery: how it is in a word or two, with what to do where it is not well."""

    name: str
    tone: str
    state: str
    note: str = ""
    href: str = ""


def health(now: datetime) -> list[Check]:
    """The parts in the order in which data passes through them."""
    return [_worker(now), _recording(now), _sealing(now), *_cohorts(now), *_rules(), *_channels()]


def _worker(now: datetime) -> Check:
    beat = Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()
    cycle = Cohort.objects.aggregate(last=Max("attempted_at"))["last"]
    last = max(filter(None, (beat, cycle)), default=None)
    start = "Start it with manage.py run_worker, or run manage.py run_cycle by cron: without it nothing is evaluated."
    if last is None:
        return Check("Worker", "bad", "never seen", start)
    patience = timedelta(seconds=settings.WORKER_STALE_AFTER) if beat else SILENT_CRON
    if now - last > patience:
        return Check("Worker", "bad", f"silent for {_in_words(now - last)}", start)
    return Check("Worker", "good", "working")


def _recording(now: datetime) -> Check:
    failed = Arrival.objects.exclude(error="").order_by("pk").first()
    if failed is not None:
        return Check("Recording", "bad", "some of what was accepted could not be recorded", failed.error)
    oldest = waiting().order_by("pk").values_list("received_at", flat=True).first()
    if oldest is None:
        return Check("Recording", "good", "nothing waits")
    items = f"{waiting().aggregate(items=Sum('items'))['items']:,} waiting"
    if now - oldest > LATE:
        return Check("Recording", "warn", items, f"The oldest has waited for {_in_words(now - oldest)}.")
    return Check("Recording", "good", items)


def _sealing(now: datetime) -> Check:
    queue = SealQueue.objects.order_by("pk")
    queued = queue[: MOST_COUNTED + 1].count()
    if not queued:
        return Check("Sealing", "good", "nothing waits")
    oldest = queue.filter(source=SealQueue.Source.EVENT).values_list("row", flat=True).first()
    received = oldest and Event.objects.filter(pk=oldest).values_list("received_at", flat=True).first()
    rows = f"{min(queued, MOST_COUNTED):,}{' and more' if queued > MOST_COUNTED else ''} waiting"
    sealed = Segment.objects.filter(kind=Segment.Kind.EVENTS).aggregate(last=Max("published_at"))["last"]
    # Both: what is imported was received long ago, and on a quiet site nothing was sealed for long.
    if received and now - max(filter(None, (received, sealed))) > LATE:
        return Check("Sealing", "warn", rows, f"The oldest has waited for {_in_words(now - received)}.")
    return Check("Sealing", "good", rows)


def _cohorts(now: datetime) -> list[Check]:
    running = list(Cohort.objects.filter(paused_at=None).defer("criteria").order_by("name"))
    broken = [cohort for cohort in running if cohort.error]
    late = [
        cohort
        for cohort in running
        if not cohort.error and (cohort.evaluated_at or cohort.created_at) + cohort.period + LATE < now
    ]
    faults = [
        Check(cohort.name, "bad", "could not be evaluated", cohort.error, reverse("cohort", args=[cohort.pk]))
        for cohort in broken[:COHORTS_SHOWN]
    ]
    if late:
        names = ", ".join(cohort.name for cohort in late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
        faults.append(
            Check("Cohorts", "warn", f"{len(late)} late", f"Not evaluated when they should have been: {names}")
        )
    return faults or [Check("Cohorts", "good", f"{len(running):,} evaluated on time" if running else "none yet")]


def _rules() -> list[Check]:
    running = AlertRule.objects.filter(paused_at=None)
    broken = running.exclude(error="").defer("definition").order_by("name")
    faults = [
        Check(rule.name, "bad", "could not be judged", rule.error, reverse("alert_rule", args=[rule.pk]))
        for rule in broken[:COHORTS_SHOWN]
    ]
    if faults:
        return faults
    number = running.count()
    return [Check("Alert rules", "good", f"{number:,} watching")] if number else []


def _channels() -> list[Check]:
    failing = Channel.objects.filter(Q(paused_at=None) | Q(paused_at=F("disabled_at"))).exclude(last_error="")
    words = {"disabled": "switched off"}
    faults = [
        Check(
            channel.name,
            "bad",
            words.get(channel.state, "failing"),
            channel.last_error,
            reverse("channel", args=[channel.pk]),
        )
        for channel in failing.order_by("name")[:COHORTS_SHOWN]
    ]
    return faults or [Check("Channels", "good", "none failing")]


def _in_words(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2_880 else f"{minutes // 1_440} days"
