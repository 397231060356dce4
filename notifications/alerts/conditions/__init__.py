"""When a metric is off. A new kind of condition is one file here and one line in CONDITIONS."""

from __future__ import annotations

from cohorts.criteria.place import Place, quoted
from notifications.alerts.conditions import anomaly, change, silence, static
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame, Judged, Past, Verdict

__all__ = ["CONDITIONS", "Condition", "ConditionKind", "Frame", "Judged", "Past", "Verdict", "parse_condition"]

CONDITIONS: dict[str, ConditionKind] = {
    "static": static.KIND,
    "change": change.KIND,
    "anomaly": anomaly.KIND,
    "silence": silence.KIND,
}
"""The key that tells the kind of a condition -> the kind. The editor offers them in this order."""


def parse_condition(value: object, place: Place, frame: Frame) -> Condition:
    """The condition of a rule. Raises CriteriaError."""
    kinds = [key for key in CONDITIONS if isinstance(value, dict) and key in value]
    if not isinstance(value, dict) or len(kinds) != 1:
        raise place.fault(f"expected an object with one of the keys {quoted(CONDITIONS)}")
    return CONDITIONS[kinds[0]].parse(value, place, frame)
