"""When memberships end by themselves if nothing happens: at the first evaluation at which the criteria no longer hold.

Exact, or it says that nothing is foretold: by way of the instants at which each condition can turn by the clock alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pyroaring import BitMap

from cohorts.criteria import Ahead, Clock, Criteria, CriteriaError, Steps, Unforeseeable, View, foretell, parse
from cohorts.evaluation import clock_at
from cohorts.models import Cohort
from ingest.columns import open_columns
from ingest.columns.interface import ColumnsDamaged, Snapshot
from ingest.models import CustomerKind

HORIZON = timedelta(days=90)
"""How far is looked ahead."""


@dataclass(frozen=True)
class Outlook:
    """`ends_at`: the evaluation that will remove the member, None for none within HORIZON.

    `turned` are in words the conditions that no longer are as they were then. `unknown` says why nothing is foretold.
    """

    ends_at: datetime | None = None
    turned: Sequence[str] = ()
    unknown: str = ""


Look = Callable[[Cohort, BitMap], dict[int, Outlook]]


@contextmanager
def looking_ahead(now: datetime) -> Iterator[Look]:
    """What tells of members of a cohort when they will leave; the snapshots are shared. Raises ColumnsDamaged."""
    columns = open_columns()
    with columns.snapshot(now) as snapshot, columns.snapshot(now + HORIZON) as later:
        yield partial(_look, snapshot, later)


def outlook_of(cohorts: Sequence[Cohort], member: int, now: datetime) -> dict[Cohort, Outlook]:
    """Per cohort that the customer is a member of when it will leave; nothing where the columns cannot be read."""
    try:
        with looking_ahead(now) as look:
            return {cohort: look(cohort, BitMap([member]))[member] for cohort in cohorts}
    except ColumnsDamaged:
        return {}


def _look(snapshot: Snapshot, later: Snapshot, cohort: Cohort, members: BitMap) -> dict[int, Outlook]:
    if cohort.paused_at is not None:
        return dict.fromkeys(members, Outlook(unknown="the cohort is paused"))
    if cohort.is_list:
        return dict.fromkeys(members, Outlook())
    kind = CustomerKind(cohort.kind)
    view = View(snapshot, kind, clock_at(snapshot.at, cohort.time_zone, cohort.week_starts_on))
    existing = members & view.universe
    try:
        criteria = parse(cohort.criteria, kind)
        whole, leaves = foretell(criteria, Ahead(view, later, existing))
    except (Unforeseeable, CriteriaError) as error:
        return dict.fromkeys(members, Outlook(unknown=str(error)))
    found = dict.fromkeys(members, Outlook(unknown="the customer is not known"))
    for id_, steps in whole.items():
        of_leaves = {path: each[id_] for path, each in leaves.items()}
        found[id_] = _outlook(criteria, steps, of_leaves, cohort, view.clock, later.at)
    return found


def _outlook(
    criteria: Criteria, steps: Steps, leaves: dict[str, Steps], cohort: Cohort, clock: Clock, until: datetime
) -> Outlook:
    ends_at = _first_false(steps, clock.at, partial(cohort.evaluated_after, now=clock.at))
    if ends_at is None or ends_at > until:
        return Outlook()
    turned = [
        leaf.words() for path, leaf in criteria.leaves.items() if leaves[path].at(ends_at) != leaves[path].at(clock.at)
    ]
    return Outlook(ends_at, turned)


def _first_false(steps: Steps, now: datetime, evaluated_after: Callable[[datetime], datetime]) -> datetime | None:
    """The first evaluation at which it is false; it may turn false and true again in between, and nobody sees it."""
    for begin, end in steps.false_stretches(now):
        look = evaluated_after(begin)
        if end is None or look < end:
            return look
    return None
