"""A cohort's log of changes as people read it: newest first, cut down by customer, direction and reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from pyroaring import BitMap

from cohorts.feed import Cursor
from cohorts.models import Cohort, MembershipChange

PAGE_SIZE = 50
MOST_CUSTOMERS = 500
"""Matching customers beyond which a search is refused."""
WINDOW = 20_000
"""Changes looked through for one page: a filter that few of them pass must not read the whole log."""


class TooManyCustomers(Exception):
    """The search says too little."""


@dataclass(frozen=True)
class LogPage:
    """Changes, newest first. `older` leads on, None at the end; `cut` tells that rows were looked through in vain."""

    changes: list[MembershipChange]
    older: Cursor | None
    cut: bool


def read_log(
    cohort: Cohort, before: Cursor | None, *, change: str = "", reason: str = "", customers: BitMap | None = None
) -> LogPage:
    """The changes before a place that pass all filters given. Raises TooManyCustomers."""
    rows = cohort.changes.filter(before.preceding() if before else Q()).order_by("-version", "-id")
    wanted: dict[str, Any] = {name: value for name, value in (("change", change), ("reason", reason)) if value}
    end = None
    if customers is not None:
        if len(customers) > MOST_CUSTOMERS:
            raise TooManyCustomers
        wanted["customer__in"] = list(customers)
    elif wanted:
        end = _end_of_window(rows)
    found = rows.filter(end.onward() if end else Q(), **wanted)
    changes = list(found.select_related("customer")[: PAGE_SIZE + 1])
    if len(changes) > PAGE_SIZE:
        last = changes[PAGE_SIZE - 1]
        return LogPage(changes[:PAGE_SIZE], Cursor(last.version, last.pk), cut=False)
    return LogPage(changes, end, cut=end is not None)


def _end_of_window(rows: QuerySet[MembershipChange]) -> Cursor | None:
    last = rows.values_list("version", "id")[WINDOW - 1 : WINDOW].first()
    return Cursor(*last) if last else None
