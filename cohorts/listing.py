"""The lists of saved cohorts: which, in which order, and what moved in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Lower

from cohorts.criteria import CriteriaError
from cohorts.edit import describe
from cohorts.models import Cohort, Evaluation
from cohorts.state import State, state_of
from ingest.models import CustomerKind

SORTS: dict[str, Any] = {"name": Lower("name"), "members": F("membership__count"), "evaluated": F("evaluated_at")}
"""What a list can be sorted by; with a "-" before it from the greatest down."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Listed:
    """A cohort with what a list says of it; `members` is None before the first evaluation."""

    cohort: Cohort
    words: str
    members: int | None
    joined: int
    left: int
    state: State


def list_cohorts(kind: CustomerKind, search: str, sort: str) -> QuerySet[Cohort]:
    """The cohorts of a kind whose name holds the text, sorted; an unknown order is that of the names."""
    found = Cohort.objects.filter(kind=kind, name__icontains=search).annotate(member_count=F("membership__count"))
    key = SORTS.get(sort.removeprefix("-"), SORTS["name"])
    key = key.desc(nulls_last=True) if sort.startswith("-") else key.asc(nulls_last=True)
    return found.select_related("created_by").order_by(key, Lower("name"), "id")


def describe_all(cohorts: Sequence[Cohort], now: datetime) -> list[Listed]:
    """What to say of cohorts that come from `list_cohorts`; one query for all of them."""
    moved = moved_since(cohorts, now - DAY)
    return [
        Listed(
            cohort=cohort,
            words=in_words(cohort),
            members=cohort.member_count,  # type: ignore[attr-defined]
            joined=moved.get(cohort.pk, (0, 0))[0],
            left=moved.get(cohort.pk, (0, 0))[1],
            state=state_of(cohort, now),
        )
        for cohort in cohorts
    ]


def moved_since(cohorts: Sequence[Cohort], since: datetime) -> dict[Any, tuple[int, int]]:
    """Per cohort how many joined and left after an instant. Evaluations count them, so no change is read."""
    counted = Evaluation.objects.filter(cohort__in=cohorts, as_of__gt=since).values_list("cohort")
    return {
        cohort: (joined, left) for cohort, joined, left in counted.annotate(Sum("added"), Sum("removed")).order_by()
    }


def in_words(cohort: Cohort) -> str:
    """The criteria in words; what is wrong with them where they are no longer valid."""
    try:
        return describe(cohort)
    except CriteriaError as error:
        return f"The criteria are not valid: {error}"
