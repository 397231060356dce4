"""What a rule can be divided by, for the picker: customers, fields of events, and what is said of customers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from cohorts.builder.labels import LABELS
from cohorts.builder.suggestions import MOST_OFFERED, Option, suggest_fields
from cohorts.criteria import CriteriaError
from cohorts.criteria.place import Place
from ingest.models import CustomerKind
from notifications.alerts.grouping import parse_group_by


def suggest_group_fields(asked: str, now: datetime) -> list[Option]:
    """The fields that contain what was asked for: ids, then fields of events, then those of customers."""
    wanted = asked.strip().lower()
    possible = (option for option in _all(now) if _is_possible(option.words))
    return [option for option in possible if wanted in f"{option.label} {option.words}".lower()][:MOST_OFFERED]


def _all(now: datetime) -> Iterator[Option]:
    for kind in reversed(CustomerKind):
        path = f"{kind}_id"
        yield Option(LABELS[path], LABELS[path], note="customer", words=path)
    yield from suggest_fields(CustomerKind.USER, True, "", now)
    for kind in reversed(CustomerKind):
        for option in suggest_fields(kind, False, "", now):
            path = f"{kind}.{option.words}"
            yield replace(option, value=path, label=path, words=path)


def _is_possible(path: str) -> bool:
    try:
        return bool(parse_group_by([path], Place("group_by", CustomerKind.USER)))
    except CriteriaError:
        return False
