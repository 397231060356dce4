"""What was accepted is recorded once, in order, whatever fails; what cannot be recorded is kept with its error."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection

from ingest import accept as accepting
from ingest import arrivals, packing
from ingest.accept import accept
from ingest.arrivals import LITTLE, record_arrivals, record_what_just_came
from ingest.erase import erase_customer
from ingest.models import Arrival, Customer, CustomerVersion, Event, SealQueue
from ingest.packing import pack, unpack
from ingest.parse import parse_action, parse_event, parse_user
from tests.factories import make_arrival
from tests.ingest.items import action, event

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def calls(now, *names: str, **values):
    return [parse_event(event(transaction_id=name, **values), now) for name in names]


def take(records, now) -> None:
    accept(pack(records), now)


def names() -> list[str]:
    return sorted(Event.objects.values_list("fields__transaction_id", flat=True))


def test_records_are_the_same_after_they_were_packed(now):
    metadata = {"text": "é\U0001f600\n", "n": 2**53, "f": 1.5e-300, "list": [1, None, {"a": True}]}
    records = [
        parse_event(event(user_id="u1", company_id="c1", weight=7, metadata=metadata, tags=["a"]), now),
        parse_event(event(request={"time": "1969-07-20T20:17:40.000001+02:00"}, response={"time": "1970-01-01"}), now),
        parse_action(action(anonymous_id="a1"), now),
        parse_user({"user_id": "u1", "anonymous_id": "a1", "metadata": metadata}, now),
    ]
    [piece] = pack(records)
    assert (piece.items, unpack(piece.content)) == (4, records)


def test_many_records_are_packed_in_pieces(now, monkeypatch):
    monkeypatch.setattr(packing, "MOST", 2)
    take(calls(now, "a", "b", "c"), now)
    assert list(Arrival.objects.order_by("pk").values_list("items", flat=True)) == [2, 1]
    monkeypatch.setattr(packing, "PIECE", 1)
    assert [piece.items for piece in pack(calls(now, "a", "b"))] == [1, 1]
    assert record_arrivals() == 3
    assert names() == ["a", "b", "c"]


def test_what_was_accepted_leaves_the_inbox_as_rows(now):
    take([*calls(now, "a", user_id="u1"), parse_user({"user_id": "u1", "metadata": {"plan": "pro"}}, now)], now)
    take(calls(now + SECOND, "a", "b", user_id="u2"), now + SECOND)
    assert not Event.objects.exists()
    assert record_arrivals() == 4
    assert (names(), Arrival.objects.count(), record_arrivals()) == (["a", "b"], 0, 0)
    assert Event.objects.get(fields__transaction_id="a").received_at == now
    assert Customer.objects.get(external_id="u1").profile == {"metadata": {"plan": "pro"}}
    assert Customer.objects.get(external_id="u2").created_at == now + SECOND
    assert SealQueue.objects.filter(source="event").count() == 2


def test_some_are_recorded_at_a_time_oldest_first(now, monkeypatch):
    monkeypatch.setattr(arrivals, "AT_ONCE", 3)
    monkeypatch.setattr(arrivals, "AT_ONCE_ON_SQLITE", 3)
    for number in range(4):
        take(calls(now, f"{number}a", f"{number}b"), now)
    assert record_arrivals(timedelta()) == 2
    assert names() == ["0a", "0b"]
    assert record_arrivals() == 6


def test_an_arrival_larger_than_a_portion_is_recorded_too(now, monkeypatch):
    monkeypatch.setattr(arrivals, "AT_ONCE", 1)
    monkeypatch.setattr(arrivals, "AT_ONCE_ON_SQLITE", 1)
    take(calls(now, "a", "b"), now)
    assert record_arrivals() == 2


def test_a_fault_on_the_way_leaves_all_in_the_inbox(now, monkeypatch):
    def fail(records):
        raise OperationalError("away")

    take(calls(now, "a"), now)
    with monkeypatch.context() as patched:
        patched.setattr(arrivals, "record", fail)
        with pytest.raises(OperationalError):
            record_arrivals()
    assert (Arrival.objects.get().error, Event.objects.count()) == ("", 0)
    assert record_arrivals() == 1


def test_what_cannot_be_recorded_holds_up_nothing_else(now, monkeypatch):
    record = arrivals.record

    def fail_at_b(records):
        recorded = record(records)
        if any(each.fields.get("transaction_id") == "b" for each in records):
            raise ZeroDivisionError("nobody foresaw it")
        return recorded

    take(calls(now, "a", "b", "c"), now)
    take(calls(now, "d"), now)
    broken = make_arrival()
    with monkeypatch.context() as patched:
        patched.setattr(arrivals, "record", fail_at_b)
        record_arrivals()
    assert names() == ["a", "c", "d"]
    left = Arrival.objects.exclude(pk=broken.pk).get()
    assert (left.items, left.error, left.received_at) == (1, "ZeroDivisionError: nobody foresaw it", now)
    broken.refresh_from_db()
    assert "cannot be read" in broken.error
    assert record_arrivals() == 0
    Arrival.objects.update(error="")
    record_arrivals()
    assert names() == ["a", "b", "c", "d"]
    assert Arrival.objects.get() == broken


def test_an_administrator_has_it_tried_again(admin_client):
    arrival = make_arrival(error="ZeroDivisionError")
    chosen = {"action": "try_again", "_selected_action": [arrival.pk]}
    page = admin_client.post("/admin/ingest/arrival/", chosen, follow=True).content.decode()
    assert "tries again" in page
    arrival.refresh_from_db()
    assert arrival.error == ""


def test_a_page_records_little_and_leaves_much_to_the_cycle(now):
    take(calls(now, "a"), now)
    record_what_just_came()
    assert names() == ["a"]
    take(calls(now, *map(str, range(LITTLE))), now)
    record_what_just_came()
    assert names() == ["a"]


def test_a_page_is_shown_though_nothing_can_be_recorded(now, monkeypatch, caplog):
    def fail():
        raise DatabaseError("read only")

    monkeypatch.setattr(arrivals, "record_arrivals", fail)
    take(calls(now, "a"), now)
    record_what_just_came()
    assert "read only" in caplog.text


def test_whoever_is_erased_leaves_nothing_in_the_inbox(now):
    take([*calls(now, "a", user_id="u1"), parse_user({"user_id": "u1"}, now)], now)
    record_arrivals()
    take(calls(now, "b", user_id="u1"), now)
    assert erase_customer(Customer.objects.get(), now) == 2
    assert not Arrival.objects.exists()
    assert not Event.objects.exists()
    assert not CustomerVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_is_opened_again(now):
    other = connection.copy()
    connection.ensure_connection()
    if connection.vendor == "postgresql":  # SQLite has no server
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    other.close()
    take(calls(now, "a"), now)
    assert record_arrivals() == 1


def test_nothing_is_written_where_nothing_was_usable(now, django_assert_num_queries):
    with django_assert_num_queries(0):
        accepting.accept([], now)
