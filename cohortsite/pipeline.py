"""The whole product in one pass: record and seal what came in, evaluate the cohorts that are due, batch, deliver.

Every step finds its work in our own tables as units, and every unit is safe to run twice or by two workers: the
database decides who was first. `run_cycle` runs the units in order in the foreground (cron, tests, the demo);
`schedules.py` lets django-q2 run the same units in a pool of processes.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from cohorts.backtest.run import advance, due_backtests
from cohorts.models import Cohort, Evaluation
from cohorts.references import with_due
from cohorts.refresh import due_cohorts, refresh_cohorts
from ingest.arrivals import record_arrivals, waiting
from ingest.columns import open_columns
from ingest.columns.interface import Sealed
from ingest.models import SealQueue
from notifications.alerts.models import Alert
from notifications.alerts.watch import due_rules, shared_passes, watch
from notifications.batching import due_subscriptions, settle
from notifications.dispatch import TURN, deliver_waiting, due_channels
from notifications.models import Attempt, Batch, Subscription

logger = logging.getLogger(__name__)
Done = TypeVar("Done")


@dataclass
class CycleReport:
    """What one cycle did. `faults` are steps that failed as a whole; they are tried again in the next cycle."""

    sealed: Sealed = field(default_factory=lambda: Sealed(events=0, versions=0))
    evaluations: list[Evaluation] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    "Those that opened or ended."
    batches: list[Batch] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def run_cycle(now: datetime) -> CycleReport:
    """One pass as of `now`: arrivals to rows, rows to columns, columns to memberships, changes to batches, then out."""
    report = CycleReport()
    with report_faults(report, "recording"):
        record_arrivals()
    with report_faults(report, "sealing"):
        report.sealed = open_columns().seal(now)
    with report_faults(report, "evaluation"):
        report.evaluations = refresh_cohorts(due_cohorts(now), now)
    for rules in shared_passes(due_rules(now)).values():
        with report_faults(report, f"alert rules {', '.join(map(str, rules))}"):
            report.alerts += watch(rules, now)
    for subscription in due_subscriptions(now):
        with report_faults(report, f"batch for {subscription}"):
            report.batches += present(settle(subscription, now))
    for channel in due_channels(now):
        with report_faults(report, f"deliveries to {channel}"):
            report.attempts += deliver_waiting(channel.pk, now)
    for backtest in due_backtests(now):
        with report_faults(report, f"backtest {backtest}"):
            advance(backtest, now)
    return report


RECORDING = timedelta(minutes=1)
"""How long one unit records what came in, before it seals that."""


class UnitKind(StrEnum):
    SEAL = "seal"
    "Record what was accepted, and seal it."
    COHORT = "cohort"
    ALERTS = "alerts"
    SUBSCRIPTION = "subscription"
    CHANNEL = "channel"
    BACKTEST = "backtest"


@dataclass(frozen=True)
class Unit:
    """A piece of work that one process does at a time. `pk` names its row, for alerts the pass that rules share;
    nothing for sealing."""

    kind: UnitKind
    pk: str = ""


def due_units(now: datetime) -> list[Unit]:
    """What there is to do at `now`, in the order of the pipeline. Finding a unit twice does no harm."""
    units = [Unit(UnitKind.SEAL)] if waiting().exists() or SealQueue.objects.exists() else []
    units += [Unit(UnitKind.COHORT, str(cohort.pk)) for cohort in due_cohorts(now)]
    units += [Unit(UnitKind.ALERTS, shared) for shared in shared_passes(due_rules(now))]
    units += [Unit(UnitKind.SUBSCRIPTION, str(subscription.pk)) for subscription in due_subscriptions(now)]
    units += [Unit(UnitKind.CHANNEL, str(channel.pk)) for channel in due_channels(now)]
    units += [Unit(UnitKind.BACKTEST, str(pk)) for pk in due_backtests(now)]
    return units


def run_unit(unit: Unit, now: datetime) -> None:
    """Do one unit as of `now`; a unit that is no longer due, or whose row is gone, does nothing."""
    match unit.kind:
        case UnitKind.SEAL:
            try:
                record_arrivals(RECORDING)
            finally:
                open_columns().seal(now)
        case UnitKind.COHORT:
            due = [cohort for cohort in Cohort.objects.filter(pk=unit.pk) if cohort.is_due(now)]
            refresh_cohorts(with_due(due, now), now)
        case UnitKind.ALERTS:
            if rules := shared_passes(due_rules(now)).get(unit.pk):
                watch(rules, now)
        case UnitKind.SUBSCRIPTION:
            for subscription in Subscription.objects.filter(pk=unit.pk):
                settle(subscription, now)
        case UnitKind.CHANNEL:
            deliver_waiting(uuid.UUID(unit.pk), now, TURN)
        case UnitKind.BACKTEST:
            advance(uuid.UUID(unit.pk), now)


@contextmanager
def report_faults(report: CycleReport, step: str) -> Iterator[None]:
    """Let one step fail without stopping the others: the fault is logged and reported, the work stays due."""
    try:
        yield
    except Exception as error:
        logger.exception("Step failed: %s", step)
        report.faults.append(f"{step}: {type(error).__name__}: {error}")


def present(result: Done | None) -> list[Done]:
    """A list of the result, empty when there is none."""
    return [] if result is None else [result]
