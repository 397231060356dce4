"""The CSV file: complete, in order, and harmless in a spreadsheet."""

from __future__ import annotations

import csv

import pytest

from cohorts import export
from cohorts.customer_rows import read_columns
from cohorts.evaluation import clock_at
from cohorts.export import csv_lines, harmless
from cohorts.lookup import Order, look_up
from ingest.columns import open_columns
from ingest.models import CustomerKind
from tests.factories import NOON, make_company, make_event, make_user

pytestmark = pytest.mark.django_db
USER = CustomerKind.USER


def exported(*names):
    open_columns().seal(NOON)
    found = look_up(None, USER, clock_at(NOON, "UTC", 1), Order("user_id"))
    columns = read_columns(USER, names)
    return list(csv.reader(csv_lines(found.facts, columns)))


def test_columns_as_chosen_and_times_in_utc():
    make_event(make_user("ada", company=make_company("acme"), metadata={"email": "ada@x.test", "seats": 3}))
    assert exported("email", "company_id", "metadata.seats", "first_seen_time") == [
        ["email", "company_id", "metadata.seats", "first_seen_time"],
        ["ada@x.test", "acme", "3", "2026-03-02T12:00:00Z"],
    ]


def test_what_is_not_known_stays_empty():
    make_user("ada")
    assert exported("email", "metadata.plan", "last_seen_time")[1] == ["", "", ""]


def test_lists_objects_and_truths_are_written_as_json():
    make_user("ada", metadata={"roles": ["a", "ö"], "address": {"city": "Bonn"}, "beta": True})
    row = exported("metadata.roles", "metadata.address", "metadata.address.city", "metadata.beta")[1]
    assert row == ['["a", "ö"]', '{"city": "Bonn"}', "Bonn", "true"]


def test_more_than_one_chunk_keeps_its_order(monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 2)
    for number in range(5):
        make_user(f"user{number}", metadata={"name": f"name {number}"})
    assert [row[0] for row in exported("name")[1:]] == [f"name {number}" for number in range(5)]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "  ="])
def test_no_text_can_be_taken_for_a_formula(start):
    text = f"{start}HYPERLINK(1)"
    make_user("ada", metadata={"name": text, f"{start}key": "x"})
    header, row = exported("name", f"metadata.{start}key")
    assert row[0] == f"'{text}"
    assert header == ["name", f"metadata.{start}key"]


def test_ordinary_text_and_negative_numbers_are_left_as_they_are():
    make_user("ada", metadata={"balance": -5, "note": "a = b"})
    assert exported("metadata.balance", "metadata.note")[1] == ["-5", "a = b"]
    assert harmless("") == ""


def test_quotes_commas_and_line_breaks_survive():
    make_user("ada", metadata={"name": 'say "hi",\nthen go'})
    assert exported("name")[1] == ['say "hi",\nthen go']
