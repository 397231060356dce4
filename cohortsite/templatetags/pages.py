"""What templates need to show data: `{% load pages %}`. Data is hostile: every filter escapes what it shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()

# Direction marks and zero-width characters can make a text read as another; control characters show as nothing.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)
_JSON_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))|(?P<text>"(?:[^"\\]|\\.)*")|(?P<word>\b(?:true|false|null)\b)'
    r"|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
)
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@register.filter
def visible(value: object) -> str:
    """Text with its invisible characters written out (`\\u202e`), so that it reads as what it is."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))


@register.filter
def json_text(value: object) -> str:
    """A value as indented JSON, in the order given; times and ids as text."""
    return json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)


@register.filter
def highlight_json(text: str) -> SafeString:
    """JSON text with its keys, texts, numbers and words in `<span class="json-...">`; everything escaped."""
    return format_html_join("", '<span class="json-{}">{}</span>', _json_tokens(visible(text)))


def _json_tokens(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    for found in _JSON_TOKEN.finditer(text):
        yield "rest", text[end : found.start()]
        yield found.lastgroup or "rest", found[0]
        end = found.end()
    yield "rest", text[end:]


@register.filter
def grouped(value: int | float | None) -> str:
    """A number with its thousands apart: `1,204`; a dash for none."""
    return "–" if value is None else f"{value:,}"


@register.filter
def signed(value: int | float) -> str:
    """A change: `+12`, `−3`, `±0`."""
    return "±0" if not value else f"{'+' if value > 0 else '−'}{abs(value):,}"


@register.filter
def iso(at: datetime) -> str:
    """For `<time datetime>`: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


@register.filter
def moment(at: datetime, zone: str | None = "UTC") -> str:
    """`2 Mar 2026, 14:05:09 CET`: an instant in the named time zone."""
    local = at.astimezone(ZoneInfo(zone or "UTC"))
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


@register.filter
def day_and_time(at: datetime, zone: str | None = "UTC") -> str:
    """`2 Mar 2026, 14:05`, in the named time zone."""
    local = at.astimezone(ZoneInfo(zone or "UTC"))
    return f"{local.day} {local:%b %Y, %H:%M}"


@register.filter
def ago(at: datetime, now: datetime | None = None) -> str:
    """`3 minutes ago`, `in 2 hours`, `just now`; beyond four weeks the date."""
    seconds = int(((now or timezone.now()) - at).total_seconds())
    if abs(seconds) < 10:
        return "just now"
    if abs(seconds) > 28 * 86_400:
        return f"{at.astimezone(UTC).day} {at.astimezone(UTC):%b %Y}"
    words = _largest_unit(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def _largest_unit(seconds: int) -> str:
    name, size = next((name, size) for name, size in _UNITS if seconds >= size)
    return _number_of(seconds // size, name)


def _number_of(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


@register.filter
def duration(value: timedelta | None) -> str:
    """`15 minutes`, `1 hour 30 minutes`, `240 ms`, `1.4 s`; a dash for none."""
    if value is None:
        return "–"
    seconds = value.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds != int(seconds):
        return f"{seconds:.1f} s" if seconds < 60 else duration(timedelta(seconds=round(seconds)))
    parts, rest = [], int(seconds)
    for name, size in _UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(_number_of(number, name))
    return " ".join(parts[:2])


@register.filter
def initials(name: str) -> str:
    """Up to two letters that stand for a person."""
    words = re.findall(r"\w+", name)
    return "".join(word[0] for word in words[:2]).upper() or "?"
