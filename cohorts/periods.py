"""Lengths of time as people write them: `15m`, `36h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
"""Seconds in each unit; a day is 24 hours."""
EXPECTED = 'expected an integer and one of s, m, h, d, w, such as "15m"'


def parse_period(text: str) -> timedelta:
    """The length that the text says. Raises ValueError saying what is expected."""
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhdw])", text.strip(), re.ASCII)
    if found is None:
        raise ValueError(EXPECTED)
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def format_period(period: timedelta) -> str:
    """The length in the largest unit up to days that divides it: 900 seconds are `15m`."""
    seconds = int(period.total_seconds())
    unit = next(unit for unit in "dhms" if seconds % UNITS[unit] == 0)
    return f"{seconds // UNITS[unit]}{unit}"
