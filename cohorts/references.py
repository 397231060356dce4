"""Which cohorts are defined by the members of another one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cohorts.models import Cohort


def cohorts_that_use(cohort: Cohort) -> list[Cohort]:
    """The cohorts whose criteria name this one, by name."""
    others = Cohort.objects.exclude(pk=cohort.pk).only("name", "kind", "criteria").order_by("name")
    return [other for other in others if str(cohort.pk) in _named(other.criteria)]


def _named(node: Any) -> Iterator[str]:
    """Every id that stands as `{"cohort": id}` anywhere in a document."""
    if isinstance(node, dict):
        if isinstance(node.get("cohort"), str):
            yield node["cohort"].lower()
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _named(each)
