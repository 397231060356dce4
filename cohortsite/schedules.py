"""What django-q2 runs: a tick every minute that finds due units of work, and the units themselves.

q2 is a clock and a process pool. Its queue holds nothing of value: a task that is lost, doubled or late changes
nothing, because the next tick finds the same work in our own tables. A finished unit looks for what it made due, so
that sealing, cohorts, batches and deliveries follow each other at once and not a minute apart.
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from django_q.tasks import async_task

from cohortsite import presence
from cohortsite.models import WORKER, Heartbeat
from cohortsite.pipeline import Unit, UnitKind, due_units, run_unit
from ingest.known_routes import forget_routes
from ingest.rejections import prune_rejections

logger = logging.getLogger(__name__)

TICK = "tick"
STAGES = list(UnitKind)
AS_OF_THE_TICK = (UnitKind.COHORT, UnitKind.ALERTS, UnitKind.SUBSCRIPTION)
AFTER_SEALING = (UnitKind.COHORT, UnitKind.ALERTS)
"""They would miss what waits to be sealed."""
REPEATED = (UnitKind.CHANNEL, UnitKind.BACKTEST)
SETTLING = timedelta(seconds=2)
"""How long ago an instant must be to work as of it: what was accepted until then has been committed meanwhile."""
KEPT = timedelta(days=7)
"""How long q2 keeps a failed task; it deletes only successful ones itself."""


def tick() -> None:
    """Every minute: show that the worker lives, clear what dead workers left, enqueue what is due."""
    now = timezone.now()
    Heartbeat.beat(WORKER, now)
    clear_queue(now)
    at = minute_of(now)
    enqueue(due_units(at), at)


def minute_of(now: datetime) -> datetime:
    """The last whole minute that began so long ago that what was received before it is committed.

    Intervals of alert rules are judged once: a request that is on its way into the inbox would be missed for good.
    """
    return (now - SETTLING).replace(second=0, microsecond=0)


def work(kind: str, pk: str, at: datetime) -> None:
    """Run one unit, then enqueue what it made due: only later stages after a failure, so that none runs hot.

    `at` is the minute of the tick. Cohorts and batches are made as of it: their periods would drift with the clock,
    and a cohort of one minute would be due at every second tick.
    """
    unit = Unit(UnitKind(kind), pk)
    succeeded = False
    try:
        run_unit(unit, at if unit.kind in AS_OF_THE_TICK else timezone.now())
        succeeded = True
    finally:
        now = timezone.now()
        Heartbeat.beat(WORKER, now)
        at = max(at, minute_of(now))  # while units follow each other there is no room for those of later ticks
        next_units = [next_unit for next_unit in due_units(at) if follows(next_unit, unit, succeeded)]
        enqueue(next_units, at, done=unit)


def follows(unit: Unit, done: Unit, succeeded: bool) -> bool:
    """Whether `unit` may run right after `done`: a later stage always, a unit of the same stage after success.

    A channel may have its turn again at once: a turn that was over has sent something. So may a backtest, whose
    slices are short and come last. Nothing else runs twice.
    """
    behind = STAGES.index(unit.kind) - STAGES.index(done.kind)
    return behind > 0 or (behind == 0 and succeeded and (unit != done or unit.kind in REPEATED))


def enqueue(units: Sequence[Unit], at: datetime, done: Unit | None = None) -> None:
    """Give the pool what it can soon do as of `at`: never a unit twice, never more than two for each worker.

    While sealing is due or under way no cohort is taken: it would miss the newest events for a whole period. Nor are
    alert rules, of which each interval is judged once. `done`
    is the unit that asks: q2 still holds its task, but it takes no room and holds nothing up.
    """
    taken = taken_groups(timezone.now()) - {TICK}
    if done is not None:
        taken -= {group_of(done)}
    sealing = SEALING in taken or any(group_of(unit) == SEALING for unit in units)
    for unit in units:
        if len(taken) >= 2 * settings.WORKERS:
            return
        if group_of(unit) not in taken and not (sealing and unit.kind in AFTER_SEALING):
            async_task("cohortsite.schedules.work", str(unit.kind), unit.pk, at, group=group_of(unit))
            taken.add(group_of(unit))


def group_of(unit: Unit) -> str:
    """The name that a unit's task bears in q2."""
    return f"{unit.kind} {unit.pk}".strip()


SEALING = group_of(Unit(UnitKind.SEAL))


def taken_groups(now: datetime) -> set[str]:
    """The groups of the tasks that wait or run."""
    return {task.group() for task in OrmQ.objects.exclude(pk__in=abandoned(now))}


def abandoned(now: datetime) -> list[int]:
    """Tasks fetched so long ago that their worker must be dead: q2 locks a task until `retry` after it was fetched."""
    retry, timeout = settings.Q_CLUSTER["retry"], settings.Q_CLUSTER["timeout"]
    fetched_before = now - timedelta(seconds=2 * timeout)
    locked_until = fetched_before + timedelta(seconds=retry)
    return list(OrmQ.objects.filter(lock__gt=now, lock__lt=locked_until).values_list("pk", flat=True))


def clear_queue(now: datetime) -> None:
    """Forget the tasks of dead workers, whose work is found again, old failures, rejections and routes."""
    OrmQ.objects.filter(pk__in=abandoned(now)).delete()
    Task.objects.filter(success=False, stopped__lt=now - KEPT).delete()
    prune_rejections(now)
    forget_routes(now)


def start(now: datetime) -> None:
    """Before a cluster starts: make the schedules right, empty the queue and ask for a tick at once.

    The queue may hold tasks of an earlier cluster, locked for minutes; their work is found again.
    """
    presence.announce(presence.WORKER, now)
    sync_schedules(now)
    OrmQ.objects.all().delete()
    async_task("cohortsite.schedules.tick", group=TICK)


def sync_schedules(now: datetime) -> None:
    """Make q2's schedules right: one tick a minute, and none that would stop the others.

    It starts as soon as what was received before the next whole minute is in, for ticks are as of whole minutes.
    q2 starts all due schedules in one transaction, so a single row that it cannot read would stop the tick too; such
    a row is switched off (its repeats become 0).
    """
    next_tick = minute_of(now) + timedelta(minutes=1) + SETTLING
    ours = Schedule.objects.filter(Q(name=TICK) | Q(func="cohortsite.schedules.tick")).order_by("pk")
    first = ours.values_list("pk", flat=True).first()
    ours.exclude(pk=first).delete()
    plain = {"args": None, "kwargs": None, "hook": None, "cluster": None, "intended_date_kwarg": None}
    every_minute = {"schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1, "next_run": next_tick}
    named = {"name": TICK, "func": "cohortsite.schedules.tick"}
    Schedule.objects.update_or_create(pk=first, defaults=named | every_minute | plain)
    for schedule in Schedule.objects.exclude(repeats=0):
        if not is_readable(schedule):
            logger.error("Schedule %s (%s) cannot be read and is switched off", schedule.pk, schedule.name)
            Schedule.objects.filter(pk=schedule.pk).update(repeats=0)


def is_readable(schedule: Schedule) -> bool:
    """Whether q2 can start the schedule without an exception."""
    try:
        ast.literal_eval(schedule.args or "()")
        schedule.calculate_next_run(schedule.next_run)
    except Exception:
        return False
    return True
