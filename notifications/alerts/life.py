"""The life of an alert, from one interval to the next. Nothing here knows the database or the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from notifications.alerts.conditions import Verdict


class Turn(StrEnum):
    """What can happen to the alert of a group in an interval."""

    OPENED = "opened"
    RECOVERED = "recovered"
    FORGOTTEN = "forgotten"
    "It ends, since nothing could be said of it for a while."


@dataclass(frozen=True)
class Rules:
    """By what a rule's alerts live."""

    recovers: int
    "Intervals in a row that must be as they should be before an alert ends."
    forgets: int
    "Intervals in a row of which nothing can be said, after which it ends."
    quiet_for: timedelta | None
    "The least time from the opening of one alert to that of the group's next."


@dataclass(frozen=True)
class State:
    """How a group stands between two intervals; of one without an alert the counts are 0."""

    is_open: bool = False
    calm: int = 0
    "Intervals in a row that were as they should be, since it is open."
    unknown: int = 0
    "Intervals in a row of which nothing could be said, since it is open."
    opened_at: datetime | None = None
    "End of the interval in which its newest alert opened, also if that has ended."


def step(state: State, verdict: Verdict, end: datetime, rules: Rules) -> tuple[State, Turn | None]:
    """How the group stands after an interval that ended at `end`, and what happened to its alert."""
    if not state.is_open:
        if verdict != Verdict.BAD or _is_quiet(state, end, rules):
            return state, None
        return State(is_open=True, opened_at=end), Turn.OPENED
    calm = {Verdict.OK: state.calm + 1, Verdict.UNKNOWN: state.calm}.get(verdict, 0)
    unknown = state.unknown + 1 if verdict == Verdict.UNKNOWN else 0
    if verdict == Verdict.OK and calm >= rules.recovers:
        return State(opened_at=state.opened_at), Turn.RECOVERED
    if unknown >= rules.forgets:
        return State(opened_at=state.opened_at), Turn.FORGOTTEN
    return replace(state, calm=calm, unknown=unknown), None


def _is_quiet(state: State, end: datetime, rules: Rules) -> bool:
    if rules.quiet_for is None or state.opened_at is None:
        return False
    return end < state.opened_at + rules.quiet_for


@dataclass
class Course:
    """A group on its way through many intervals, by its verdicts: those of which `watched` is false open nothing, and
    those of which `known` is false are passed over. `ends` gives the end of each."""

    state: State
    rules: Rules

    def follow(
        self, verdicts: np.ndarray, watched: np.ndarray, known: np.ndarray, ends: Sequence[datetime]
    ) -> Iterator[tuple[int, Turn]]:
        """What happens, by the places of the intervals; afterwards `state` is the last."""
        bad = np.flatnonzero((verdicts == Verdict.BAD) & watched & known)
        place = 0
        while place < len(verdicts):
            if not self.state.is_open:  # nothing but a bad interval changes anything
                later = bad[np.searchsorted(bad, place) :]
                if not len(later):
                    return
                place = int(later[0])
            if known[place]:
                self.state, turn = step(self.state, Verdict(verdicts[place]), ends[place], self.rules)
                if turn is not None:
                    yield place, turn
            place += 1
