"""`anomaly`: the metric is not what its own past leads one to expect; see `notifications.alerts.anomaly`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cohorts.criteria.place import Place, read_choice, read_object
from notifications.alerts.anomaly import RISK
from notifications.alerts.conditions.change import DIRECTIONS
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame

KEYS = ("direction", "sensitivity")
SIDES = {"up": "higher than", "down": "lower than", "both": "different from what is"}


@dataclass(frozen=True)
class Anomaly(Condition):
    """Off while the value leaves the band of what is expected, on the side of the direction."""

    direction: str
    sensitivity: str

    def words(self, frame: Frame) -> str:
        return f"is {SIDES[self.direction]} expected by its own past ({self.sensitivity} sensitivity)"


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Anomaly:
    """The condition of an object with the key `anomaly`. Raises CriteriaError."""
    read_object(value, place, "an object", ("anomaly",))
    at = place.key("anomaly")
    given = read_object(value["anomaly"], at, 'such as {"direction": "both", "sensitivity": "medium"}', KEYS)
    direction = read_choice(given.get("direction", "both"), at.key("direction"), DIRECTIONS)
    return Anomaly(direction, read_choice(given.get("sensitivity", "medium"), at.key("sensitivity"), list(RISK)))


KIND = ConditionKind(
    parse=parse,
    label="Is unusual",
    icon="query_stats",
    blank={"anomaly": {"direction": "both", "sensitivity": "medium"}},
)
