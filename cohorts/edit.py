"""Change what is stored of a cohort: the one way, for the API and the admin alike.

Only the edited columns are written, since evaluations write others of the same row at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from cohorts.criteria import parse
from cohorts.models import Cohort
from cohorts.references import check_no_cycle, lock_named
from cohorts.same import is_same
from ingest.models import CustomerKind

DEFINITION = ("criteria", "time_zone", "week_starts_on")
"""The fields that decide who is a member."""


LIST_WORDS = "a list that people and software keep"


class EditedMeanwhile(Exception):
    """Somebody else edited the definition since it was shown; nothing is stored."""


@transaction.atomic
def edit_cohort(cohort: Cohort, values: Mapping[str, Any], *, tell: bool) -> None:
    """Store new values of a cohort's fields; for those of the definition see `edit_definition`."""
    edit_definition(cohort, {name: values[name] for name in DEFINITION if name in values}, tell=tell)
    others = [name for name in values if name not in DEFINITION]
    for name in others:
        setattr(cohort, name, values[name])
    cohort.save(update_fields=others)


@transaction.atomic
def edit_definition(
    cohort: Cohort, values: Mapping[str, Any], *, tell: bool, expected_version: int | None = None
) -> bool:
    """Store a new `criteria`, `time_zone` or `week_starts_on`; returns whether anything differs from before.

    The next evaluation is a baseline, about which nobody is told, unless `tell` asks that the customers who join
    or leave by the edit are reported like any others. `expected_version` is the definition's version that the
    editor saw. Raises CriteriaError and EditedMeanwhile, and then nothing is stored.
    """
    lock_named(values.get("criteria"))
    stored = Cohort.objects.select_for_update().get(pk=cohort.pk)
    if expected_version not in (None, stored.definition_version):
        raise EditedMeanwhile
    changed = {name: value for name, value in values.items() if not is_same(getattr(stored, name), value)}
    if "criteria" in changed:
        parse(changed["criteria"], CustomerKind(stored.kind))
        check_no_cycle(changed["criteria"], stored)
    if changed:
        changed |= {"definition_version": stored.definition_version + 1, "rebaseline": not tell}
        Cohort.objects.filter(pk=cohort.pk).update(**changed)
    for name, value in changed.items():
        setattr(cohort, name, value)
    return bool(changed)


def pause_time(paused: bool, since: datetime | None, now: datetime) -> datetime | None:
    """What to store as `paused_at` of something that is paused `since`, or not at all."""
    return (since or now) if paused else None


def describe(cohort: Cohort) -> str:
    """The cohort's criteria in words. Raises CriteriaError when they are not, or no longer, valid."""
    if cohort.is_list:
        return LIST_WORDS
    return parse(cohort.criteria, CustomerKind(cohort.kind)).words()
