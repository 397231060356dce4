"""The criteria builder: any definition as a form, and any form as a definition.

The server is the single truth. The names of the inputs are paths of the document (`form.py`), so that the path of a
fault leads to the very input. What changes the structure posts the whole form, and the answer shows it anew
(`cohorts/views/builder.py`). Pages include `cohorts/builder/builder.html` with what `builder_of` or `builder_from`
gives. How a kind of leaf brings its inputs stands in `README.md`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from cohorts.builder import labels
from cohorts.builder.draft import Draft
from cohorts.builder.edit import Refused, edit
from cohorts.builder.fit import fit
from cohorts.builder.form import read_form, read_json
from cohorts.builder.parts import Part
from cohorts.criteria import Criteria, CriteriaError, parse
from cohorts.time_zones import check_time_zone
from ingest.models import CustomerKind

__all__ = ["Builder", "Refused", "builder_from", "builder_of", "read_criteria", "read_time_zone"]

VERSION = 1


@dataclass(frozen=True)
class Builder(Draft):
    """A definition being edited. `match` is its node as it stands, valid or not; None asks for nothing: everybody."""

    kind: CustomerKind
    match: Any = None
    time_zone: str = "UTC"
    week_starts_on: int = 1
    last_valid: str = ""
    "What `criteria` was the last time it was valid."

    # --- For the pages that use it

    @cached_property
    def parsed(self) -> Criteria | CriteriaError | None:
        """The criteria, or why they are none; None for everybody."""
        if self.match is None:
            return None
        try:
            return parse({"version": VERSION, "match": self.match}, self.kind)
        except CriteriaError as error:
            return error

    @property
    def fault(self) -> CriteriaError | None:
        """Why the criteria are not valid."""
        return self.parsed if isinstance(self.parsed, CriteriaError) else None

    @property
    def document(self) -> dict[str, Any] | None:
        """The definition as it stands."""
        return None if self.match is None else {"version": VERSION, "match": self.match}

    @cached_property
    def criteria(self) -> str:
        """The last valid definition as compact JSON; empty for everybody."""
        if not self.is_valid:
            return self.last_valid
        return json.dumps(self.document, separators=(",", ":"), ensure_ascii=False) if self.document else ""

    @cached_property
    def criteria_object(self) -> Criteria | None:
        """The last valid definition; None for everybody."""
        if isinstance(self.parsed, Criteria):
            return self.parsed
        return parse(json.loads(self.criteria), self.kind) if self.criteria else None

    @property
    def words(self) -> str:
        """The last valid definition in words."""
        found = self.criteria_object
        return found.words() if found else f"all {self.plural}"

    @property
    def plural(self) -> str:
        return {CustomerKind.USER: "users", CustomerKind.COMPANY: "companies"}[self.kind]

    # --- For its templates

    @property
    def url(self) -> str:
        return reverse("builder", args=[self.kind])

    @property
    def root(self) -> Part:
        return Part(self, "match", self.match, self.kind)

    @property
    def _told(self) -> list[str]:
        return [*super()._told, str(self.week_starts_on)]

    @property
    def weekdays(self) -> list[tuple[int, str]]:
        return labels.WEEKDAYS

    @property
    def given(self) -> dict[str, Any]:
        """The node below its root."""
        return {} if self.match is None else {"match": self.match}

    # --- Editing

    def edited(self, wanted: str) -> tuple[Builder, str]:
        """After an edit of the structure, and the path of what to go on with. Raises Refused."""
        edited, goes_on = edit(self.given, wanted)
        return replace(self, match=fit(edited.get("match"), self.kind)), goes_on


def builder_of(
    kind: str, document: Mapping[str, Any] | None = None, *, time_zone: str = "UTC", week_starts_on: int = 1
) -> Builder:
    """The builder of a stored definition; of none, a blank one."""
    return Builder(CustomerKind(kind), document.get("match") if document else None, time_zone, week_starts_on)


def builder_from(data: QueryDict, kind: str) -> Builder:
    """The builder of its own form, posted, or of an address with `criteria`, `time_zone`, `week_starts_on`."""
    time_zone = read_time_zone(data.get("time_zone", ""))
    week = data.get("week_starts_on", "")
    given = read_criteria(data.get("criteria", ""))
    builder = Builder(
        CustomerKind(kind), time_zone=time_zone, week_starts_on=int(week) if week in "1234567" and len(week) == 1 else 1
    )
    if "fingerprint" not in data:
        return replace(builder, match=given.get("match") if given else None)
    inputs = [(name, value) for name, values in data.lists() for value in values]
    match = read_form(inputs, ZoneInfo(time_zone)).get("match")
    last_valid = builder_of(kind, given).criteria if given else ""
    return replace(builder, match=fit(match, CustomerKind(kind)), last_valid=last_valid)


def read_time_zone(name: str) -> str:
    """The name, if it is one of a time zone; else that of the site's own."""
    try:
        check_time_zone(name)
    except ValidationError:
        return timezone.get_default_timezone_name()
    return name


def read_criteria(text: str) -> dict[str, Any] | None:
    """The object that the text is as JSON, if it is one."""
    try:
        document = read_json(text) if text else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
