"""Who is found, in which order, and how the list is cut."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohorts.criteria import parse
from cohorts.customer_rows import read_rows
from cohorts.evaluation import clock_at
from cohorts.lookup import Order, look_up
from ingest.columns import open_columns
from ingest.erase import erase_customer
from ingest.models import CustomerKind
from tests.factories import NOON, ON_PRO, make_company, make_event, make_user

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(hours=1)


def found_ids(order, criteria=None, kind=CustomerKind.USER, **cut):
    open_columns().seal(NOW)
    parsed = parse(criteria, kind) if criteria else None
    found = look_up(parsed, kind, clock_at(NOW, "UTC", 1), order, **cut)
    return [row.customer.external_id for row in read_rows(found.facts)], found


def test_without_criteria_everybody_is_found():
    for name in ("ada", "bob"):
        make_user(name)
    ids, found = found_ids(Order("user_id"))
    assert ids == ["ada", "bob"]
    assert (found.count, found.of) == (2, 2)


def test_criteria_choose_and_the_rest_is_counted():
    make_user("ada", metadata={"plan": "pro"})
    make_user("bob", metadata={"plan": "free"})
    ids, found = found_ids(Order("user_id"), ON_PRO)
    assert ids == ["ada"]
    assert (found.count, found.of) == (1, 2)


def test_the_last_seen_stand_first_and_the_never_seen_last():
    for name, minutes in (("early", 1), ("late", 30), ("middle", 15)):
        make_event(make_user(name), NOON + timedelta(minutes=minutes))
    make_user("silent")
    assert found_ids(Order("last_seen_time", descending=True))[0] == ["late", "middle", "early", "silent"]
    assert found_ids(Order("first_seen_time"))[0] == ["early", "middle", "late", "silent"]


def test_text_is_sorted_without_regard_to_case():
    for name, email in (("1", "bob@x.test"), ("2", "Ada@x.test"), ("3", "cy@x.test"), ("4", None)):
        make_user(name, metadata={"email": email} if email else {})
    assert found_ids(Order("email"))[0] == ["2", "1", "3", "4"]
    assert found_ids(Order("email", descending=True))[0] == ["3", "1", "2", "4"]


def test_a_field_of_several_types_is_sorted_numbers_first():
    for name, seats in (("text", "12"), ("two", 2), ("ten", 10), ("flag", True), ("none", None)):
        make_user(name, metadata={} if seats is None else {"seats": seats})
    assert found_ids(Order("metadata.seats"))[0] == ["two", "ten", "text", "flag", "none"]


def test_users_are_sorted_by_the_company_they_belong_to():
    acme, zeta = make_company("acme"), make_company("zeta")
    make_user("ada", company=zeta)
    make_user("bob", company=acme)
    make_user("eve")
    ids, found = found_ids(Order("company_id"))
    assert ids == ["bob", "ada", "eve"]
    assert [row.company for row in read_rows(found.facts)] == ["acme", "zeta", None]


def test_the_company_that_a_user_s_events_name_is_shown():
    make_event(make_user("ada"), company=make_company("acme"))
    _, found = found_ids(Order("user_id"))
    assert [row.company for row in read_rows(found.facts)] == ["acme"]


def test_companies_are_found_by_their_own_fields():
    make_company("acme", company_domain="acme.test")
    make_company("zeta", company_domain="a.test")
    make_user("ada")
    assert found_ids(Order("company_domain"), kind=CustomerKind.COMPANY)[0] == ["zeta", "acme"]
    assert found_ids(Order("company_id", descending=True), kind=CustomerKind.COMPANY)[0] == ["zeta", "acme"]


def test_pages_together_hold_everybody_once():
    for number in range(7):
        make_user(f"user{number}")
    pages = [found_ids(Order("last_seen_time", descending=True), start=start, most=3)[0] for start in (0, 3, 6)]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(name for page in pages for name in page) == [f"user{number}" for number in range(7)]


def test_an_erased_customer_is_not_found():
    make_user("ada")
    gone = make_user("gone")
    open_columns().seal(NOW)
    erase_customer(gone, NOW)
    assert found_ids(Order("user_id"))[0] == ["ada"]
