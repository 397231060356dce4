"""Records to rows: exactly once, in one transaction, with many writers."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from ingest import record as recording
from ingest.models import Customer, CustomerVersion, Event, SealQueue
from ingest.parse import parse_action, parse_company, parse_event, parse_user
from ingest.record import Recorded, record
from tests.ingest.items import action, event


def queued(source: str) -> list[int]:
    return sorted(SealQueue.objects.filter(source=source).values_list("row", flat=True))


def ids(model) -> list[int]:
    return sorted(model.objects.values_list("pk", flat=True))


@pytest.mark.django_db
def test_every_new_row_waits_to_be_sealed_exactly_once(now):
    records = [
        parse_event(event(user_id="u1", company_id="c1"), now),
        parse_action(action(user_id="u2"), now),
        parse_user({"user_id": "u1", "company_id": "c2"}, now),
        parse_company({"company_id": "c1", "metadata": {"plan": "pro"}}, now),
    ]
    assert record(records) == Recorded(4, 0)
    assert (Event.objects.count(), Customer.objects.count(), CustomerVersion.objects.count()) == (2, 4, 3)
    assert queued("event") == ids(Event)
    assert queued("customer") == ids(Customer)
    assert queued("version") == ids(CustomerVersion)


@pytest.mark.django_db
def test_recording_again_changes_nothing(now):
    records = [
        parse_event(event(user_id="u1", company_id="c1"), now),
        parse_user({"user_id": "u1", "company_id": "c2", "metadata": {"n": 1}}, now),
        parse_company({"company_id": "c1", "metadata": {"plan": "pro"}}, now),
    ]
    record(records)
    before = [list(model.objects.order_by("pk").values()) for model in (Event, Customer, CustomerVersion, SealQueue)]
    assert record(records) == Recorded(0, 3)
    assert [list(m.objects.order_by("pk").values()) for m in (Event, Customer, CustomerVersion, SealQueue)] == before


@pytest.mark.django_db
def test_the_first_of_a_key_wins_within_a_batch_and_after_it(now):
    first, second, third = (
        parse_event(event(transaction_id="t", user_id="u", metadata={"n": n}), now) for n in (1, 2, 3)
    )
    assert record([first, second]) == Recorded(1, 1)
    assert record([third]) == Recorded(0, 1)
    assert Event.objects.get().fields["metadata"] == {"n": 1}


@pytest.mark.django_db
def test_events_get_ascending_ids_in_the_order_they_came(now):
    names = [f"u{n}" for n in range(1200)]
    random.Random(1).shuffle(names)
    assert record([parse_event(event(user_id=name), now) for name in names]) == Recorded(1200, 0)
    assert list(Event.objects.order_by("pk").values_list("user__external_id", flat=True)) == names


@pytest.mark.django_db
def test_nothing_to_record_is_fine():
    assert record([]) == Recorded(0, 0)


@pytest.mark.django_db
def test_a_user_and_a_company_of_the_same_id_are_two_customers(now):
    record([parse_event(event(user_id="same", company_id="same"), now)])
    assert set(Customer.objects.values_list("kind", "external_id")) == {("user", "same"), ("company", "same")}


@pytest.mark.django_db
def test_ids_that_differ_only_in_case_or_accents_are_different_customers(now):
    record([parse_user({"user_id": id_}, now) for id_ in ("ann", "Ann", "ANN", "änn", "a\u0308nn")])
    assert Customer.objects.count() == 5


@pytest.mark.django_db
def test_an_event_keeps_its_values_exactly(now):
    metadata = {"text": "é😀\ufffd\"'%s?", "n": 2**53, "f": 0.1, "b": True, "l": [None, {}], "": 0, "a.b": 1}
    moment = now - timedelta(hours=3, microseconds=7)
    record([parse_event(event(user_id="%s", metadata=metadata, request={"time": moment.isoformat()}), now)])
    stored = Event.objects.get()
    assert (stored.fields["metadata"], stored.time, stored.received_at) == (metadata, moment, now)
    assert stored.user.external_id == "%s"


@pytest.mark.django_db
def test_times_are_kept_as_the_orm_keeps_them(now):
    record([parse_event(event(request={"time": "2026-03-02T11:00:00Z"}), now)])
    assert Event.objects.filter(time=now - timedelta(hours=1), received_at=now).exists()
    assert Event.objects.filter(time__lt=now - timedelta(minutes=59), time__gt=now - timedelta(minutes=61)).exists()


@pytest.mark.django_db
def test_a_customer_is_created_when_it_was_first_named_in_the_batch(now):
    earlier = now - timedelta(days=2)
    record([parse_event(event(user_id="u"), now), parse_user({"user_id": "u"}, earlier)])
    assert Customer.objects.get().created_at == earlier


@pytest.mark.django_db(transaction=True)
def test_a_failure_on_the_way_stores_nothing(now, monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(recording, "_record_events", fail)
    with pytest.raises(RuntimeError):
        record([parse_event(event(user_id="u1"), now), parse_user({"user_id": "u2"}, now)])
    assert not Customer.objects.exists()
    assert not SealQueue.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_customers_named_in_a_transaction_that_failed_are_found_anew(now):
    with transaction.atomic():
        record([parse_user({"user_id": "u1"}, now)])
        transaction.set_rollback(True)
    record([parse_event(event(user_id="u1"), now)])
    assert Event.objects.get().user.external_id == "u1"


def record_together(batches) -> list[Recorded]:
    """Record each batch in a thread of its own, all at once."""
    ready = threading.Barrier(len(batches))

    def run(batch) -> Recorded:
        try:
            ready.wait()
            return record(batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(run, batches))


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_may_name_the_same_new_customers(now):
    batches = []
    for writer in range(4):
        events = [
            parse_event(event(user_id=f"u{n}", company_id=f"c{n % 7}", metadata={"writer": writer}), now)
            for n in range(300)
        ]
        random.Random(writer).shuffle(events)
        batches.append(events)
    assert record_together(batches) == [Recorded(300, 0)] * 4
    assert (Event.objects.count(), Customer.objects.count()) == (1200, 307)
    assert queued("customer") == ids(Customer)
    assert not Event.objects.filter(user=None).exists()


@pytest.mark.django_db(transaction=True)
def test_concurrent_senders_of_the_same_events_in_any_order_store_each_once(now):
    events = [parse_event(event(transaction_id=f"t{n}", user_id=f"u{n}"), now) for n in range(400)]
    batches = [random.Random(writer).sample(events, len(events)) for writer in range(4)]
    results = record_together(batches)
    assert sum(result.accepted for result in results) == 400
    assert Event.objects.count() == 400
    assert queued("event") == ids(Event)


@pytest.mark.django_db(transaction=True)
def test_concurrent_updates_of_the_same_profiles_all_count(now):
    batches = []
    for writer in range(4):
        items = [
            parse_user(
                {"user_id": f"u{n}", "company_id": f"c{n}", "metadata": {f"w{writer}": 1}},
                now + timedelta(seconds=writer),
            )
            for n in range(60)
        ]
        items += [parse_company({"company_id": f"c{n}", "metadata": {f"w{writer}": 1}}, now) for n in range(60)]
        batches.append(random.Random(writer).sample(items, len(items)))
    assert record_together(batches) == [Recorded(120, 0)] * 4
    everything = {"metadata": {f"w{writer}": 1 for writer in range(4)}}
    assert all(customer.profile == everything for customer in Customer.objects.all())
    assert all(
        user.company.external_id == user.external_id.replace("u", "c") for user in Customer.objects.filter(kind="user")
    )
