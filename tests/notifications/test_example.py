"""The example notification: real members where there are any, always marked as a test."""

from __future__ import annotations

import json

import pytest

from ingest.columns.interface import ColumnsDamaged
from ingest.models import CustomerKind
from notifications.channels import CHANNELS
from notifications.compose import example
from tests.factories import make_cohort, make_customer
from tests.notifications.history import move, start


def body(*args, **options):
    return json.loads(example(*args, **options).encode())


def test_without_a_cohort_everything_is_made_up(db, now):
    shown = body(None, now)
    assert shown["test"] is True
    assert shown["cohort"]["name"] == "Example cohort"
    assert [entry["name"] for entry in shown["added"]] == ["Ada Lovelace", "Alan Turing"]
    assert [entry["name"] for entry in shown["removed"]] == ["Grace Hopper"]
    assert shown["counts"] == {"added": 2, "removed": 1, "members": 2}


def test_a_cohort_with_members_shows_them(db, now):
    people = [make_customer(f"user-{number}", metadata={"email": f"u{number}@example.com"}) for number in range(4)]
    cohort = make_cohort(name="Big spenders")
    start(cohort, now, people[:3])
    move(cohort, now, added=people[3:], removed=people[:1])
    shown = body(cohort, now, fields=["email"])
    assert (shown["test"], shown["cohort"]["name"]) == (True, "Big spenders")
    assert [entry["email"] for entry in shown["added"]] == ["u1@example.com", "u2@example.com"]
    assert [entry["user_id"] for entry in shown["removed"]] == ["user-0"]
    assert shown["counts"] == {"added": 2, "removed": 1, "members": 3}


@pytest.mark.parametrize("kind", CustomerKind)
def test_what_is_not_asked_for_is_not_shown(db, now, kind):
    cohort = make_cohort(kind=kind)
    assert body(cohort, now, send_on_removal=False)["removed"] == []
    only_removed = body(cohort, now, fields=[], send_on_addition=False)
    assert only_removed["added"] == []
    assert list(only_removed["removed"][0]) == [f"{kind}_id", "changed_at", "reason", "because", "evidence"]


def test_members_who_never_left_make_an_example_of_leaving_made_up(db, now):
    cohort = make_cohort()
    start(cohort, now, [make_customer("user-0")])
    assert len(body(cohort, now, send_on_addition=False, fields=[])["removed"]) == 1


def test_every_kind_of_channel_says_that_it_is_a_test(db, now):
    message = example(None, now)
    for kind in CHANNELS.values():
        content = kind.write(message)
        assert '"test":true' in content or "This is a test with example customers: nobody moved." in content


def test_without_its_columns_a_cohort_still_has_an_example(db, now, monkeypatch):
    def damaged(*_):
        raise ColumnsDamaged("a segment is missing")

    monkeypatch.setattr("notifications.entries.open_columns", damaged)
    cohort = make_cohort(name="Big spenders")
    start(cohort, now, [make_customer("user-0")])
    assert [entry["name"] for entry in body(cohort, now)["added"]] == ["Ada Lovelace", "Alan Turing"]
