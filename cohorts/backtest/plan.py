"""At which instants a backtest evaluates what: the definition itself, and the cohorts that it refers to.

Each is evaluated as live cycles would have: first at the start, then whenever its own period has passed. Of a cohort
that is referred to, only those evaluations are made that somebody reads.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cohorts.criteria import Criteria, parse
from cohorts.models import Cohort
from cohorts.references import references
from ingest.models import CustomerKind

CYCLE = timedelta(minutes=1)
"""Live cycles start with whole minutes."""
ITSELF = ""
"""The id of the definition that is tried."""


@dataclass(frozen=True)
class Part:
    """A definition with its own clock; `id` is the id of a cohort that is referred to, or ITSELF."""

    id: str
    criteria: Criteria
    time_zone: str
    week_starts_on: int
    period: timedelta

    @property
    def uses(self) -> set[str]:
        """The ids of the cohorts that its criteria name."""
        return {str(each) for each in references(self.criteria.document).values()}


@dataclass(frozen=True)
class Moment:
    """An instant, and what is evaluated at it, each after those that it uses."""

    at: datetime
    parts: tuple[Part, ...]


def freeze(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The definition (`criteria`, `time_zone`, `week_starts_on`, `period`) and all that it refers to, to be stored.

    A cohort stands before those that use it. What is edited while a backtest runs does not change it.
    """
    found: dict[str, dict[str, Any]] = {}

    def take(id_: str, given: Mapping[str, Any]) -> None:
        for cohort in _named(given["criteria"]):
            if str(cohort.pk) not in found:
                take(str(cohort.pk), {name: getattr(cohort, name) for name in FROZEN})
        found[id_] = {**given, "id": id_, "period": given["period"].total_seconds()}

    take(ITSELF, {name: own[name] for name in FROZEN})
    return list(found.values())


FROZEN = ("criteria", "time_zone", "week_starts_on", "period")


def thaw(stored: Iterable[Mapping[str, Any]], kind: str) -> list[Part]:
    """What `freeze` made. Raises CriteriaError where a cohort that is referred to was deleted since."""
    return [
        Part(
            id=each["id"],
            criteria=parse(each["criteria"], CustomerKind(kind)),
            time_zone=each["time_zone"],
            week_starts_on=each["week_starts_on"],
            period=timedelta(seconds=each["period"]),
        )
        for each in stored
    ]


def moments(parts: Sequence[Part], start: datetime, end: datetime) -> list[Moment]:
    """The instants from `start` to `end`, ascending; the definition's own first one is its baseline."""
    needed: dict[str, set[timedelta]] = defaultdict(set)
    own = cycles(parts[-1].period)
    needed[ITSELF] = {own * count for count in range((end - start) // own + 1)}
    known = {part.id: part for part in parts}
    for part in reversed(parts):
        for id_ in part.uses & known.keys():
            step = cycles(known[id_].period)
            needed[id_] |= {since // step * step for since in needed[part.id]}
    due: dict[timedelta, list[Part]] = defaultdict(list)
    for part in parts:
        for since in needed[part.id]:
            due[since].append(part)
    return [Moment(start + since, tuple(due[since])) for since in sorted(due)]


def cycles(period: timedelta) -> timedelta:
    """The time between two live cycles that find something due: the period, in whole minutes."""
    return -(-period // CYCLE) * CYCLE


def _named(document: Any) -> list[Cohort]:
    ids: set[uuid.UUID] = set(references(document).values())
    return list(Cohort.objects.filter(pk__in=ids, is_list=False).order_by("pk"))  # of lists it is known who was on them
