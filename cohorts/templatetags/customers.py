"""What the page of a customer needs to show values: `{% load customers %}`."""

from __future__ import annotations

from typing import Any

from django import template

from cohorts.facts import as_text

register = template.Library()


@register.filter
def value_text(value: Any) -> str:
    """A value of a profile as text."""
    return as_text(value)


@register.filter
def milliseconds(value: Any) -> str:
    """`240 ms`, `1.4 s`: how long a call took, given in milliseconds; nothing for what is no number."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:,.0f} ms" if value < 1_000 else f"{value / 1_000:,.1f} s"
