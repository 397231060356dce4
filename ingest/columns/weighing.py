"""Weigh chosen events: by whole days of large segments, which is kept, and what is left in one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingest.columns.engine import Engine
from ingest.columns.identities import Identities
from ingest.columns.interface import Span
from ingest.columns.memo import Arrays
from ingest.columns.visible import Visible, within_span
from ingest.columns.weights import Adoption, Weights, add_up
from ingest.models import CustomerKind, Segment

SOURCE = "source"
"""The table that the SQL of a choice reads."""


@dataclass(frozen=True)
class Weighing:
    """`interface.Weighing` by SQL; `chosen` selects from SOURCE, and without `lasting` also by the clock."""

    chosen: str
    lasting: bool
    engine: Engine
    visible: Visible
    read: Callable[[str], Arrays]
    identities: Callable[[], Identities]
    adoption: Callable[[], Adoption]
    new_since: Callable[[datetime], str]
    "The table of the events that were not yet visible at an instant."

    def within(self, kind: CustomerKind, span: Span) -> Weights:
        if not self.lasting:
            return self._add_up([self._of(self.visible.events(span), kind)], kind)
        days, others = self.visible.split(span)
        kept = [self._of_days(segment, within, kind) for segment, within in days]
        return self._add_up([*kept, self._of(others, kind)], kind)

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        return self._add_up([self.arrived_parts(kind, span, since)], kind)

    def arrived_parts(self, kind: CustomerKind, span: Span, since: datetime) -> Arrays:
        """`arrived` by user and company, not added up."""
        return self._of(within_span(self.new_since(since), span), kind)

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        before = Visible(self.visible.segments, then)
        return self._add_up([self._of(before.events(span), kind) for span in spans], kind)

    def _of_days(self, segment: Segment, days: Span, kind: CustomerKind) -> Arrays:
        """What is in these UTC days of a segment, which change once a day, or never when they are all of it."""
        source = self.visible.days_of(segment, days)
        key = ("weights", segment.checksum, self.chosen, kind, source)
        return self.engine.memo.get(key, lambda: self._of(source, kind))

    def _of(self, source: str, kind: CustomerKind) -> Arrays:
        sums = f"SELECT {_COLUMNS[kind]}, sum(weight)::BIGINT AS n FROM ({self.chosen}) GROUP BY ALL"
        return self.read(reading(source, sums))

    def _add_up(self, parts: Sequence[Arrays], kind: CustomerKind) -> Weights:
        return add_up(parts, self.identities(), self.adoption() if kind == CustomerKind.COMPANY else None)


def reading(source: str, sql: str) -> str:
    """SQL that reads SOURCE, with a query in its place; by name, since criteria put texts of people into the SQL."""
    return f"WITH {SOURCE} AS NOT MATERIALIZED ({source}) {sql}"


_COLUMNS = {
    CustomerKind.USER: 'coalesce(user_id, 0) AS "user", 0::UTINYINT AS company',
    CustomerKind.COMPANY: """CASE WHEN company_id IS NULL THEN coalesce(user_id, 0) ELSE 0 END AS "user",
                             coalesce(company_id, 0) AS company""",
}
"""Who the events of a row belong to: of companies the user is asked for only where no company is named."""
