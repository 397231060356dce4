"""Users and companies over the API."""

from datetime import timedelta

import pytest

from ingest.columns import open_columns
from tests.factories import NOON, make_change, make_cohort, make_customer, make_event, make_membership, make_user

pytestmark = pytest.mark.django_db


def test_customers_are_found_by_kind_id_and_email(api):
    make_customer("u1", metadata={"email": "One@example.com"})
    make_customer("acme", kind="company")
    make_customer("gone", erased_at=NOON)

    def found(query):
        results = api.get(f"/api/customers/{query}").json()["results"]
        return [each.get("user_id") or each["company_id"] for each in results]

    assert found("") == ["acme", "u1"]
    assert found("?cohort_type=user") == ["u1"]
    assert found("?user_id=u1") == ["u1"]
    assert found("?company_id=u1") == []
    assert found("?search=ACM") == ["acme"]
    assert found("?search=one@") == ["u1"]


def test_a_customer_is_told_with_when_it_was_seen(api, now):
    person = make_user("u1", now)
    for hours in (5, 3, 1):
        make_event(person, now - timedelta(hours=hours))
    open_columns().seal(now)

    told = api.get(f"/api/customers/{person.pk}/").json()

    assert (told["first_seen_time"], told["last_seen_time"]) == ("2026-03-02T07:00:00Z", "2026-03-02T11:00:00Z")


def test_a_customer_is_told_with_its_cohorts(api):
    person = make_customer("u1", metadata={"plan": "pro"})
    by_change, by_baseline, without = make_cohort(name="A"), make_cohort(name="B"), make_cohort(name="C")
    make_membership(by_change, person, version=2)
    make_change(by_change, person)
    make_membership(by_baseline, person)
    make_membership(without, make_customer())

    told = api.get(f"/api/customers/{person.pk}/").json()

    assert (told["user_id"], told["cohort_type"], told["metadata"]) == ("u1", "user", {"plan": "pro"})
    assert told["cohorts"] == [
        {"id": str(by_change.pk), "name": "A", "since": "2026-03-02T12:15:00Z"},
        {"id": str(by_baseline.pk), "name": "B", "since": None},
    ]
