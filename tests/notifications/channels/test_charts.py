"""The chart of an alert: frozen, as characters, as a picture, and by an address."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from math import nan

import pytest
from PIL import Image

from notifications.channels.charts import LIFE, bars, chart_url, charted, freeze, is_reachable, thaw
from notifications.channels.drawing import HEIGHT, OFF, SCALE, WIDTH, draw
from notifications.message import AlertChart, ChartPoint, Happened
from tests.notifications.messages import NOW, alerts

ID = "5c0b7f2e-0000-4000-8000-000000000000"


def chart(*values, low=None, high=None, **options) -> AlertChart:
    points = (ChartPoint(NOW + timedelta(minutes=number), value, low, high) for number, value in enumerate(values))
    return AlertChart(tuple(points), **options)


def colors(picture: bytes) -> dict[tuple[int, int, int], int]:
    """How many pixels there are of each color."""
    image = Image.open(BytesIO(picture)).convert("RGB")
    assert image.size == (round(WIDTH * SCALE), round(HEIGHT * SCALE))
    return {color: count for count, color in image.getcolors(1_000_000)}


def red(picture: bytes) -> int:
    return colors(picture).get(tuple(bytes.fromhex(OFF[1:])), 0)


def test_what_was_frozen_is_the_same_when_it_is_thawed():
    for happened in Happened:
        made = alerts("acme", happened=happened).chart
        assert thaw(json.loads(json.dumps(freeze(made)))) == made


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((0, 7), "▁█"),
        ((0, 1, 2, 3, 4, 5, 6, 7), "▁▂▃▄▅▆▇█"),
        ((5, 5, 5), "▁▁▁"),
        ((1, None, 2), "▁·█"),
        ((-3, -1), "▁█"),
        ((None, None), ""),
        ((), ""),
    ],
)
def test_a_line_of_bars_shows_the_ups_and_downs(values, line):
    assert bars(chart(*values)) == line


def test_a_line_of_bars_is_short_and_shows_the_newest():
    line = bars(chart(*[0] * 300, 1))
    assert len(line) == 30
    assert line.endswith("▁█")


def test_the_picture_is_light_and_marks_what_was_off():
    quiet, loud = draw(chart(1, 2, 1, high=3)), draw(chart(1, 2, 9, high=3))
    assert colors(quiet)[255, 255, 255] > 0.8 * WIDTH * HEIGHT * SCALE**2
    assert red(quiet) == 0
    assert red(loud) > 50
    assert red(draw(chart(5, 5, 1, low=3))) > 50


@pytest.mark.parametrize(
    "made",
    [
        chart(),
        chart(None, None),
        chart(1),
        chart(0, 0, 0),
        chart(nan, 1, nan, low=nan, high=nan),
        chart(1e300, -1e300, low=-1e305, high=1e305),
        chart(0.5, 0.1, percent=True, zone="America/New_York", marked=(NOW,)),
        AlertChart(
            tuple(ChartPoint(datetime(2026, 3, 29, hour, tzinfo=UTC), 1.0) for hour in range(5)), zone="Europe/Berlin"
        ),
    ],
)
def test_any_chart_can_be_drawn(made):
    assert draw(made).startswith(b"\x89PNG")


def test_threads_draw_the_same_picture():
    made = [chart(number, 1, 2, high=3) for number in range(4)]
    expected = [draw.__wrapped__(each) for each in made]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(draw.__wrapped__, made)) == expected


def test_the_address_of_a_chart_holds_for_a_time_and_cannot_be_made_up():
    token = chart_url(ID, NOW).rpartition("/")[2].removesuffix(".png")
    assert charted(token, NOW) == ID
    assert charted(token, NOW + LIFE - timedelta(seconds=1)) == ID
    assert charted(token, NOW + LIFE) is None
    for wrong in ("", "x", token[:-1], token.swapcase(), f"{token}.png", token.replace(":", "")):
        assert charted(wrong, NOW) is None


@pytest.mark.parametrize(
    ("site", "reachable"),
    [
        ("https://cohorts.example.com", True),
        ("https://cohorts.example.com:8443/app", True),
        ("https://1.1.1.1", True),
        ("http://cohorts.example.com", False),
        ("https://localhost", False),
        ("https://cohorts", False),
        ("https://cohorts.internal", False),
        ("https://10.0.0.7", False),
        ("https://[::1]", False),
    ],
)
def test_only_a_public_site_can_be_asked_for_a_chart(settings, site, reachable):
    settings.SITE_URL = site
    assert is_reachable() == reachable
