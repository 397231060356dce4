"""The definition of an alert rule: what it may say, and what that reads like. `parse` is the only way in.

    {"version": 1, "metric": METRIC, "every": "5m", "mode": "calendar", "condition": CONDITION,
     "group_by": ["company_id"], "most_groups": 50, "minimum": 20, "recovers": 1, "grace": "2m", "week_starts_on": 1}

Only `version`, `metric`, `every` and `condition` are needed. METRIC is read by `metric`, CONDITION by `conditions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cohorts.criteria.durations import Duration, parse_duration
from cohorts.criteria.place import Place, read_choice, read_count, read_object
from ingest.models import CustomerKind
from notifications.alerts.conditions import Condition, Frame, parse_condition
from notifications.alerts.grouping import GroupField, parse_group_by
from notifications.alerts.intervals import EVERY, MODES, Every
from notifications.alerts.metric import Metric, parse_metric

VERSION = 1
REQUIRED = ("version", "metric", "every", "condition")
KEYS = (*REQUIRED, "mode", "group_by", "most_groups", "minimum", "recovers", "grace", "week_starts_on")
USUAL_GROUPS, MOST_GROUPS = 50, 1_000
MOST_RECOVERS = 100
LONGEST_GRACE = timedelta(hours=24)
USUAL_GRACE = Duration(2, "m")


@dataclass(frozen=True)
class Definition:
    """A definition that is valid; `document` is the JSON it was parsed from."""

    document: dict[str, Any]
    metric: Metric
    every: Every
    rolling: bool
    group_by: tuple[GroupField, ...]
    most_groups: int
    "The busiest so many groups are watched."
    minimum: int
    "Intervals of a group with fewer events are not judged."
    condition: Condition
    recovers: int
    "Intervals in a row that must be as they should be before an alert resolves."
    grace: Duration
    "How long after the end of an interval late events are waited for."
    week_starts_on: int

    @property
    def frame(self) -> Frame:
        """What the condition has to know of the rest."""
        return Frame(self.metric, self.every, self.rolling, self.minimum)

    def words(self) -> str:
        """`number of API Call per hour for each company_id is more than 100`."""
        each = " and ".join(field.name for field in self.group_by)
        groups = f" for each {each} (of the {self.most_groups} with the most events)" if each else ""
        per = f"over the last {self.every.noun}" if self.rolling else f"per {self.every.noun}"
        least = f", of at least {self.minimum:,} events" if self.minimum > 1 else ""
        return f"{self.metric.words()} {per}{groups} {self.condition.words(self.frame)}{least}"


def parse(document: object) -> Definition:
    """The definition of a document. Raises CriteriaError with the path of the first fault."""
    root = Place("", CustomerKind.USER)
    given = read_object(document, root, 'an object {"version": 1, "metric": ...}', KEYS, REQUIRED)
    if given["version"] != VERSION or isinstance(given["version"], bool):
        raise root.key("version").fault(f"expected {VERSION}")
    metric = parse_metric(given["metric"], root.key("metric"))
    every = EVERY[read_choice(given["every"], root.key("every"), list(EVERY))]
    rolling = read_choice(given.get("mode", "calendar"), root.key("mode"), MODES) == "rolling"
    group_by = parse_group_by(given["group_by"], root.key("group_by")) if "group_by" in given else ()
    if "most_groups" in given and not group_by:
        raise root.key("most_groups").fault('expected only with "group_by"')
    return Definition(
        document=given,
        metric=metric,
        every=every,
        rolling=rolling,
        group_by=group_by,
        most_groups=_read(given, "most_groups", root, USUAL_GROUPS, 1, MOST_GROUPS),
        minimum=read_count(given.get("minimum", 0), root.key("minimum")),
        condition=parse_condition(given["condition"], root.key("condition"), Frame(metric, every, rolling)),
        recovers=_read(given, "recovers", root, 1, 1, MOST_RECOVERS),
        grace=_parse_grace(given, root.key("grace")),
        week_starts_on=_read(given, "week_starts_on", root, 1, 1, 7),
    )


def _read(given: dict[str, Any], key: str, root: Place, usual: int, least: int, most: int) -> int:
    """A whole number of the document between two others, both possible."""
    count = read_count(given.get(key, usual), root.key(key))
    if not least <= count <= most:
        raise root.key(key).fault(f"expected a whole number from {least} to {most:,}")
    return count


def _parse_grace(given: dict[str, Any], place: Place) -> Duration:
    if "grace" not in given:
        return USUAL_GRACE
    grace = parse_duration(given["grace"], place)
    if grace.length > LONGEST_GRACE:
        raise place.fault('expected a duration of at most "24h"')
    return grace
