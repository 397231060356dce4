"""Bring cohorts up to date: evaluate, compare, explain, write. One cohort's failure is its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import perf_counter

from pyroaring import BitMap

from cohorts import membership
from cohorts.criteria import CriteriaError, parse
from cohorts.diff import diff
from cohorts.evaluation import ERASED, Evaluated, Explanation, clock_at, evaluate, explain, explain_edit, merged_into
from cohorts.lists import evaluate_list, explain_list
from cohorts.membership import Current, Superseded
from cohorts.models import Cohort, Evaluation
from cohorts.references import in_order
from ingest.arrivals import record_what_just_came
from ingest.columns import open_columns
from ingest.columns.interface import ColumnsDamaged, Snapshot
from ingest.models import Customer, CustomerKind

logger = logging.getLogger(__name__)
COLUMNS_DAMAGED = "The columnar copy of the events cannot be read, so nobody was moved"


def due_cohorts(now: datetime) -> list[Cohort]:
    """The cohorts to evaluate at `now`: never evaluated, or a period has passed."""
    return [cohort for cohort in Cohort.objects.filter(paused_at=None).order_by("created_at") if cohort.is_due(now)]


def refresh_cohorts(cohorts: Sequence[Cohort], now: datetime) -> list[Evaluation]:
    """Evaluate the cohorts as of `now` over one snapshot; returns one evaluation for each that was not skipped.

    A cohort that others are defined by comes before them.

    When the columns cannot be trusted no membership changes and every cohort shows why.
    """
    if not cohorts:
        return []
    try:
        with open_columns().snapshot(now, keep=True) as snapshot:
            return _present(refresh_cohort(cohort, snapshot) for cohort in in_order(cohorts))
    except ColumnsDamaged as error:
        return _present(_record_failure(cohort, now, error, timedelta()) for cohort in cohorts)


def evaluate_now(cohorts: Sequence[Cohort], now: datetime) -> list[Evaluation]:
    """Record and seal what came in, and evaluate the cohorts, due or not: what whoever presses the button expects."""
    record_what_just_came()
    open_columns().seal(now)
    return refresh_cohorts(cohorts, now)


def take_effect(cohort: Cohort, now: datetime) -> None:
    """Evaluate a list that was just edited, unless it is paused: then its members follow when it is resumed."""
    if cohort.paused_at is None:
        refresh_cohorts([cohort], now)


def refresh_cohort(cohort: Cohort, snapshot: Snapshot) -> Evaluation | None:
    """Evaluate one cohort as of the snapshot and write what changed.

    None when there is nothing to do: it was already evaluated at this instant or a later one, or another worker
    or an edit came first. A failure is recorded on the cohort and returned as an evaluation with an error.
    """
    if cohort.evaluated_at is not None and snapshot.at <= cohort.evaluated_at:
        return None
    started = perf_counter()
    try:
        return _refresh(cohort, snapshot, started)
    except Superseded:
        return None
    except Exception as error:
        logger.exception("Evaluation of cohort %s failed", cohort.pk)
        return _record_failure(cohort, snapshot.at, error, _since(started))


def _refresh(cohort: Cohort, snapshot: Snapshot, started: float) -> Evaluation:
    current = membership.read(cohort)
    if cohort.is_list:
        return _refresh_list(cohort, current, snapshot.at, started)
    criteria = parse(cohort.criteria, CustomerKind(cohort.kind))
    clock = clock_at(snapshot.at, cohort.time_zone, cohort.week_starts_on)
    evaluated = evaluate(criteria, snapshot, clock)
    if current is None or cohort.rebaseline:
        return membership.start(cohort, current, evaluated, snapshot.at, _since(started))
    moved = diff(current.members, evaluated.members)
    explanations = _explain(cohort, current, evaluated, moved.changed, snapshot)
    return membership.apply(cohort, current, evaluated, moved, explanations, snapshot.at, _since(started))


def _refresh_list(cohort: Cohort, current: Current | None, at: datetime, started: float) -> Evaluation:
    evaluated = evaluate_list(cohort)
    if current is None:  # a list starts empty: whoever is put on it is told of
        begun = membership.start(
            cohort, None, replace(evaluated, members=BitMap(), universe=BitMap()), at, _since(started)
        )
        current = membership.read(cohort)
        if current is None or not evaluated.members:
            return begun
    moved = diff(current.members, evaluated.members)
    explanations = {
        **explain_list(cohort, moved, current.before.as_of),
        **_explain_gone(cohort, moved.removed),
    }
    return membership.apply(cohort, current, evaluated, moved, explanations, at, _since(started))


def _explain(
    cohort: Cohort, current: Current, evaluated: Evaluated, changed: BitMap, snapshot: Snapshot
) -> dict[int, Explanation]:
    if not changed:
        return {}
    if current.definition_version != cohort.definition_version:
        return explain_edit(evaluated, changed)
    return {
        **explain(evaluated, changed, current.before, snapshot),
        **_explain_gone(cohort, changed - evaluated.universe),
    }


def _explain_gone(cohort: Cohort, gone: BitMap) -> dict[int, Explanation]:
    """Of those who are nobody any more: they were erased, or turned out to be other users."""
    known = Customer.objects.filter(kind=cohort.kind, pk__in=list(gone)) if gone else Customer.objects.none()
    erased = known.filter(erased_at__isnull=False).values_list("pk", flat=True)
    merged = known.filter(erased_at=None, merged_into__isnull=False).values_list("pk", "merged_into__external_id")
    return {**dict.fromkeys(erased, ERASED), **{pk: merged_into(user) for pk, user in merged}}


def _record_failure(cohort: Cohort, at: datetime, error: Exception, took: timedelta) -> Evaluation | None:
    message = _in_words(error)
    not_newer = Cohort.objects.filter(pk=cohort.pk, definition_version=cohort.definition_version)
    if not not_newer.update(attempted_at=at, error=message):
        return None
    return Evaluation.objects.create(
        cohort=cohort,
        definition_version=cohort.definition_version,
        criteria=cohort.criteria,
        as_of=at,
        duration=took,
        error=message,
    )


def _in_words(error: Exception) -> str:
    if isinstance(error, ColumnsDamaged):
        return f"{COLUMNS_DAMAGED}: {error}"
    if isinstance(error, CriteriaError):
        return f"The criteria are not valid: {error}"
    return f"The evaluation failed ({type(error).__name__}): {error}"[:2_000]


def _since(started: float) -> timedelta:
    return timedelta(seconds=perf_counter() - started)


def _present(evaluations: Iterable[Evaluation | None]) -> list[Evaluation]:
    return [evaluation for evaluation in evaluations if evaluation is not None]
