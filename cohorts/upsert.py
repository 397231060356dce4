"""Make a stored thing what a document says it is, or make it: the same for files and for `PUT .../by-key/KEY/`.

The document is whole: what it leaves out has its default. Saying the same again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import IntegrityError, models, transaction
from rest_framework import serializers
from rest_framework.request import Request

from cohorts.edit import edit_cohort, pause_time
from cohorts.models import Cohort
from cohorts.references import lock_named
from cohorts.same import is_same
from cohorts.serializers.cohort import CohortSerializer
from ingest.problems import Problem

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class Upserted(Generic[Row]):
    """The row, whether it is new, and which of its columns differ from before."""

    row: Row
    created: bool
    changed: list[str] = field(default_factory=list)


def read_document(request: Request) -> dict[str, Any]:
    """The body of a request, an object. Raises ValidationError."""
    if not isinstance(request.data, dict):
        raise serializers.ValidationError({"non_field_errors": "expected an object"})
    return request.data


@contextmanager
def refuse_race() -> Iterator[None]:
    """Answer whoever came second at the same moment."""
    try:
        yield
    except IntegrityError:
        raise Problem(409, "key_taken", "The same was made at this moment: send the request again.") from None


def whole(serializer: serializers.BaseSerializer[Any], blank: models.Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the defaults of all that it leaves out; `blank` is a row that nothing was said of."""
    return {**defaults_of(serializer, blank), **given}


def defaults_of(serializer: Any, blank: models.Model) -> dict[str, Any]:
    """What may be left out of a document, as it is then."""
    found = {}
    for name, each in serializer.fields.items():
        if not (each.read_only or each.write_only or each.required):
            value = each.get_attribute(blank)
            found[name] = None if value is None else each.to_representation(value)
    return found


def differing(row: models.Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the validated values that are not what the row has; whether it is paused counts, not since when."""

    def stored(name: str) -> Any:
        value = getattr(row, name)
        return value is not None if name == "paused_at" else value

    return {name: value for name, value in values.items() if not is_same(stored(name), value)}


def same_key(key: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its key, which it may say too. Raises ValidationError when it says another."""
    if document.get("key", key) != key:
        raise serializers.ValidationError({"key": f'expected "{key}", as in the address, or nothing'})
    return {**document, "key": key}


@transaction.atomic
def upsert_cohort(
    key: str, document: Mapping[str, Any], now: datetime, *, by: Any = None, tell: bool = False
) -> Upserted[Cohort]:
    """The cohort with the key, as the API's form of cohorts describes it. Raises DRF's ValidationError.

    `tell`: report those who join or leave by an edit of the definition, unless `tell_edit` in the document decides.
    """
    lock_named(document.get("criteria"))
    stored = Cohort.objects.filter(key=key).first()
    said = whole(CohortSerializer(), Cohort(), same_key(key, document))
    serializer = CohortSerializer(stored, data=said)
    serializer.is_valid(raise_exception=True)
    values = dict(serializer.validated_data)
    tell = values.pop("tell_edit", tell)
    if stored is None:
        values["paused_at"] = pause_time(values["paused_at"], None, now)
        return Upserted(Cohort.objects.create(created_at=now, created_by=by, **values), created=True)
    changed = differing(stored, values)
    if "paused_at" in changed:
        changed["paused_at"] = pause_time(changed["paused_at"], stored.paused_at, now)
    if changed:
        edit_cohort(stored, changed, tell=tell)
    return Upserted(stored, created=False, changed=list(changed))
