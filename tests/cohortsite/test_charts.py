"""Charts for those who cannot see them, and small lines."""

from __future__ import annotations

import re

from django.template.loader import render_to_string

from cohortsite.templatetags.charts import chart_rows, sparkline

MONDAY = 1_772_409_600


def test_the_numbers_of_a_chart_as_rows():
    chart = {
        "times": [MONDAY],
        "step": 86_400,
        "time_zone": "Europe/Berlin",
        "series": [{"label": "Joined", "values": [3]}, {"label": "Left", "values": [None]}],
    }
    assert chart_rows(chart) == [("02 Mar 2026", ["3", "–"])]


def test_what_was_expected_stands_beside_the_numbers_and_what_is_marked_below_them():
    chart = {
        "times": [MONDAY, MONDAY + 3600, MONDAY + 7200, MONDAY + 10800],
        "step": 3600,
        "unit": "%",
        "series": [{"label": "Error rate", "tone": "1", "values": [1.5, 2, 9, 1]}],
        "band": {"label": "Expected", "low": [None, 1, 1, None], "high": [5, None, 5, None]},
        "spans": [{"from": MONDAY + 7200, "to": MONDAY + 10800, "label": "Alert open", "tone": "off"}],
        "marks": [{"at": MONDAY + 7200, "value": 9, "label": "Opened", "tone": "off"}],
    }
    assert [cells for _, cells in chart_rows(chart)] == [
        ["1.5%", "at most 5%"],
        ["2%", "at least 1%"],
        ["9%", "1% to 5%"],
        ["1%", "–"],
    ]
    html = render_to_string("components/chart.html", {"id": "c", "title": "Error rate", "chart": chart})
    assert "Alert open: 02 Mar 2026, 02:00 to 02 Mar 2026, 03:00" in html
    assert "Opened: 02 Mar 2026, 02:00" in html


def test_a_small_line_is_drawn_in_stretches_between_the_gaps():
    drawn = sparkline([1, 2, None, 4, 8], "from 1 to 8", off=[4])
    assert [len(line.split()) for line in drawn["lines"]] == [2, 2]
    assert drawn["lines"][1].endswith(",".join(drawn["dots"][0]))
    html = render_to_string("components/sparkline.html", drawn)
    assert re.search('role="img" aria-label="from 1 to 8"', html)
    tops = [float(point.split(",")[1]) for line in drawn["lines"] for point in line.split()]
    assert tops == sorted(tops, reverse=True)


def test_a_line_of_one_number_or_of_nothing_is_empty_and_says_so():
    assert sparkline([None, 3], "no numbers yet")["lines"] == []
    assert sparkline([0, 0, 0], "always 0")["lines"]
