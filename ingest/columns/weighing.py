"""Weigh chosen events: by long stretches of large segments, which is kept, and what is left in one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ingest.columns.engine import Engine
from ingest.columns.identities import Identities
from ingest.columns.interface import Span
from ingest.columns.memo import Arrays
from ingest.columns.visible import Visible, within_span
from ingest.columns.weights import Adoption, Weights, add_up, sums
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
        stretches, others = self.visible.split(span)
        keys = [self._key(self.visible.stretch(segment, within), segment, kind) for segment, within in stretches]
        kept = self._kept(keys, kind) if keys else None
        return add_up([self._of(others, kind)], self.identities(), self._adoption(kind), kept)

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        return self._add_up([self.arrived_parts(kind, span, since)], kind)

    def arrived_parts(self, kind: CustomerKind, span: Span, since: datetime) -> Arrays:
        """`arrived` by user and company, not added up."""
        return self._of(within_span(self.new_since(since), span), kind)

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        before = Visible(self.visible.segments, then)
        return self._add_up([self._of(before.events(span), kind) for span in spans], kind)

    def _key(self, source: str, segment: Segment, kind: CustomerKind) -> tuple[str, ...]:
        return "weights", segment.checksum, kind, self.chosen, source

    def _kept(self, keys: Sequence[tuple[str, ...]], kind: CustomerKind) -> Arrays:
        """The sums of stretches, which change once an hour, or never when they are all of a segment."""
        memo = self.engine.memo

        def sum_up() -> Arrays:
            return sums([memo.get(key, partial(self._of, key[-1], kind)) for key in keys])

        return memo.get(("sums", *keys), sum_up)

    def _of(self, source: str, kind: CustomerKind) -> Arrays:
        sums = f"SELECT {_COLUMNS[kind]}, sum(weight)::BIGINT AS n FROM ({self.chosen}) GROUP BY ALL"
        return self.read(reading(source, sums))

    def _add_up(self, parts: Sequence[Arrays], kind: CustomerKind) -> Weights:
        return add_up(parts, self.identities(), self._adoption(kind))

    def _adoption(self, kind: CustomerKind) -> Adoption | None:
        return self.adoption() if kind == CustomerKind.COMPANY else None


def reading(source: str, sql: str) -> str:
    """SQL that reads SOURCE, with a query in its place; by name, since criteria put texts of people into the SQL."""
    return f"WITH {SOURCE} AS NOT MATERIALIZED ({source}) {sql}"


_COLUMNS = {
    CustomerKind.USER: 'coalesce(user_id, 0) AS "user", 0::UTINYINT AS company',
    CustomerKind.COMPANY: """CASE WHEN company_id IS NULL THEN coalesce(user_id, 0) ELSE 0 END AS "user",
                             coalesce(company_id, 0) AS company""",
}
"""Who the events of a row belong to: of companies the user is asked for only where no company is named."""
