"""`silence`: nothing comes where there used to be something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cohorts.criteria.place import Place, read_count, read_object
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame

MOST_AFTER, LEAST_BEFORE, MOST_BEFORE, USUAL_BEFORE = 1_000, 2, 1_000, 24


@dataclass(frozen=True)
class Silence(Condition):
    """Off once `after` intervals in a row have no events, if more than half of the `before` ones before had some."""

    after: int
    before: int

    def words(self, frame: Frame) -> str:
        after = f"{self.after} {frame.step_name} in a row" if self.after > 1 else f"one {frame.step_name[:-1]}"
        return f"has no events in {after}, after events in most of the {self.before} before"


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Silence:
    """The condition of an object with the key `silence`. Raises CriteriaError."""
    read_object(value, place, "an object", ("silence",))
    at = place.key("silence")
    given = read_object(value["silence"], at, 'such as {"after": 3}', ("after", "before"), ("after",))
    after = read_count(given["after"], at.key("after"))
    if not 1 <= after <= MOST_AFTER:
        raise at.key("after").fault(f"expected 1 to {MOST_AFTER:,}")
    before = read_count(given.get("before", USUAL_BEFORE), at.key("before"))
    if not LEAST_BEFORE <= before <= MOST_BEFORE:
        raise at.key("before").fault(f"expected {LEAST_BEFORE} to {MOST_BEFORE:,}")
    return Silence(after, before)


KIND = ConditionKind(
    parse=parse, label="Goes silent", icon="notifications_off", blank={"silence": {"after": 1, "before": 24}}
)
