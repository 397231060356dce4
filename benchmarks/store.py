"""What stands before a cycle: a history in the product's database and columns, and what comes in later."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from benchmarks import history
from benchmarks.cohorts import COHORTS
from benchmarks.wire import delta_items
from cohorts.models import Cohort
from ingest.columns import open_columns
from ingest.parse import PARSERS
from ingest.record import record


class Store:
    """Takes in histories and deltas. Runs in a process where Django is set up."""

    def load(self, data: Path, end: datetime) -> float:
        """The whole history, sealed, and the eleven cohorts; returns the seconds it took."""
        started = time.perf_counter()
        history.write_rows(data)
        history.write_segments(data, end)
        for cohort in COHORTS:
            Cohort.objects.create(
                name=cohort.name, kind=cohort.kind, criteria=cohort.criteria, created_at=timezone.now()
            )
        return time.perf_counter() - started

    def receive(self, delta: Path) -> int:
        """Record what came in one quarter of an hour, as the collector does; returns how many items."""
        items = delta_items(delta)
        for start in range(0, len(items), 500):
            record([PARSERS[kind](item, at) for kind, item, at in items[start : start + 500]])
        return len(items)

    def seal(self, now: datetime) -> tuple[int, float]:
        """Seal what waits; how many events, and the seconds it took."""
        started = time.perf_counter()
        sealed = open_columns().seal(now)
        return sealed.events, time.perf_counter() - started
