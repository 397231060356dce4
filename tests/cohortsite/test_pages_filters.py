from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils.html import escape, strip_tags

from cohortsite.templatetags.pages import (
    ago,
    duration,
    grouped,
    highlight_json,
    initials,
    iso,
    json_text,
    moment,
    signed,
    visible,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def render(source, **values):
    return Template("{% load pages %}" + source).render(Context(values))


def test_highlighted_json_marks_keys_texts_numbers_and_words():
    html = highlight_json(json_text({"name": "Ada", "age": -1.5, "paid": None, "tags": [True]}))
    assert '<span class="json-key">&quot;name&quot;</span>' in html
    assert '<span class="json-text">&quot;Ada&quot;</span>' in html
    assert '<span class="json-number">-1.5</span>' in html
    assert '<span class="json-word">null</span>' in html
    assert '<span class="json-word">true</span>' in html


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", '"><b>', "a \\ \" : 'x'", "12 true null", "</code>"])
def test_highlighted_json_shows_hostile_values_as_text(hostile):
    html = render("{{ value|json_text|highlight_json }}", value={hostile: hostile})
    text = strip_tags(html.replace("&lt;", "\0").replace("&gt;", "\1"))
    assert "<script" not in html
    assert "<b>" not in html
    assert "</code" not in html
    assert text.count(escape(json.dumps(hostile)).replace("&lt;", "\0").replace("&gt;", "\1")) == 2


def test_json_that_is_none_is_shown_escaped_too():
    assert "<script" not in highlight_json('{"a": <script>alert(1)</script>')


def test_highlighted_json_is_still_the_same_json():
    value = {"a": ["\u202e", "x\ny", "é", 12, {"b": False}]}
    html = highlight_json(json_text(value))
    text = strip_tags(html).replace("&quot;", '"')
    assert json.loads(text) == value


def test_a_long_value_is_highlighted_quickly():
    assert len(highlight_json('"' + "\\" * 200_001)) > 200_000


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\ufeff", "\u2066", "\x00", "\x1b"])
def test_invisible_characters_are_written_out(mark):
    assert visible(f"a{mark}b") == f"a\\u{ord(mark):04x}b"


def test_readable_text_stays_as_it_is():
    assert visible("Žofia 李 سارة 👩\n\t<b>") == "Žofia 李 سارة 👩\n\t<b>"


def test_visible_text_is_escaped_in_a_page():
    assert render("{{ value|visible }}", value="<b>\u202e") == "&lt;b&gt;\\u202e"


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5, minutes=59), "5 hours ago"),
        (timedelta(days=28), "28 days ago"),
        (timedelta(days=29), "1 Feb 2026"),
        (-timedelta(hours=2), "in 2 hours"),
    ],
)
def test_how_long_ago(past, words):
    assert ago(NOON - past, NOON) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (timedelta(0), "0 ms"),
        (timedelta(milliseconds=240), "240 ms"),
        (timedelta(seconds=1.44), "1.4 s"),
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(hours=1, minutes=30), "1 hour 30 minutes"),
        (timedelta(days=7), "7 days"),
    ],
)
def test_how_long(value, words):
    assert duration(value) == words


def test_numbers_in_words():
    assert [grouped(1_204_000), grouped(0), grouped(None)] == ["1,204,000", "0", "–"]
    assert [signed(12), signed(-1_300), signed(0)] == ["+12", "−1,300", "±0"]


def test_instants_in_a_time_zone():
    assert iso(NOON) == "2026-03-02T12:00:00Z"
    assert moment(NOON, "Europe/Berlin") == "2 Mar 2026, 13:00:00 CET"
    assert moment(NOON, None) == "2 Mar 2026, 12:00:00 UTC"


def test_initials():
    assert [initials("Ada Lovelace"), initials("root"), initials("  "), initials("<b>")] == ["AL", "R", "?", "B"]
