"""The rule editor: any definition of an alert rule as a form, and any form as a definition.

It is the criteria builder of `cohorts.builder` with another document: names of inputs are paths, faults stand at their
input, and events are filtered by the very parts that cohorts have. Pages include `alerts/builder/builder.html`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse

from cohorts.builder import read_criteria, read_time_zone
from cohorts.builder.draft import Draft
from cohorts.builder.edit import edit
from cohorts.builder.form import read_form
from cohorts.builder.labels import WEEKDAYS, Choices
from cohorts.builder.parts import Part
from cohorts.criteria import CriteriaError
from ingest.models import CustomerKind
from notifications.alerts.builder import labels
from notifications.alerts.builder.shapes import FORMS, fit_rule
from notifications.alerts.conditions import CONDITIONS
from notifications.alerts.definition import KEYS, USUAL_GROUPS, VERSION, Definition, parse
from notifications.alerts.intervals import EVERY

__all__ = ["BLANK", "RuleDraft", "rule_draft_from", "rule_draft_in", "rule_draft_of"]

BLANK: dict[str, Any] = {
    "version": VERSION,
    "metric": {"of": {"type": "api_call"}, "figure": "count"},
    "every": "hour",
    "condition": {"anomaly": {"direction": "both", "sensitivity": "medium"}},
}
"""What a new rule starts from: it works as it stands."""


@dataclass(frozen=True)
class RuleDraft(Draft):
    """A definition of a rule being edited: `document` as it stands, valid or not."""

    document: dict[str, Any]
    time_zone: str = "UTC"
    last_valid: str = ""
    "What `criteria` was the last time it was valid."

    # --- For the pages that use it

    @cached_property
    def parsed(self) -> Definition | CriteriaError:
        """The definition, or why it is none."""
        try:
            return parse(self.document)
        except CriteriaError as error:
            return error

    @property
    def fault(self) -> CriteriaError | None:
        return self.parsed if isinstance(self.parsed, CriteriaError) else None

    @property
    def given(self) -> dict[str, Any]:
        return self.document

    @cached_property
    def criteria(self) -> str:
        """The last valid definition as compact JSON; empty if there was none."""
        return self.last_valid if self.fault else json.dumps(self.document, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def definition(self) -> Definition | None:
        """The last valid definition."""
        if isinstance(self.parsed, Definition):
            return self.parsed
        return parse(json.loads(self.last_valid)) if self.last_valid else None

    @property
    def valid(self) -> Definition:
        """The definition as it stands. Raises CriteriaError."""
        return parse(self.document)

    @property
    def words(self) -> str:
        """The last valid definition in words."""
        return self.definition.words() if self.definition else ""

    def edited(self, wanted: str) -> tuple[RuleDraft, str]:
        """After an edit of the structure, and the path of what to go on with. Raises Refused."""
        document, goes_on = edit(self.document, wanted)
        return replace(self, document=fit_rule(document)), goes_on

    # --- For its templates

    @property
    def url(self) -> str:
        return reverse("alert_rule_builder")

    @property
    def metric(self) -> Part:
        return self._part("metric")

    @property
    def of(self) -> Part:
        """The events of a figure."""
        return self._part("metric.of", self._metric.get("of"))

    @property
    def ratio(self) -> Part:
        """The events whose share is measured."""
        return self._part("metric.ratio", self._metric.get("ratio"))

    @property
    def to(self) -> Part:
        """The events that the share is one of."""
        return self._part("metric.to", self._metric.get("to"))

    @property
    def measure(self) -> str:
        """What is measured, as the choice of it says."""
        return "ratio" if "ratio" in self._metric else str(self._metric.get("figure", ""))

    @property
    def condition(self) -> Part:
        return self._part("condition")

    @property
    def condition_kind(self) -> str:
        given = self.document.get("condition")
        return next((key for key in CONDITIONS if isinstance(given, dict) and key in given), "")

    @property
    def condition_template(self) -> str:
        return (
            f"alerts/conditions/{self.condition_kind}.html" if self.condition_kind else "cohorts/builder/unknown.html"
        )

    @property
    def compared(self) -> str:
        """How a number is compared; `outside` for a range."""
        static = self.condition.at["static"].value
        if not isinstance(static, dict):
            return ""
        return "outside" if "outside" in static else str(static.get("op", ""))

    @property
    def recover_pair(self) -> list[Part]:
        """The bounds of the range in which it is well again, if another than the one that it left."""
        static = self.condition.at["static"].value
        given = static.get("recover_at") if isinstance(static, dict) else None
        pair = [*given, "", ""][:2] if isinstance(given, list) else ["", ""]
        return [self._part(f"condition.static.recover_at[{place}]", value) for place, value in enumerate(pair)]

    @property
    def groups(self) -> list[Part]:
        """The fields that it is divided by."""
        return self._part("group_by").items

    @property
    def most_groups(self) -> Part:
        return self._part("most_groups")

    @property
    def minimum(self) -> Part:
        return self._part("minimum")

    @property
    def recovers(self) -> Part:
        return self._part("recovers")

    @property
    def grace(self) -> Part:
        return self._part("grace")

    @property
    def every(self) -> str:
        return str(self.document.get("every", ""))

    @property
    def is_rolling(self) -> bool:
        return self.document.get("mode") == "rolling"

    @property
    def week_starts_on(self) -> int:
        given = self.document.get("week_starts_on")
        return given if isinstance(given, int) else 1

    # --- Choices

    @property
    def measures(self) -> Choices:
        return labels.MEASURES

    @property
    def lengths(self) -> Choices:
        return [(every.name, every.noun) for every in EVERY.values()]

    @property
    def modes(self) -> Choices:
        return labels.modes_of(self.every)

    @property
    def condition_kinds(self) -> Choices:
        return [(key, kind.label) for key, kind in CONDITIONS.items()]

    @property
    def comparisons(self) -> Choices:
        return labels.COMPARISONS

    @property
    def directions(self) -> Choices:
        return labels.DIRECTIONS

    @property
    def sides(self) -> Choices:
        return labels.SIDES

    @property
    def sensitivities(self) -> Choices:
        return labels.SENSITIVITIES

    @property
    def seasons(self) -> Choices:
        return labels.seasons_of(self.every)

    @property
    def units(self) -> Choices:
        return labels.WAITS

    @property
    def weekdays(self) -> list[tuple[int, str]]:
        return WEEKDAYS

    @property
    def usual_groups(self) -> int:
        return USUAL_GROUPS

    @property
    def _metric(self) -> dict[str, Any]:
        given = self.document.get("metric")
        return given if isinstance(given, dict) else {}

    def _part(self, path: str, value: Any = None) -> Part:
        return Part(self, path, self.document.get(path) if value is None else value, CustomerKind.USER)


def rule_draft_of(document: Mapping[str, Any] | None = None, *, time_zone: str = "UTC") -> RuleDraft:
    """The draft of a stored definition; of none, a new one."""
    return RuleDraft(dict(document) if document else BLANK, time_zone)


def rule_draft_in(data: QueryDict) -> RuleDraft:
    """The draft that an address or a part of a page hands on, as `criteria` and `time_zone`."""
    given = read_criteria(data.get("criteria", ""))
    return rule_draft_of(given, time_zone=read_time_zone(data.get("time_zone", "")))


def rule_draft_from(data: QueryDict) -> RuleDraft:
    """The draft of its own form, posted."""
    handed_on = rule_draft_in(data)
    time_zone = handed_on.time_zone
    inputs = [(name, value) for name, values in data.lists() for value in values]
    document = read_form(inputs, ZoneInfo(time_zone), roots=KEYS, forms=FORMS)
    last_valid = handed_on.criteria if data.get("criteria") else ""
    return RuleDraft(fit_rule({"version": VERSION, **document}), time_zone, last_valid)
