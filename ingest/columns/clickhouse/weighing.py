"""`interface.Weighing` by ClickHouse: one query for each window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from ingest.columns.identities import NOBODY
from ingest.columns.interface import Span
from ingest.columns.memo import Arrays
from ingest.columns.weights import Weights, add_up
from ingest.models import CustomerKind


@dataclass(frozen=True)
class Weighing:
    """Weighs what `chosen` leaves of a table of events of a kind of customer."""

    chosen: Callable[[ir.Table], ir.Table]
    events: Callable[..., ir.Table]
    "See `ClickHouseSnapshot.event_table`."
    rows: Callable[[ir.Table], pa.Table]

    def within(self, kind: CustomerKind, span: Span) -> Weights:
        return add_up([self._sums(self.events(kind, span))], NOBODY, None)

    def arrived(self, kind: CustomerKind, span: Span, since: datetime) -> Weights:
        return add_up([self._sums(self.events(kind, span, since))], NOBODY, None)

    def seen_then(self, kind: CustomerKind, spans: Sequence[Span], then: datetime) -> Weights:
        return add_up([self._sums(self.events(kind, span, then=then)) for span in spans], NOBODY, None)

    def _sums(self, events: ir.Table) -> Arrays:
        chosen = self.chosen(events)
        found = self.rows(chosen.group_by("customer").aggregate(n=chosen.weight.sum()))
        customers, sums = found["customer"].to_numpy(), found["n"].to_numpy()
        return {"user": customers, "company": np.zeros(len(customers), dtype=np.int32), "n": sums}
