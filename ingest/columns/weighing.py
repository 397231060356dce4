"""Weigh chosen events: by day in each large segment, which is kept, and what is left in one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ingest.columns.engine import Engine, catalog
from ingest.columns.interface import Span
from ingest.columns.memo import Arrays
from ingest.columns.visible import DAY, Visible
from ingest.columns.weights import Adoption, Weights, add_up
from ingest.models import CustomerKind, Segment

SOURCE = "chosen_events_a96fb2c4"
"""The table that the SQL of a choice reads: no text in a criterion says this by chance, and none can by intent,
since texts stand in quotes that this is never in."""


@dataclass(frozen=True)
class Weighing:
    """`interface.Weighing` by SQL; `chosen` selects from SOURCE, and without `lasting` also by the clock."""

    chosen: str
    lasting: bool
    engine: Engine
    visible: Visible
    read: Callable[[str], Arrays]
    adoption: Callable[[], Adoption]

    def within(self, kind: CustomerKind, span: Span) -> Weights:
        if not self.lasting:
            return self._add_up([self._of(f"({self.visible.events(span)})")], kind)
        days, others = self.visible.split(span)
        return self._add_up([*(self._of_days(*each) for each in days), self._of(f"({others})")], kind)

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        return self._add_up([self._of(f"({self.visible.events(span, since)})")], kind)

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        before = Visible(self.visible.segments, then)
        return self._add_up([self._of(f"({before.events(span)})") for span in spans], kind)

    def _of_days(self, segment: Segment, days: Span) -> Arrays:
        """What is in these UTC days of a segment: a slice of what was found in all of it."""
        key = ("weights by day", segment.checksum, self.chosen)
        found = self.engine.memo.get(key, lambda: self._by_day(segment))
        first, end = np.searchsorted(found["day"], [_number(days.start), _number(days.end)])
        return {name: array[first:end] for name, array in found.items()}

    def _by_day(self, segment: Segment) -> Arrays:
        sums = self._sums(f"{catalog(segment)}.events", ", time::DATE - DATE '1970-01-01' AS day")
        found = self.read(f"{sums} ORDER BY day")
        return {"day": found["day"], **{name: _narrow(found[name]) for name in ("user", "company", "n")}}

    def _of(self, source: str) -> Arrays:
        return self.read(self._sums(source))

    def _sums(self, source: str, more: str = "") -> str:
        events = self.chosen.replace(f'"{SOURCE}"', source)
        return f"""SELECT coalesce(user_id, 0) AS "user", coalesce(company_id, 0) AS company,
                          sum(weight)::BIGINT AS n{more}
            FROM ({events}) GROUP BY ALL"""

    def _add_up(self, parts: Sequence[Arrays], kind: CustomerKind) -> Weights:
        return add_up(parts, self.adoption() if kind == CustomerKind.COMPANY else None)


def _number(day: datetime | None) -> int:
    """The days since 1970 at a UTC midnight."""
    assert day is not None
    return (day - datetime(1970, 1, 1, tzinfo=UTC)) // DAY


def _narrow(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers of 0 or more in as few bytes as they fit in."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
