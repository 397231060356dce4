"""The cycle under measurement, with the time of its parts."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np

from cohorts import membership, refresh
from cohorts.models import Cohort
from cohortsite import pipeline
from ingest.columns import open_columns
from ingest.models import Customer


class Cycle:
    """Runs cycles. Runs in a process where Django is set up."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = defaultdict(float)
        self._time(refresh, "evaluate")
        self._time(refresh, "_explain", "explain")
        self._time(membership, "apply")
        self._time(membership, "start", "apply")
        self._time(membership, "read")
        self._time(type(open_columns()), "seal")

    def run(self, now: datetime) -> dict[str, Any]:
        """One cycle; milliseconds in all, by part, by cohort, and what it did. Raises when a cohort failed."""
        self.parts.clear()
        started, worked = time.perf_counter(), time.process_time()
        report = pipeline.run_cycle(now)
        took, cpu = (time.perf_counter() - started) * 1000, (time.process_time() - worked) * 1000
        errors = report.faults + [evaluation.error for evaluation in report.evaluations if evaluation.error]
        if errors or len(report.evaluations) != Cohort.objects.count():
            raise RuntimeError(f"{len(report.evaluations)} cohorts evaluated, faults: {errors}")
        evaluations = {evaluation.cohort.name: evaluation for evaluation in report.evaluations}
        return {
            "ms": took,
            "cpu_ms": cpu,
            "parts": {**self.parts, "rest": took - sum(self.parts.values())},
            "cohorts": {name: each.duration.total_seconds() * 1000 for name, each in evaluations.items()},
            "changes": sum(each.added + each.removed for each in evaluations.values()),
            "sealed": report.sealed.events,
        }

    def members(self, known: int) -> dict[str, np.ndarray]:
        """Who is in each cohort, by the ids of the generator, in order; customers above `known` came in later."""
        later = dict(Customer.objects.filter(pk__gt=known).values_list("pk", "external_id"))
        number_of = {pk: int(external_id.rpartition("-")[2]) for pk, external_id in later.items()}
        return {
            cohort.name: np.sort(np.array([number_of.get(pk, pk) for pk in membership.members(cohort)], dtype=np.int64))
            for cohort in Cohort.objects.all()
        }

    def _time(self, owner: Any, name: str, part: str = "") -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self.parts[part or name] += (time.perf_counter() - started) * 1000

        setattr(owner, name, timed)
