"""`manage.py run_cycle`: one pass of the pipeline in the foreground, for cron and for replaying an instant."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from cohorts.models import Cohort, Evaluation
from cohortsite.models import CYCLE, Heartbeat
from cohortsite.pipeline import CycleReport, run_cycle


def instant(text: str) -> datetime:
    """An ISO 8601 time with an offset, in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a time such as 2026-03-01T12:00:00Z, not {text!r}") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"expected an offset, such as the Z in 2026-03-01T12:00:00Z, in {text!r}")
    return at.astimezone(UTC)


class Command(BaseCommand):
    help = "Seal new events, evaluate the cohorts and judge the alert rules that are due, make batches and deliver."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", type=instant, metavar="TIME", help="act as of this instant (default: the clock)")

    def handle(self, *, now: datetime | None, **options: Any) -> None:
        at = now or timezone.now()
        for line in describe(run_cycle(at), at):
            self.stdout.write(line)
        if now is None:
            Heartbeat.beat(CYCLE, timezone.now())


def describe(report: CycleReport, at: datetime) -> list[str]:
    """What a cycle did, a line for each thing."""
    lines = [f"Cycle as of {at:%Y-%m-%d %H:%M:%S} UTC"]
    lines.append(f"  sealed {report.sealed.events} events and {report.sealed.versions} profile versions")
    for evaluation in report.evaluations:
        lines.append(f"  {evaluation.cohort}: {_outcome(evaluation)}")
    lines += _skipped(report, at)
    for alert in report.alerts:
        what = f"resolved: {alert.resolved_sentence}" if alert.resolved_at else f"opened: {alert.sentence}"
        lines.append(f"  alert {alert} {what}")
    for batch in report.batches:
        lines.append(f"  batch {batch.sequence} for {batch.subscription}: {batch.added} added, {batch.removed} removed")
    for attempt in report.attempts:
        outcome = "delivered" if attempt.succeeded else f"failed: {attempt.error}"
        lines.append(f"  delivery {attempt.delivery_id}, attempt {attempt.number}: {outcome}")
    lines += [f"  FAILED {fault}" for fault in report.faults]
    return lines


def _outcome(evaluation: Evaluation) -> str:
    if evaluation.error:
        return f"FAILED {evaluation.error}"
    if evaluation.baseline:
        return f"{evaluation.members} members, a baseline that nobody is told of"
    return f"{evaluation.members} members, {evaluation.added} added, {evaluation.removed} removed"


def _skipped(report: CycleReport, at: datetime) -> list[str]:
    evaluated = {evaluation.cohort_id for evaluation in report.evaluations}
    waiting = Cohort.objects.filter(paused_at=None, evaluated_at__isnull=False).exclude(pk__in=evaluated)
    return [f"  {cohort}: not due, evaluated as of {cohort.evaluated_at:%Y-%m-%d %H:%M:%S} UTC" for cohort in waiting]
