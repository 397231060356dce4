"""Backtests in the background: started by people, done by the worker in slices, so that nothing waits for them.

A slice claims the backtest, replays for some seconds and stores how far it came in one transaction; the next slice
goes on from there. A killed worker costs the slice that it was at, a cancelled backtest the rest.
"""

from __future__ import annotations

import base64
import logging
import uuid
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from pyroaring import BitMap

from cohorts.backtest.plan import Moment, freeze, moments, thaw
from cohorts.backtest.replay import Step, replay
from cohorts.criteria import CriteriaError
from cohorts.models import Backtest, BacktestStep, Cohort
from ingest.columns import open_columns
from ingest.columns.interface import ColumnsDamaged

logger = logging.getLogger(__name__)
SLICE = 10.0
"""Seconds after which a slice ends, with the moment that it is at."""
LEASE = timedelta(minutes=3)
"""Longer than any unit may take: after it the worker that held the backtest is dead."""
MOST_TRIES = 3
"""Slices without any progress after which it is given up."""
MOST_WAITING = 20
MOST_MOMENTS = 50_000
MOST_KEPT, KEPT_FOR = 50, timedelta(days=14)
"""Backtests that are kept, the newest, and for how long."""
ACTIVE = (Backtest.State.WAITING, Backtest.State.RUNNING)


class TooMuch(ValueError):
    """More than a backtest may be asked for; the sentence says what and how much goes."""


def start_backtest(
    definition: Mapping[str, Any], days: int, now: datetime, *, cohort: Cohort | None = None, by: Any = None
) -> Backtest:
    """A new backtest of a valid definition over the days before `now`; the worker takes it up. Raises TooMuch.

    `definition`: `kind`, `criteria`, `time_zone`, `week_starts_on`, `period`.
    """
    end = now.replace(second=0, microsecond=0)
    start = end - timedelta(days=days)
    stored = freeze(definition)
    total = len(moments(thaw(stored, definition["kind"]), start, end))
    if total > MOST_MOMENTS:
        raise TooMuch(f"It would take {total:,} evaluations, more than {MOST_MOMENTS:,}: choose fewer days.")
    prune(now)
    if Backtest.objects.filter(state__in=ACTIVE).count() >= MOST_WAITING:
        raise TooMuch(f"{MOST_WAITING} backtests are waiting already: let some of them end, or cancel them.")
    return Backtest.objects.create(
        cohort=cohort,
        parts=stored,
        days=days,
        start=start,
        end=end,
        total=total,
        created_at=now,
        created_by=by,
        **{name: definition[name] for name in ("kind", "criteria", "time_zone", "week_starts_on", "period")},
    )


def cancel_backtest(pk: uuid.UUID, now: datetime) -> bool:
    """Stop it: a slice under way stores nothing any more. False where there is nothing to stop."""
    going = Backtest.objects.filter(pk=pk, state__in=ACTIVE)
    return bool(
        going.update(state=Backtest.State.CANCELLED, finished_at=now, leased_by=None, leased_until=None, kept={})
    )


def prune(now: datetime) -> None:
    """Delete old backtests, and all but the newest."""
    Backtest.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    newest = Backtest.objects.order_by("-created_at").values_list("pk", flat=True)[:MOST_KEPT]
    Backtest.objects.exclude(pk__in=list(newest)).exclude(state__in=ACTIVE).delete()


def due_backtests(now: datetime) -> list[uuid.UUID]:
    """The one to go on with, if no worker is at it: they take their turns, the oldest first."""
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    active = Backtest.objects.filter(state__in=ACTIVE)
    oldest = active.order_by("created_at").values_list("pk", flat=True)[:1]
    return list(active.filter(free, pk__in=list(oldest)).values_list("pk", flat=True))


def advance(pk: uuid.UUID, now: datetime, seconds: float = SLICE) -> None:
    """Do one slice of a backtest, unless it has ended or somebody else is at it. A fault ends it, with its words."""
    claim = uuid.uuid4()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    claimed = Backtest.objects.filter(free, pk=pk, state__in=ACTIVE).update(
        state=Backtest.State.RUNNING, leased_by=claim, leased_until=now + LEASE, tries=F("tries") + 1
    )
    if not claimed:
        return
    backtest = Backtest.objects.get(pk=pk)
    try:
        if backtest.tries > MOST_TRIES:
            raise TooMuch("One evaluation takes longer than a worker may: narrower windows are counted faster.")
        _replay_slice(backtest, claim, now, seconds)
    except Exception as error:
        logger.exception("Backtest %s failed", pk)
        _finish(backtest, claim, state=Backtest.State.FAILED, error=_in_words(error), finished_at=now, kept={})


def _replay_slice(backtest: Backtest, claim: uuid.UUID, now: datetime, seconds: float) -> None:
    if not backtest.done:
        open_columns().seal(now)
    plan = moments(thaw(backtest.parts, backtest.kind), backtest.start, backtest.end)
    members = {id_: BitMap.deserialize(base64.b64decode(text)) for id_, text in backtest.kept.items()}
    steps: list[Step] = []
    until = perf_counter() + seconds
    with closing(replay(plan[backtest.done :], members)) as replayed:
        for step in replayed:
            steps.append(step)
            if perf_counter() >= until:
                break
    _store(backtest, claim, now, plan, steps, members)


@transaction.atomic
def _store(
    backtest: Backtest,
    claim: uuid.UUID,
    now: datetime,
    plan: list[Moment],
    steps: list[Step],
    members: Mapping[str, BitMap],
) -> None:
    done = backtest.done + len(steps)
    ended = done == len(plan)
    values: dict[str, Any] = {"done": done, "tries": 0, "reached": steps[-1].at}
    if not backtest.done:
        values["members_at_start"] = steps[0].members
    if ended:
        values |= {"state": Backtest.State.DONE, "finished_at": now, "kept": {}, "reached": backtest.end}
    else:
        values["kept"] = {id_: base64.b64encode(bits.serialize()).decode() for id_, bits in members.items()}
    if _finish(backtest, claim, **values):
        BacktestStep.objects.bulk_create(_rows(backtest, steps), batch_size=500)


def _rows(backtest: Backtest, steps: list[Step]) -> list[BacktestStep]:
    return [
        BacktestStep(
            backtest=backtest, at=step.at, added=step.moved.added.serialize(), removed=step.moved.removed.serialize()
        )
        for step in steps
        if step.moved and step.moved.changed
    ]


def _finish(backtest: Backtest, claim: uuid.UUID, **values: Any) -> bool:
    """Store what a slice found, if it still holds the backtest, and let go of it."""
    mine = Backtest.objects.filter(pk=backtest.pk, state=Backtest.State.RUNNING, leased_by=claim)
    return bool(mine.update(leased_by=None, leased_until=None, **values))


def _in_words(error: Exception) -> str:
    if isinstance(error, TooMuch):
        return str(error)
    if isinstance(error, ColumnsDamaged):
        return f"The columnar copy of the events cannot be read: {error}"
    if isinstance(error, CriteriaError):
        return f"The criteria are not valid any more: {error}"
    return f"The replay failed ({type(error).__name__}): {error}"[:2_000]
