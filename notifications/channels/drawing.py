"""The picture of an alert's chart: a light one, with figures and times alone, so that no name can spoil it."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO
from math import nan
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from notifications.message import AlertChart, ChartPoint

WIDTH, HEIGHT, SCALE = 480, 180, 2.5
"""Pixels as a narrow mail shows it; there are SCALE times as many each way, for sharp and wide screens."""
DPI, PAD, FONT = 100, 0.1, 9.5
LINE, OFF, BAND, GRID, TEXT = "#1d4ed8", "#b91c1c", "#15803d", "#e5e7eb", "#4b5563"
STRETCHES = ["", "%Y", "%b %Y", "%d %b %Y", "%d %b %Y", "%d %b %Y"]
"""What the times have in common, below them: of years, months, days, hours, minutes and seconds."""
_DRAWING = Lock()
"""Matplotlib keeps fonts and caches of text between pictures: one thread draws at a time."""


@lru_cache(maxsize=32)
def draw(chart: AlertChart) -> bytes:
    """A PNG of the chart, WIDTH x HEIGHT in the units of a mail; the same for every recipient and attempt."""
    os.environ.setdefault("MPLCONFIGDIR", str(settings.DATA_DIR / "matplotlib"))  # its list of fonts, made once
    # Half a second and 45 MB, only for processes that draw.
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: PLC0415

    with _DRAWING:
        layout = ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD)
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI * SCALE, facecolor="white", layout=layout)
        axes = figure.add_subplot()
        _draw_series(axes, chart)
        _draw_frame(axes, chart)
        picture = BytesIO()
        figure.savefig(picture, format="png", pil_kwargs={"optimize": True}, metadata={"Software": None})
    return picture.getvalue()


def data_url(chart: AlertChart) -> str:
    """The picture as an address that holds it, for pages and mails shown in them."""
    return f"data:image/png;base64,{b64encode(draw(chart)).decode()}"


def _draw_series(axes: Any, chart: AlertChart) -> None:
    starts = [point.start for point in chart.points]
    values = _numbers(point.value for point in chart.points)
    low, high = _numbers(point.low for point in chart.points), _numbers(point.high for point in chart.points)
    axes.fill_between(starts, low, high, color=BAND, alpha=0.25, linewidth=0)
    if all(point.low is None or point.high is None for point in chart.points):
        for bound in (low, high):
            axes.plot(starts, bound, color=BAND, linewidth=1.2, linestyle=(0, (4, 3)))
    for moment in chart.marked:
        axes.axvline(moment, color=OFF, linewidth=1, alpha=0.6)
    axes.plot(starts, values, color=LINE, linewidth=1.6, marker="o" if len(starts) == 1 else "", markersize=4)
    off = [point for point in chart.points if _is_off(point)]
    axes.plot(
        [point.start for point in off],
        _numbers(point.value for point in off),
        "o",
        color=OFF,
        markersize=4.5,
        clip_on=False,
    )


def _draw_frame(axes: Any, chart: AlertChart) -> None:
    """Times below, figures on the left, as little ink as possible."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415 - as in `draw`
    from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter  # noqa: PLC0415

    zone = ZoneInfo(chart.zone)
    locator = AutoDateLocator(tz=zone, minticks=3, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone, offset_formats=STRETCHES))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.yaxis.set_major_formatter(PercentFormatter(1, None) if chart.percent else FuncFormatter(_with_separators))
    axes.margins(x=0.02)
    if all(number is None or number >= 0 for point in chart.points for number in (point.value, point.low, point.high)):
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=FONT, labelcolor=TEXT)
    axes.xaxis.get_offset_text().set(size=FONT, color=TEXT)
    axes.spines[:].set_visible(False)


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [nan if value is None else value for value in values]


def _is_off(point: ChartPoint) -> bool:
    if point.value is None:
        return False
    return (point.high is not None and point.value > point.high) or (point.low is not None and point.value < point.low)


def _with_separators(value: float, _place: int) -> str:
    return f"{value:,.10g}"
