"""What the pickers offer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohorts.builder.suggestions import KEPT_FOR, suggest_fields, suggest_values
from ingest.columns import ColumnsDamaged, open_columns
from ingest.columns.columns import DuckDBColumns
from ingest.models import CustomerKind
from tests.factories import NOON, make_company, make_event, make_user

pytestmark = pytest.mark.django_db
USER, COMPANY = CustomerKind.USER, CustomerKind.COMPANY


@pytest.fixture
def data():
    acme = make_company("acme", metadata={"seats": 12}, company_domain="acme.test")
    for number, plan in enumerate(["enterprise", "enterprise", "free"]):
        user = make_user(f"u{number}", NOON, acme, metadata={"plan": plan, "email": f"u{number}@acme.test"})
        make_event(user, response={"status": 400}, request={"headers": {"accept": "*/*"}})
    open_columns().seal(NOON)


def fields(kind=USER, of_events=False, asked="", now=NOON):
    return [(option.value, option.note) for option in suggest_fields(kind, of_events, asked, now)]


def values(field, asked="", kind=USER, of_events=False, now=NOON):
    return [option.value + option.note for option in suggest_values(kind, of_events, field, asked, now)]


def test_well_known_fields_come_with_their_names_and_those_of_the_data_with_their_types(data):
    offered = fields()
    assert offered[:4] == [("User ID", "text"), ("Email", "text"), ("Name", "text"), ("First seen", "date")]
    assert ("metadata.plan", "text") in offered
    assert ("company.metadata.seats", "number") in offered
    assert not any(name == "metadata.email" for name, _ in offered)
    assert ("metadata.seats", "number") in fields(COMPANY)
    assert not any(name.startswith(("company.", "Company: ")) for name, _ in fields(COMPANY))


def test_a_field_whose_type_varies_is_shown_as_such_most_frequent_first(data):
    for number, plan in enumerate(["pro", 1, 2, 3]):
        make_user(f"v{number}", metadata={"mixed": plan})
    open_columns().seal(NOON)
    assert ("metadata.mixed", "varies: number, text") in fields()


def test_fields_of_events_are_others(data):
    offered = fields(of_events=True)
    assert ("Response status", "number") in offered
    assert ("request.headers.accept", "text") in offered
    assert not any(name == "metadata.plan" for name, _ in offered)


def test_fields_are_found_by_name_and_by_path(data):
    assert fields(asked="PLAN") == [("metadata.plan", "text"), ("Company: subscription: plan ID", "text")]
    assert fields(asked="first_seen")[0] == ("First seen", "date")
    assert fields(asked=" first seen")[0] == ("First seen", "date")
    assert fields(asked="nothing like this") == []


def test_values_come_with_their_counts(data):
    assert values("metadata.plan") == ["enterprise(2)", "free(1)"]
    assert values("metadata.plan", "FR") == ["free(1)"]
    assert values("company.metadata.seats") == ["12(1)"]
    assert values("Company: domain") == ["acme.test(1)"]
    assert values("response.status", of_events=True) == ["400(3)"]
    assert values("Response status", of_events=True) == ["400(3)"]


@pytest.mark.parametrize("field", ["", "nothing", "first_seen_time", "company.", "metadata.", "request.headers."])
def test_fields_without_values_offer_none(data, field):
    assert values(field) == []
    assert values(field, of_events=True) == []


def test_values_that_no_input_could_hold_are_not_offered():
    for number, plan in enumerate(["a\nb", "\u202egnp", "x" * 5000, "<script>"]):
        make_user(f"u{number}", metadata={"plan": plan})
    open_columns().seal(NOON)
    assert values("metadata.plan") == ["<script>(1)"]


def test_what_was_read_is_kept_for_a_while(data):
    assert values("metadata.plan") == ["enterprise(2)", "free(1)"]
    make_user("u9", metadata={"plan": "free"})
    open_columns().seal(NOON)
    assert values("metadata.plan") == ["enterprise(2)", "free(1)"]
    assert values("metadata.plan", now=NOON + KEPT_FOR + timedelta(seconds=1)) == ["enterprise(2)", "free(2)"]


def test_without_readable_columns_nothing_is_offered_and_nothing_breaks(monkeypatch):
    def refuse(self, at):
        raise ColumnsDamaged("a segment is missing")

    monkeypatch.setattr(DuckDBColumns, "snapshot", refuse)
    assert values("metadata.plan") == []
    assert fields()[0] == ("User ID", "text")
