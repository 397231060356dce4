"""What templates need to show cohorts: `{% load cohorts %}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import template

from cohorts.enums import Reason

register = template.Library()

TONES = {Reason.BEHAVIOR: "accent", Reason.PROFILE: "info", Reason.DELETED: "bad"}


@register.filter
def reason_words(reason: str) -> str:
    """`events came`: what the word of a reason means."""
    return str(Reason(reason).label)


@register.filter
def reason_tone(reason: str) -> str:
    """The tone of a reason's pill."""
    return TONES.get(Reason(reason), "")


@register.filter
def item(values: Mapping[Any, Any], key: Any) -> Any:
    """The value at a key that the template holds in a variable; nothing where there is none."""
    return values.get(key)


@register.filter
def local_day(at: datetime, zone: str) -> str:
    """`2026-03-02`, as addresses have it: the day of an instant in the named time zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d}"


@register.filter
def day_words(at: datetime, zone: str) -> str:
    """`Mon, 2 Mar 2026`: the day of an instant in the named time zone."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a}, {local.day} {local:%b %Y}"
