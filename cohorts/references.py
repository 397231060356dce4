"""Which cohorts are defined by the members of others: who uses whom, in which order, and never in a circle."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from cohorts.criteria import CriteriaError
from cohorts.models import Cohort


class CohortInUse(Exception):
    """Other cohorts are defined by this one's members; `users` are they."""

    def __init__(self, users: Sequence[Cohort]) -> None:
        self.users = users
        names = ", ".join(f"“{cohort.name}”" for cohort in users)
        super().__init__(f"It is used by {names}: take it out of their criteria first.")


def cohorts_that_use(cohort: Cohort) -> list[Cohort]:
    """The cohorts whose criteria name this one, by name."""
    others = Cohort.objects.exclude(pk=cohort.pk).only("name", "kind", "criteria").order_by("name")
    return [other for other in others if cohort.pk in references(other.criteria).values()]


def lock_references() -> None:
    """Until the transaction ends nobody else comes to use a cohort: two edits at once cannot form a circle.

    The rows are locked in one order, before any single one of them, so that nobody waits for each other. Evaluations
    that are under way are waited for.
    """
    list(Cohort.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def lock_named(document: Any) -> None:
    """The same if the document names a cohort: of those found from then on none is deleted before it is stored."""
    if references(document):
        lock_references()


@transaction.atomic
def delete_unused(*cohorts: Cohort) -> None:
    """Delete the cohorts, which may use each other. Raises CohortInUse."""
    lock_references()
    users = {user.pk: user for cohort in cohorts for user in cohorts_that_use(cohort) if user not in cohorts}
    if users:
        raise CohortInUse(list(users.values()))
    for cohort in cohorts:
        cohort.delete()


def check_no_cycle(document: Any, cohort: Cohort) -> None:
    """Raise CriteriaError, which names the cycle, if by this document the cohort would be defined by itself."""
    named = references(document)
    if not named:
        return
    known = {other.pk: other for other in Cohort.objects.only("name", "criteria")}
    uses = {pk: list(references(other.criteria).values()) for pk, other in known.items() if pk != cohort.pk}
    for path, start in named.items():
        chain = _chain(start, cohort.pk, uses)
        if chain:
            names = [f"“{known[pk].name}”" if pk in known else "it" for pk in [cohort.pk, *chain]]
            raise CriteriaError(path, f"expected no cycle: {' uses '.join(names)}")


def in_order(cohorts: Sequence[Cohort]) -> list[Cohort]:
    """The cohorts, each after those of them that it uses; else in the order given."""
    waiting = {cohort.pk: cohort for cohort in cohorts}
    ordered: list[Cohort] = []

    def take(cohort: Cohort) -> None:
        for used in references(cohort.criteria).values():
            if used in waiting:
                take(waiting.pop(used))
        ordered.append(cohort)

    while waiting:
        take(waiting.pop(next(iter(waiting))))
    return ordered


def with_due(cohorts: Sequence[Cohort], now: datetime) -> list[Cohort]:
    """The cohorts and those that they use, and these use, as far as they are due: all of one cycle."""
    found = {cohort.pk: cohort for cohort in cohorts}
    asked = list(cohorts)
    while asked:
        used = set(references(asked.pop().criteria).values()) - found.keys()
        for cohort in Cohort.objects.filter(pk__in=used):
            asked.append(cohort)
            found[cohort.pk] = cohort
    return [cohort for cohort in found.values() if cohort in cohorts or cohort.is_due(now)]


def references(node: Any, path: str = "") -> dict[str, uuid.UUID]:
    """Path -> id of every cohort that stands as `{"cohort": id}` anywhere in a document, also in one not valid."""
    return dict(_references(node, path))


def _references(node: Any, path: str) -> Iterator[tuple[str, uuid.UUID]]:
    if isinstance(node, dict):
        if isinstance(node.get("cohort"), str):
            with suppress(ValueError):  # no id
                yield f"{path}.cohort".lstrip("."), uuid.UUID(node["cohort"])
        for key, inner in node.items():
            yield from _references(inner, f"{path}.{key}".lstrip("."))
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from _references(inner, f"{path}[{index}]")


def _chain(start: uuid.UUID, end: uuid.UUID, uses: Mapping[uuid.UUID, Sequence[uuid.UUID]]) -> list[uuid.UUID]:
    """The ids from one cohort to another along what each uses; empty when no way leads there."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop()
        if way[-1] == end:
            return way
        for used in uses.get(way[-1], ()):
            if used not in seen:
                seen.add(used)
                ways.append([*way, used])
    return []
