"""How a cohort is doing, in words that say what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cohorts.criteria import CriteriaError
from cohorts.edit import describe
from cohorts.models import Cohort
from cohorts.refresh import COLUMNS_DAMAGED

GRACE = timedelta(minutes=5)
"""How long an evaluation may be overdue before somebody should look: cycles take turns."""


@dataclass(frozen=True)
class State:
    """A word for the pill with its tone, and where something is wrong a title and what to do."""

    label: str
    tone: str
    title: str = ""
    advice: str = ""


HEALTHY = State("healthy", "good")
PAUSED = State("paused", "warn", "Paused", "Nobody joins or leaves, and nobody is told, until somebody resumes it.")
NEW = State("not evaluated yet", "info", "Not evaluated yet", "The worker finds its first members within a minute.")


def state_of(cohort: Cohort, now: datetime) -> State:
    """What to say of the cohort at `now`. The words of an error itself stand in `cohort.error`."""
    if cohort.paused_at is not None:
        return PAUSED
    if cohort.error:
        return State("failing", "bad", "The last evaluation failed: the members stay as they were", _advice(cohort))
    if late := _overdue(cohort, now):
        return late
    return NEW if cohort.evaluated_at is None else HEALTHY


def _overdue(cohort: Cohort, now: datetime) -> State | None:
    due = cohort.created_at if cohort.evaluated_at is None else cohort.evaluated_at + cohort.period
    if now <= due + max(GRACE, cohort.period):
        return None
    return State(
        "stuck",
        "bad",
        "Overdue: no worker evaluates this cohort",
        "The members may be out of date. Ask an administrator whether the worker runs (manage.py run_worker).",
    )


def _advice(cohort: Cohort) -> str:
    if cohort.error.startswith(COLUMNS_DAMAGED):
        return "An administrator can make the copy again from the stored events: manage.py rebuild_columns."
    try:
        describe(cohort)
    except CriteriaError:
        return "Edit the criteria: from then on it is evaluated again."
    return "It is tried again every minute. If it goes on, the log of the worker tells an administrator more."
