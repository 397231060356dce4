"""The webhook's body, and texts on one line."""

from __future__ import annotations

import ast
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cohorts.enums import ChangeKind
from notifications import channels
from notifications.message import encode, instant, one_line
from tests.notifications.messages import BATCH, entry, message


def test_the_body_has_the_documented_keys_in_their_order():
    body = json.loads(message(entry("Ann"), entry("Bob", 2, ChangeKind.REMOVED)).encode())
    assert list(body) == [
        "type", "version", "id", "batch", "sequence", "part", "parts", "created_at", "test", "cohort", "period",
        "counts", "added", "removed",
    ]  # fmt: skip
    assert list(body["cohort"]) == ["id", "name", "cohort_type", "url"]
    assert list(body["added"][0]) == [
        "user_id", "company_id", "email", "name", "first_seen_time", "last_seen_time", "url", "changed_at", "reason",
        "because", "evidence",
    ]  # fmt: skip
    assert (body["type"], body["version"]) == ("cohort.membership_changed", 1)
    assert (body["batch"], body["sequence"], body["part"], body["parts"], body["test"]) == (BATCH, 42, 1, 1, False)
    assert body["period"] == {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T12:15:00Z"}
    assert body["counts"] == {"added": 1, "removed": 1, "members": 129}
    assert body["added"][0]["because"] == ["Went quiet"]
    assert body["removed"][0]["user_id"] == "user-2"


def test_instants_are_utc_with_z():
    berlin = timezone(timedelta(hours=1))
    assert instant(datetime(2026, 3, 2, 13, 0, 0, 5, tzinfo=berlin)) == "2026-03-02T12:00:00.000005Z"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_becomes_text_that_can_be_sent(value):
    assert json.loads(encode(value).encode("utf-8")) == value


def test_half_a_character_does_not_stop_a_message():
    assert json.loads(encode({"name": "a\ud83d"}).encode("utf-8")) == {"name": "a?"}


@given(st.text(st.characters() | st.sampled_from("\r\n\t\0\u2028\u2029\u202e\u2066\x85 ab")), st.integers(2, 30))
def test_one_line_is_one_short_line(text, limit):
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert not set(line) & set("\r\n\0\u2028\u2029\u202e\u2066\x85")
    line.encode("utf-8")


@pytest.mark.parametrize(
    ("text", "line"),
    [("Ann", "Ann"), ("  Ann \r\n Bob ", "Ann Bob"), ("abcdefghijk", "abcdefghi…"), ("a" * 99, "a" * 9 + "…")],
)
def test_a_line_that_is_too_long_is_cut_with_an_ellipsis(text, line):
    assert one_line(text, 10) == line


def test_channels_know_neither_models_nor_the_database():
    for file in Path(channels.__file__).parent.glob("*.py"):
        tree = ast.walk(ast.parse(file.read_text()))
        imported = {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)}
        assert not [name for name in imported if name.startswith(("django.db", "notifications.models"))], file.name
