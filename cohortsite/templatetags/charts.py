"""What the chart components show as text and as drawings: `{% load charts %}`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django import template

from cohortsite.templatetags.pages import grouped

register = template.Library()

SPARK_WIDTH, SPARK_HEIGHT, SPARK_INSET = 120, 32, 3
"""Of the drawing of a small line, and the edge that its ends and dots need."""


@register.filter
def chart_rows(chart: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The numbers of a chart as rows of a table: the time in words, the value of each series, what was expected."""
    columns = [[_say_number(value, chart) for value in series["values"]] for series in chart["series"]]
    if band := chart.get("band"):
        columns.append([_say_expected(*bounds, chart) for bounds in zip(band["low"], band["high"], strict=True)])
    return [(_say_time(at, chart), [column[row] for column in columns]) for row, at in enumerate(chart["times"])]


@register.filter
def chart_keys(chart: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The looks and labels of the shaded times and the marked moments of a chart, each once."""
    looks = ((each, f"mark-{each['tone']}" if "at" in each else each["tone"]) for each in _noted(chart))
    return list(dict.fromkeys((look, each["label"]) for each, look in looks))


@register.filter
def chart_notes(chart: Mapping[str, Any]) -> list[str]:
    """The shaded times and the marked moments of a chart in words."""
    return [
        f"{each['label']}: {_say_time(each['at'], chart)}"
        if "at" in each
        else f"{each['label']}: {_say_time(each['from'], chart)} to {_say_time(each['to'], chart)}"
        for each in _noted(chart)
    ]


def _noted(chart: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*chart.get("spans", ()), *chart.get("marks", ())]


def _say_time(at: int, chart: Mapping[str, Any]) -> str:
    shown = "%d %b %Y" if chart.get("step", 0) >= 86_400 else "%d %b %Y, %H:%M"
    return datetime.fromtimestamp(at, ZoneInfo(chart.get("time_zone", "UTC"))).strftime(shown)


def _say_number(value: float | None, chart: Mapping[str, Any]) -> str:
    return grouped(value) if value is None else f"{grouped(value)}{chart.get('unit', '')}"


def _say_expected(low: float | None, high: float | None, chart: Mapping[str, Any]) -> str:
    if low is None or high is None:
        return f"at most {_say_number(high, chart)}" if low is None and high is not None else _say_least(low, chart)
    return f"{_say_number(low, chart)} to {_say_number(high, chart)}"


def _say_least(low: float | None, chart: Mapping[str, Any]) -> str:
    return "–" if low is None else f"at least {_say_number(low, chart)}"


@register.inclusion_tag("components/sparkline.html")
def sparkline(values: Sequence[float | None], label: str, off: Collection[int] = ()) -> dict[str, Any]:
    """A small line of numbers, oldest first, without axes; the places in `off` get a dot. `label` says it in words."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return {"label": label, "lines": [], "dots": []}
    low, high = min(0, *known), max(known)
    size = (high - low) or 1

    def at(place: int, value: float) -> str:
        left = SPARK_INSET + place * (SPARK_WIDTH - 2 * SPARK_INSET) / (len(values) - 1)
        top = SPARK_HEIGHT - SPARK_INSET - (value - low) * (SPARK_HEIGHT - 2 * SPARK_INSET) / size
        return f"{left:.1f},{top:.1f}"

    places = [None if value is None else at(place, value) for place, value in enumerate(values)]
    stretches = [list(points) for is_known, points in groupby(places, lambda point: point is not None) if is_known]
    dots = [point.split(",") for place in off if (point := places[place]) is not None]
    return {"label": label, "lines": [" ".join(filter(None, points)) for points in stretches], "dots": dots}
