"""Weigh chosen events: one query over each large segment, whose answer is kept, and one over all that is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.columns.engine import Engine, catalog
from ingest.columns.interface import Span
from ingest.columns.memo import Arrays
from ingest.columns.visible import Visible
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
        whole = self.visible.whole(span) if self.lasting else []
        rest = self.visible.events(span, but=whole)
        return self._add_up([*map(self._of_segment, whole), self._of(f"({rest})")], kind)

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        return self._add_up([self._of(f"({self.visible.events(span, since)})")], kind)

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        before = Visible(self.visible.segments, then)
        return self._add_up([self._of(f"({before.events(span)})") for span in spans], kind)

    def _of_segment(self, segment: Segment) -> Arrays:
        return self.engine.memo.get((segment.checksum, self.chosen), lambda: self._of(f"{catalog(segment)}.events"))

    def _of(self, source: str) -> Arrays:
        events = self.chosen.replace(f'"{SOURCE}"', source)
        return self.read(
            f"""SELECT coalesce(user_id, 0) AS "user", coalesce(company_id, 0) AS company, sum(weight)::BIGINT AS n
                FROM ({events}) GROUP BY ALL"""
        )

    def _add_up(self, parts: Sequence[Arrays], kind: CustomerKind) -> Weights:
        return add_up(parts, kind, self.adoption() if kind == CustomerKind.COMPANY else None)
