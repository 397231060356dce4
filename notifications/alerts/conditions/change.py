"""`change`: the metric went up or down by a percentage against an earlier interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cohorts.criteria.place import Place, quoted, read_choice, read_number, read_object
from cohorts.criteria.wording import say_number
from notifications.alerts.conditions.condition import Condition, ConditionKind, Frame

AGAINST = {"before": "the interval before", "day": "a day before", "week": "a week before"}
SEASONS = {"day": timedelta(days=1), "week": timedelta(days=7)}
DIRECTIONS = ("up", "down", "both")
MOVED = {"up": "rose", "down": "fell", "both": "changed"}
KEYS = ("direction", "percent", "against")
LARGEST = 1_000_000.0


@dataclass(frozen=True)
class Change(Condition):
    """Off while the value differs by `percent` or more, in the direction, from the interval `against`."""

    direction: str
    percent: float
    against: str

    def words(self, frame: Frame) -> str:
        return f"{MOVED[self.direction]} by {say_number(self.percent)}% or more against {AGAINST[self.against]}"


def parse(value: dict[str, Any], place: Place, frame: Frame) -> Change:
    """The condition of an object with the key `change`. Raises CriteriaError."""
    read_object(value, place, "an object", ("change",))
    at = place.key("change")
    expected = 'a change such as {"direction": "down", "percent": 50, "against": "week"}'
    given = read_object(value["change"], at, expected, KEYS, KEYS)
    direction = read_choice(given["direction"], at.key("direction"), DIRECTIONS)
    percent = read_number(given["percent"], at.key("percent"))
    if not 0 < percent <= (100 if direction == "down" else LARGEST):
        most = "100" if direction == "down" else f"{LARGEST:,.0f}"
        raise at.key("percent").fault(f"expected a number above 0, at most {most}")
    possible = [name for name in AGAINST if frame.every.length <= SEASONS.get(name, frame.every.length)]
    against = read_choice(given["against"], at.key("against"), list(AGAINST))
    if against not in possible:
        raise at.key("against").fault(f"expected {quoted(possible)} for intervals of a {frame.every.noun}")
    return Change(direction, percent, against)


KIND = ConditionKind(
    parse=parse,
    label="Rises or falls",
    icon="trending_down",
    blank={"change": {"direction": "down", "percent": 50, "against": "week"}},
)
