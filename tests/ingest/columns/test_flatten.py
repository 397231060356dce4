"""Values arrive in the columns with the types they were sent with, and are found under their paths."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.columns import Span, open_columns
from ingest.columns.flatten import flatten_events, read_moment
from ingest.fields import FieldType, customer_field, event_field
from ingest.models import CustomerKind
from tests.factories import make_event, make_user

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def flatten(**fields: object) -> dict:
    """One event with these fields, as the maps and lists of its row."""
    [row] = flatten_events([(1, "api_call", NOON, NOON, 7, None, 1, json.dumps(fields))]).to_pylist()
    return {
        name: dict(value) if name in ("text", "number", "boolean", "moment") else value for name, value in row.items()
    }


def test_each_value_stands_in_the_map_of_its_type():
    row = flatten(metadata={"text": "a", "int": 3, "float": 3.5, "yes": True, "list": [1], "object": {"in": "b"}})
    assert row["text"] == {"metadata.text": "a", "metadata.object.in": "b"}
    assert row["number"] == {"metadata.int": 3.0, "metadata.float": 3.5}
    assert row["boolean"] == {"metadata.yes": True}
    assert row["present"] == ["metadata.list", "metadata.object"]


def test_a_text_that_is_a_time_is_both():
    row = flatten(
        metadata={"at": "2026-03-01T12:00:00+02:00", "day": "2026-03-01", "not": "2026-13-01", "number": 2026}
    )
    assert row["moment"] == {"metadata.at": datetime(2026, 3, 1, 10), "metadata.day": datetime(2026, 3, 1)}
    assert set(row["text"]) == {"metadata.at", "metadata.day", "metadata.not"}


def test_headers_are_never_times():
    row = flatten(request={"headers": {"if-modified-since": "2026-03-01T12:00:00Z"}})
    assert row["text"] == {"request.headers.if-modified-since": "2026-03-01T12:00:00Z"}
    assert row["moment"] == {}


def test_empty_texts_lists_and_objects_exist_and_nulls_do_not():
    row = flatten(metadata={"text": "", "list": [], "object": {}, "null": None})
    assert row["text"] == {"metadata.text": ""}
    assert row["present"] == ["metadata.list", "metadata.object"]


def test_a_key_with_dots_is_found_under_the_same_path_as_a_nested_value():
    assert flatten(metadata={"a.b": 1})["number"] == {"metadata.a.b": 1}


@pytest.mark.parametrize("order", [1, -1])
def test_the_nested_value_wins_over_a_key_with_dots(order):
    entries = [("a.b", 1), ("a", {"b": "nested"})][::order]
    row = flatten(metadata=dict(entries))
    assert (row["text"], row["number"]) == ({"metadata.a.b": "nested"}, {})


def test_below_a_taken_path_other_paths_are_still_found():
    row = flatten(metadata={"a": {"b": "nested"}, "a.b": {"c": 1, "d.e": 2}, "a.b.c": 3})
    assert row["text"] == {"metadata.a.b": "nested"}
    assert row["number"] == {"metadata.a.b.c": 1, "metadata.a.b.d.e": 2}
    assert row["present"] == ["metadata.a"]


def test_an_entry_with_an_empty_key_has_no_path():
    row = flatten(metadata={"": {"x": 1}, "a": {"": 2}})
    assert row["number"] == {}
    assert row["present"] == ["metadata.a"]


def test_bodies_that_are_no_objects_have_no_paths():
    row = flatten(request={"body": [{"a": 1}]}, response={"body": "text"})
    assert (row["text"], row["number"], row["present"]) == ({}, {}, [])


def test_large_integers_become_numbers():
    assert flatten(metadata={"n": 2**53 + 1, "m": 0.5})["number"] == {"metadata.n": float(2**53), "metadata.m": 0.5}


def test_known_fields_have_columns_of_their_own():
    row = flatten(
        request={"verb": "GET", "uri": "/a", "route": "/:id", "ip_address": "10.0.0.1", "api_version": "2"},
        response={"status": 404},
        duration_ms=1.5,
        tags=["a", "b"],
        action_name="Signed up",
        session_token="s",
    )
    assert [row[name] for name in ("verb", "uri", "route", "ip_address", "api_version")] == [
        "GET",
        "/a",
        "/:id",
        "10.0.0.1",
        "2",
    ]
    assert (row["status"], row["duration_ms"], row["tags"], row["action_name"]) == (404.0, 1.5, ["a", "b"], "Signed up")
    assert (row["text"], row["present"], row["direction"]) == ({}, [], None)


def test_a_value_that_is_not_of_its_columns_type_spoils_no_other():
    wrong = json.dumps({"session_token": 5, "tags": [1, "a"], "response": {"status": "x"}, "direction": "Incoming"})
    right = json.dumps({"session_token": "s", "tags": ["b"], "response": {"status": 200}})
    rows = flatten_events(
        [(n, "action", NOON, NOON, 1, 2, 1, text) for n, text in enumerate((wrong, right))]
    ).to_pylist()
    assert [(row["session_token"], row["tags"], row["status"]) for row in rows] == [
        (None, ["a"], None),
        ("s", ["b"], 200.0),
    ]
    assert rows[0]["direction"] == "Incoming"


def test_times_are_cut_to_microseconds_and_turned_to_utc():
    east = timezone(timedelta(hours=2))
    text = "2026-03-02 12:00:00.123456"
    for given, expected in (
        (NOON.astimezone(east), datetime(2026, 3, 2, 12)),
        (text, datetime(2026, 3, 2, 12, 0, 0, 123456)),
    ):
        [row] = flatten_events([(1, "action", given, given, 1, 2, 1, "{}")]).to_pylist()
        assert (row["time"], row["received_at"]) == (expected, expected)
    assert read_moment("2026-03-02T12:00:00.123456789Z") == datetime(2026, 3, 2, 12, 0, 0, 123456)


def test_times_beyond_the_calendar_are_no_times():
    assert read_moment("0001-01-01T00:00:00+14:00") is None


@pytest.mark.django_db
@pytest.mark.usefixtures("each_engine")
def test_a_snapshot_reads_each_type_only_as_itself(now):
    values = {"text": "a", "one": 1, "yes": True, "day": "2026-03-01", "list": [], "name": ""}
    ann = make_user("ann", now, metadata=values)
    make_event(ann, now, metadata=values, tags=[])
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        span = Span(None, now + timedelta(seconds=1))
        for table, field in (
            (snapshot.profiles(CustomerKind.USER), lambda name: customer_field(CustomerKind.USER, name)),
            (snapshot.events(CustomerKind.USER, span), event_field),
        ):
            found = {}
            for name in (*values, "missing"):
                types = (FieldType.TEXT, FieldType.NUMBER, FieldType.BOOLEAN, FieldType.TIME)
                read = [snapshot.value(table, field(f"metadata.{name}"), type_).name(type_) for type_ in types]
                exists = snapshot.exists(table, field(f"metadata.{name}")).name("exists")
                [row] = snapshot.rows(table.select(*read, exists)).to_pylist()
                found[name] = tuple(row.values())
            assert found == {
                "text": ("a", None, None, None, True),
                "one": (None, 1.0, None, None, True),
                "yes": (None, None, True, None, True),
                "day": ("2026-03-01", None, None, datetime(2026, 3, 1), True),
                "list": (None, None, None, None, True),
                "name": ("", None, None, None, True),
                "missing": (None, None, None, None, False),
            }
        events = snapshot.events(CustomerKind.USER, span)
        read = {
            "type": snapshot.value(events, event_field("type"), FieldType.TEXT),
            "type_as_number": snapshot.value(events, event_field("type"), FieldType.NUMBER),
            "tags": snapshot.tags(events),
            "tags_exist": snapshot.exists(events, event_field("tags")),
            "status_exists": snapshot.exists(events, event_field("response.status")),
        }
        assert snapshot.rows(events.select(**read)).to_pylist() == [
            {"type": "api_call", "type_as_number": None, "tags": [], "tags_exist": True, "status_exists": False}
        ]
