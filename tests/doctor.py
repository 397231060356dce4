"""The doctor's checks of the data, for tests that look whether the invariants hold."""

from __future__ import annotations

from datetime import datetime

import cohorts.doctor
import ingest.doctor
import notifications.alerts.doctor
import notifications.doctor
from ingest.examination import Examination, Severity, examine

APPS = (ingest, cohorts, notifications, notifications.alerts)
CHECKS = [check for app in APPS for check in app.doctor.CHECKS]


def broken_promises(now: datetime) -> dict[str, list[str]]:
    """What the checks find wrong, by the name of the check; what only deserves a look is left out."""
    results = [examine(check, Examination(now)) for check in CHECKS]
    return {
        result.check.name: [finding.what for finding in result.findings if finding.severity == Severity.ERROR]
        for result in results
        if not result.is_sound
    }


def assert_sound(now: datetime) -> None:
    """Fail with what is wrong, if anything is."""
    broken = broken_promises(now)
    assert not broken, broken
