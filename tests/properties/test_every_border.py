"""Every kind of window and of time condition, in every odd zone, with customers on and beside each border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.properties.budget import ASKED, ENGINES_HERE
from tests.properties.comparing import Question, assert_same_members, recorded
from tests.properties.definitions import CALENDARS, condition
from tests.properties.histories import ANCHORS, TICK
from tests.reference import first_instant, local_dates
from tests.reference_world import Clock, Received

pytestmark = pytest.mark.django_db
LENGTHS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "2d": timedelta(days=2), "1w": timedelta(weeks=1)}


def borders(clock: Clock) -> list[datetime]:
    """The instants at which a window begins or ends, as seen from the clock."""
    named = [first_instant(day, clock.zone) for name in CALENDARS for day in local_dates(name, clock)]
    rolling = [clock.at + way * length for length in (timedelta(), *LENGTHS.values()) for way in (-1, 1)]
    return sorted({*named, *rolling})


def customers(clock: Clock) -> list[Received]:
    """On each border, a tick before and a tick after it: a user with an event then, and one who says so."""
    long_ago = clock.at - timedelta(days=100)
    received = []
    for border in borders(clock):
        for instant in (border - TICK, border, border + TICK):
            name = instant.isoformat()
            said = {"user_id": f"says {name}", "metadata": {"when": name}}
            done = {"user_id": f"does {name}", "action_name": "x", "request": {"time": name}}
            received += [Received("user", said, long_ago), Received("action", done, min(instant, clock.at))]
    return received


def questions(clock: Clock) -> list[Question]:
    windows: list[dict[str, Any]] = [{"last": duration} for duration in LENGTHS]
    windows += [{"from": older, "to": younger} for older, younger in [("24h", "0s"), ("2d", "1h"), ("1w", "2d")]]
    windows += [{"calendar": name} for name in CALENDARS]
    fixed = [border.isoformat() for border in borders(clock)[::3]]
    windows += [{"after": text} for text in fixed] + [{"before": text} for text in fixed]
    windows += [{"after": fixed[0], "before": fixed[-1]}, {"after": fixed[1], "before": fixed[2]}, {"ever": True}]
    performed = [{"performed": {}, "at_least": 1, "within": window} for window in windows]
    ages = [{way: duration} for way in ("ago", "in") for duration in ("0s", *LENGTHS)]
    conditions = [condition("metadata.when", op, moment) for op in ("before", "after") for moment in (*fixed, *ages)]
    conditions += [condition("metadata.when", "between", [fixed[1], fixed[-1]])]
    conditions += [condition("metadata.when", "between", [{"ago": "24h"}, {"in": "1h"}])]
    for field in ("metadata.when", "first_seen_time", "last_seen_time", "created"):
        conditions += [condition(field, "on", {"calendar": name}) for name in CALENDARS]
        conditions += [condition(field, "on", {"last": duration}) for duration in LENGTHS]
        conditions += [condition(field, "not_on", {"last": "24h"})]
    return [("user", node) for node in (*performed, *conditions)]


@pytest.mark.parametrize(
    ("engine", "zone", "anchor"),
    # Borders are computed before an engine sees them: a few are enough to see that each reads them in the same way.
    [(engine, *each) for engine in ENGINES_HERE for each in ANCHORS[:: 1 if engine == "duckdb" or ASKED else 4]],
)
def test_windows_have_the_borders_of_the_reference(engine, zone, anchor):
    week_starts_on = 1 + ANCHORS.index((zone, anchor)) % 7
    clock = Clock(anchor.replace(tzinfo=UTC), ZoneInfo(zone), week_starts_on)
    received = customers(clock)
    with recorded(received, on=engine):
        assert_same_members(received, clock, questions(clock))
