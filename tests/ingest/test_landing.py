"""Events land whole, once, and queued, whichever way their number makes them take."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from ingest import landing
from ingest.models import Event, SealQueue
from ingest.parse import parse_event
from ingest.record import record
from tests.ingest.items import event

ODD = {"text": 'a\\b\t"c"\nd\\N \\. é\U0001f600 \\\\', "n": 1.5, "flag": True, "a.b": {"c": [1, "\\t"]}}


def parsed(now, *numbers: int) -> list:
    return [
        parse_event(event(transaction_id=f"t{n}", user_id=f"u{n % 3}" if n % 4 else None, metadata=ODD), now)
        for n in numbers
    ]


@pytest.fixture(params=["few", "many"])
def way(request, monkeypatch):
    monkeypatch.setattr(landing, "FEW", 1000 if request.param == "few" else 0)


@pytest.mark.django_db(transaction=True)
def test_new_events_land_as_they_are_and_are_queued_once(way, now):
    assert record(parsed(now, *range(10))).accepted == 10
    found = record(parsed(now, *range(5, 20), 19, 19))
    assert (found.accepted, found.duplicates) == (10, 7)
    assert Event.objects.count() == 20
    queued = SealQueue.objects.filter(source="event").values_list("row", flat=True)
    assert sorted(queued) == sorted(Event.objects.values_list("pk", flat=True))
    assert all(stored.fields["metadata"] == ODD for stored in Event.objects.all())
    assert {stored.user and stored.user.external_id for stored in Event.objects.all()} == {None, "u0", "u1", "u2"}


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_taken_when_it_comes_again(way, now):
    with transaction.atomic():
        record(parsed(now, 1, 2))
        transaction.set_rollback(True)
    assert record(parsed(now, 1, 2, 3)).accepted == 3
    with transaction.atomic():
        assert record(parsed(now, 3, 4)).accepted == 1
        assert record(parsed(now, 4, 5)).accepted == 1
    assert (Event.objects.count(), SealQueue.objects.filter(source="event").count()) == (5, 5)
    connection.close()
    assert record(parsed(now, 5, 6)).accepted == 1
