"""The time zones that a cohort's windows can be read in."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError


@cache
def time_zones() -> list[str]:
    """Names of the time zones that this machine knows, sorted, UTC first."""
    return ["UTC", *sorted(available_timezones() - {"UTC", "localtime", "Factory"})]


def check_time_zone(name: str) -> None:
    """Refuse a name that is no time zone. Raises ValidationError."""
    if name not in time_zones():
        raise ValidationError('expected the name of a time zone such as "Europe/Berlin"', code="invalid")
