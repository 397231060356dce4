"""Which choices of a subscription go together: one judgement for pages, API and admin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from cohorts.time_zones import check_time_zone
from notifications.schedule import EVERY_DAY, Schedule

CHOSEN = ("send_on_addition", "send_on_removal", "tell_existing", "send_at", "days", "quiet_from", "quiet_to")
RULES = (
    "send_at",
    "days",
    "quiet_from",
    "quiet_to",
    "time_zone",
    "minimum_stay",
    "cool_down",
    "once_per_customer",
    "hold_above",
    "hold_above_percent",
    "hold_when_silent",
)
"""What is chosen beside what is told and how often."""


class Contradiction(ValueError):
    """Choices of a subscription that do not go together; `field` is the one to mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Choices:
    """What was chosen, already of the right types. `tell_existing` counts only until it is done."""

    send_on_addition: bool = True
    send_on_removal: bool = True
    tell_existing: bool = False
    send_at: time | None = None
    days: Collection[int] = EVERY_DAY
    quiet_from: time | None = None
    quiet_to: time | None = None

    def check(self) -> None:
        """Raise Contradiction where nothing, or not what was asked for, would ever be told."""
        if not self.send_on_addition and not self.send_on_removal:
            raise Contradiction("send_on_addition", "Choose additions, removals or both.")
        if self.tell_existing and not self.send_on_addition:
            raise Contradiction("tell_existing", "Existing members are told of as additions: choose additions too.")
        if not self.days:
            raise Contradiction("days", "Choose at least one day.")
        self._check_quiet_hours()

    def _check_quiet_hours(self) -> None:
        if (self.quiet_from is None) != (self.quiet_to is None):
            missing = "quiet_from" if self.quiet_from is None else "quiet_to"
            raise Contradiction(missing, "Quiet hours need a beginning and an end.")
        if self.quiet_from is None or self.quiet_to is None:
            return
        if self.quiet_from == self.quiet_to:
            raise Contradiction("quiet_to", "Quiet hours end when they begin: choose another end, or pause instead.")
        quiet = Schedule(timedelta(), "UTC", quiet=(self.quiet_from, self.quiet_to))
        if self.send_at is not None and quiet.is_quiet(self.send_at):
            raise Contradiction("send_at", "This time lies in the quiet hours: nothing would ever be sent.")


def check_zone(name: str) -> None:
    """Refuse what is neither empty nor the name of a time zone. Raises ValidationError."""
    if name:
        check_time_zone(name)


def check_choices(chosen: dict[str, Any]) -> None:
    """Check those of CHOSEN that are known. Raises Contradiction."""
    Choices(**chosen).check()
