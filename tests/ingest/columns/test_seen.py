"""Which fields and values the columns show to those who pick them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.columns import open_columns, seen
from ingest.erase import erase_customer
from ingest.fields import FieldType, customer_field, event_field
from ingest.models import CustomerKind
from tests.factories import NOON, add_version, make_company, make_event, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("each_engine")]
USER, COMPANY = CustomerKind.USER, CustomerKind.COMPANY
MINUTE = timedelta(minutes=1)


def fields_seen(kind=None, at=NOON):
    with open_columns().snapshot(at) as snapshot:
        return {field.path: dict(field.rows) for field in snapshot.fields_seen(kind)}


def values_seen(kind, name, containing="", at=NOON):
    field = customer_field(kind, name) if kind else event_field(name)
    with open_columns().snapshot(at) as snapshot:
        return [(value.value, value.rows) for value in snapshot.values_seen(kind, field, containing)]


def test_fields_are_listed_with_their_types():
    make_user("u1", metadata={"plan": "pro", "seats": 3, "trial": True, "since": "2026-03-01T00:00:00Z", "a": {"b": 1}})
    make_user("u2", metadata={"plan": 7})
    make_company("c1", metadata={"size": 9}, company_domain="acme.test")
    open_columns().seal(NOON)
    assert fields_seen(USER) == {
        "metadata.plan": {FieldType.TEXT: 1, FieldType.NUMBER: 1},
        "metadata.seats": {FieldType.NUMBER: 1},
        "metadata.trial": {FieldType.BOOLEAN: 1},
        "metadata.since": {FieldType.TIME: 1},
        "metadata.a.b": {FieldType.NUMBER: 1},
    }
    assert fields_seen(COMPANY) == {"metadata.size": {FieldType.NUMBER: 1}, "company_domain": {FieldType.TEXT: 1}}


def test_the_type_of_a_field_is_that_of_most_values():
    for number, plan in enumerate(["pro", 1, 2]):
        make_user(f"u{number}", metadata={"plan": plan})
    open_columns().seal(NOON)
    with open_columns().snapshot(NOON) as snapshot:
        assert [field.type for field in snapshot.fields_seen(USER)] == [FieldType.NUMBER]


def test_fields_of_events_come_with_headers_and_metadata():
    make_event(metadata={"region": "eu"}, request={"headers": {"accept": "*/*"}}, tags=["a"])
    open_columns().seal(NOON)
    assert fields_seen() == {
        "metadata.region": {FieldType.TEXT: 1},
        "request.headers.accept": {FieldType.TEXT: 1},
    }


def test_values_are_counted_most_frequent_first():
    for number, plan in enumerate(["pro", "free", "pro", 5, True]):
        make_user(f"u{number}", metadata={"plan": plan})
    open_columns().seal(NOON)
    assert values_seen(USER, "metadata.plan") == [("pro", 2), (5.0, 1), (True, 1), ("free", 1)]
    assert values_seen(USER, "metadata.plan", "R") == [("pro", 2), (True, 1), ("free", 1)]
    assert values_seen(USER, "metadata.plan", "%") == []
    assert values_seen(USER, "user_id", "u3") == [("u3", 1)]
    assert values_seen(COMPANY, "metadata.plan") == []


def test_values_of_events_are_those_of_columns_maps_and_tags():
    user = make_user("u1")
    for status, tags in [(400, ["a", "b"]), (400, ["a"]), (200, [])]:
        make_event(user, response={"status": status}, request={"headers": {"accept": "*/*"}}, tags=tags)
    open_columns().seal(NOON)
    assert values_seen(None, "response.status") == [(400.0, 2), (200.0, 1)]
    assert values_seen(None, "response.status", "40") == [(400.0, 2)]
    assert values_seen(None, "request.headers.ACCEPT") == [("*/*", 3)]
    assert values_seen(None, "tags") == [("a", 2), ("b", 1)]


def test_times_have_no_values_to_choose_from():
    make_event(make_user("u1"))
    open_columns().seal(NOON)
    assert values_seen(USER, "first_seen_time") == []


def test_the_newest_profile_counts():
    user = make_user("u1", metadata={"plan": "free"})
    add_version(user, NOON + MINUTE, metadata={"plan": "pro"})
    open_columns().seal(NOON + MINUTE)
    assert values_seen(USER, "metadata.plan", at=NOON + MINUTE) == [("pro", 1)]
    assert values_seen(USER, "metadata.plan", at=NOON) == [("free", 1)]


def test_only_the_newest_events_are_read(monkeypatch):
    monkeypatch.setattr(seen, "RECENT", 3)
    user = make_user("u1")
    for place in range(4):
        make_event(user, NOON - MINUTE * place, response={"status": 200 + place})
        if place == 1:
            open_columns().seal(NOON)
    open_columns().seal(NOON)
    assert sorted(value for value, _ in values_seen(None, "response.status")) == [200, 201, 202]


def test_later_events_are_not_seen_before_their_time():
    make_event(make_user("u1"), NOON, response={"status": 200})
    make_event(make_user("u2"), NOON + MINUTE, response={"status": 500})
    open_columns().seal(NOON + MINUTE)
    assert values_seen(None, "response.status") == [(200.0, 1)]


def test_erased_customers_leave_nothing_to_choose():
    user = make_user("u1", metadata={"plan": "secret"})
    make_event(user, request={"ip_address": "10.0.0.1"})
    open_columns().seal(NOON)
    erase_customer(user, NOON)
    assert values_seen(USER, "metadata.plan") == []
    assert fields_seen(USER) == {}
    assert values_seen(None, "request.ip_address") == []


def test_without_data_there_is_nothing_to_choose():
    assert fields_seen() == {}
    assert fields_seen(USER) == {}
    assert values_seen(None, "request.verb") == []
