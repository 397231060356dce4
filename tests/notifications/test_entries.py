"""What is sent of a customer: the fields that were asked for, as they were known then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap

from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind
from notifications.entries import Told, check_fields, entries
from tests.factories import make_cohort, make_company, make_customer, make_event, make_user
from tests.notifications.history import move, start

USER, COMPANY = CustomerKind.USER, CustomerKind.COMPANY
ALL = ["email", "name", "company_id", "first_seen_time", "last_seen_time", "created", "campaign", "metadata", "url"]


def told(now, customers, fields, kind=USER, removed=()):
    """The customers as they are told of, after they joined or left at `now`."""
    cohort = make_cohort(kind=kind)
    start(cohort, now - timedelta(hours=1), removed)
    version = move(cohort, now, added=customers, removed=removed).version
    ids = [BitMap([one.pk for one in group]) for group in (customers, removed)]
    return [entry.data for entry in entries(Told(cohort, tuple(fields), *ids, version=version, at=now))]


def test_a_user_with_everything(db, now):
    acme = make_company("acme", now - timedelta(days=9))
    profile = {"metadata": {"email": "ann@example.com", "name": "Ann", "plan": "pro"}, "campaign": {"utm_source": "x"}}
    ann = make_user("ann / 1", now - timedelta(days=9), acme, **profile)
    make_event(ann, now - timedelta(hours=3))
    make_event(ann, now - timedelta(hours=1))
    make_event(ann, now + timedelta(hours=1))
    open_columns().seal(now)
    [data] = told(now, [ann], ALL)
    assert data == {
        "user_id": "ann / 1",
        "company_id": "acme",
        "email": "ann@example.com",
        "name": "Ann",
        "created": "2026-02-21T12:00:00Z",
        "first_seen_time": "2026-03-02T09:00:00Z",
        "last_seen_time": "2026-03-02T11:00:00Z",
        "campaign": {"utm_source": "x"},
        "metadata": {"email": "ann@example.com", "name": "Ann", "plan": "pro"},
        "url": "http://testserver/customers/user/ann%20%2F%201/",
        "changed_at": "2026-03-02T12:00:00Z",
        "reason": "behavior",
        "because": ["API Call where response.status is 400: 3 times today (at least 1)"],
        "evidence": [],
    }


def test_a_company_has_a_domain_in_place_of_an_email(db, now):
    acme = make_company("acme", now, metadata={"name": "Acme"}, company_domain="acme.example")
    open_columns().seal(now)
    [data] = told(now, [acme], ["company_domain", "name", "first_seen_time", "url"], COMPANY)
    assert list(data) == [
        "company_id", "company_domain", "name", "first_seen_time", "url", "changed_at", "reason", "because", "evidence",
    ]  # fmt: skip
    assert (data["company_id"], data["company_domain"], data["first_seen_time"]) == ("acme", "acme.example", None)


def test_a_user_whose_profile_names_no_company_has_that_of_its_latest_event(db, now):
    ann, acme = make_user("ann", now), make_company("acme", now)
    make_event(ann, now - timedelta(hours=1), company=acme)
    open_columns().seal(now)
    [data] = told(now, [ann], ["company_id"])
    assert data["company_id"] == "acme"


def test_the_id_alone_is_sent_where_nothing_is_asked_for(db, now):
    [data] = told(now, [make_customer("ann", metadata={"email": "ann@example.com"})], [])
    assert list(data) == ["user_id", "changed_at", "reason", "because", "evidence"]


def test_what_is_not_known_is_null(db, now):
    ann = make_user("ann", now, metadata={"email": 5})
    open_columns().seal(now)
    [data] = told(now, [ann], ALL)
    assert [data[name] for name in ("company_id", "email", "name", "first_seen_time")] == [None] * 4
    assert (data["campaign"], data["metadata"]) == ({}, {"email": 5})


def test_paths_of_metadata_are_sent_nested_as_they_are(db, now):
    metadata = {"plan": "pro", "address": {"city": "Paris", "zip": 1}, "a.b": 2, "x": {"y.z": 3, "w": 4}, "secret": 5}
    paths = ["plan", "address.city", "a.b", "x.y.z", "missing", "plan.inner"]
    [data] = told(now, [make_customer(metadata=metadata)], [f"metadata.{path}" for path in paths])
    assert data["metadata"] == {"plan": "pro", "address": {"city": "Paris"}, "a.b": 2, "x": {"y.z": 3}}


def test_a_path_below_another_that_is_sent_adds_nothing(db, now):
    ann = make_customer(metadata={"a": {"b": {"c": 1, "d": 2}}})
    [data] = told(now, [ann], ["metadata.a", "metadata.a.b.c"])
    assert data["metadata"] == {"a": {"b": {"c": 1, "d": 2}}}
    ann.refresh_from_db()
    assert ann.profile["metadata"] == {"a": {"b": {"c": 1, "d": 2}}}


def test_of_an_erased_customer_only_the_id_is_sent(db, now):
    ann = make_customer("ann", metadata={"email": "ann@example.com"}, erased_at=now)
    [data] = told(now, [], ["email", "metadata"], removed=[ann])
    assert (data["user_id"], data["email"], data["metadata"]) == ("ann", None, {})


def test_more_customers_than_are_read_at_once(db, now, monkeypatch):
    monkeypatch.setattr("notifications.entries.CHUNK", 3)
    people = [make_customer(f"user-{number}") for number in range(10)]
    data = told(now, people[:8], [], removed=people[8:])
    assert [one["user_id"] for one in data] == [one.external_id for one in people]
    assert Customer.objects.count() == 10


def test_fields_are_checked_by_the_kind_of_customer():
    assert check_fields(USER, ["email", "metadata.plan", "email"]) == ["email", "metadata.plan"]
    assert check_fields(USER, ALL) == ALL
    assert check_fields(COMPANY, ["company_domain", "campaign.utm_source", "company_id"])
    for kind, wrong in ((USER, "company_domain"), (USER, "metadata."), (COMPANY, "user_id"), (USER, "response.status")):
        with pytest.raises(ValueError, match=wrong):
            check_fields(kind, ["email", wrong])
