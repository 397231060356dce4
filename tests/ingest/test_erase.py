"""What is erased is gone from the rows at once and from the copy with the next sealing, and who lost it is known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap

from ingest.columns import Span, compact, open_columns, seal
from ingest.erase import erase_customer, erase_events
from ingest.models import CustomerKind, CustomerVersion, Erasure, Event, SealQueue, Segment
from tests.factories import add_version, make_company, make_event, make_user

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
KINDS = (CustomerKind.USER, CustomerKind.COMPANY)


def events_in_the_copy(at) -> list[int]:
    with open_columns().snapshot(at) as snapshot:
        return sorted(snapshot.rows(snapshot.events(CustomerKind.USER, Span(None, at))).column("id").to_pylist())


def universe(kind, at) -> BitMap:
    with open_columns().snapshot(at) as snapshot:
        return snapshot.universe(kind)


def test_erased_events_leave_rows_and_copy(now):
    ann = make_user("ann", now - 9 * HOUR)
    first, kept = make_event(ann, now - 3 * HOUR), make_event(ann, now - 2 * HOUR)
    open_columns().seal(now)
    assert erase_events([first.pk], now) == 1
    open_columns().seal(now)
    assert list(Event.objects.all()) == [kept]
    assert events_in_the_copy(now) == [kept.pk]
    assert not SealQueue.objects.exists()
    with open_columns().snapshot(now) as snapshot:
        [activity] = snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()
    assert activity["first_seen_time"].isoformat() == "2026-03-02T10:00:00"


def test_an_event_erased_before_it_was_sealed_never_gets_there(now):
    ann = make_user("ann", now - 9 * HOUR)
    waiting = make_event(ann, now - HOUR)
    erase_events([waiting.pk], now)
    open_columns().seal(now)
    assert events_in_the_copy(now) == []
    assert not SealQueue.objects.exists()


def test_an_event_erased_while_its_segment_is_written_is_taken_out_again(now, monkeypatch):
    """The sealer has read the row already."""
    ann = make_user("ann", now - 9 * HOUR)
    gone, kept = make_event(ann, now - 2 * HOUR), make_event(ann, now - HOUR)
    publish = seal.publish

    def erase_first(segment, written, at):
        erase_events([gone.pk], at)
        return publish(segment, written, at)

    monkeypatch.setattr(seal, "publish", erase_first)
    open_columns().seal(now)
    assert events_in_the_copy(now) == [kept.pk]


def test_every_customer_who_lost_an_event_is_known(now):
    acme, other = make_company("acme", now - 9 * HOUR), make_company("other", now - 9 * HOUR)
    ann, bob = make_user("ann", now - 9 * HOUR, acme), make_user("bob", now - 9 * HOUR)
    events = [make_event(ann, now - HOUR), make_event(ann, now - HOUR), make_event(ann, now - HOUR, company=other)]
    make_event(bob, now - HOUR)
    erase_events([event.pk for event in events], now)
    assert dict(Erasure.objects.values_list("customer", "events")) == {ann.pk: 3, acme.pk: 2, other.pk: 1}
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert snapshot.erased_since(CustomerKind.USER, now - HOUR) == BitMap([ann.pk])
        assert snapshot.erased_since(CustomerKind.COMPANY, now - HOUR) == BitMap([acme.pk, other.pk])
        assert not snapshot.erased_since(CustomerKind.USER, now)


def test_erasing_takes_what_was_summed_up_with_it(now, monkeypatch):
    """Large segments are summed up in a file of their own, which must not remember the erased event."""
    monkeypatch.setattr(compact, "FULL", 4)
    ann, bob = make_user("ann", now - 9 * HOUR), make_user("bob", now - 9 * HOUR)
    gone = make_event(ann, now - 8 * HOUR)
    for hour in range(1, 7):
        make_event(bob, now - hour * HOUR)
    open_columns().seal(now)
    assert Segment.objects.filter(kind="summary", state="published").exists()
    erase_events([gone.pk], now)
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        rows = {row["customer"]: row for row in snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()}
    assert rows[ann.pk]["first_seen_time"] is None
    assert rows[bob.pk]["first_seen_time"].isoformat() == "2026-03-02T06:00:00"
    assert Segment.objects.filter(kind="summary", state="published").count() == 1


def test_an_erased_customer_is_hidden_at_once_and_then_gone(now):
    acme = make_company("acme", now - 9 * HOUR)
    ann = make_user("ann", now - 9 * HOUR, acme, metadata={"email": "ann@example.com"})
    bob = make_user("bob", now - 9 * HOUR, acme)
    make_event(ann, now - HOUR)
    open_columns().seal(now)
    assert erase_customer(ann, now) == 1
    assert universe(CustomerKind.USER, now) == BitMap([bob.pk])
    assert (ann.profile, ann.company, ann.erased_at) == ({}, None, now)
    assert not CustomerVersion.objects.filter(customer=ann).exists()

    open_columns().seal(now)
    assert universe(CustomerKind.USER, now) == BitMap([bob.pk])
    assert universe(CustomerKind.COMPANY, now) == BitMap([acme.pk])
    with open_columns().snapshot(now) as snapshot:
        profiles = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
        assert [row["customer"] for row in profiles] == [bob.pk]
        assert snapshot.rows(snapshot.companies()).to_pylist() == [{"user": bob.pk, "company": acme.pk}]
    for segment in Segment.objects.filter(state=Segment.State.PUBLISHED):
        content = (open_columns().engine.directory / segment.file).read_bytes()
        assert b"ann@example.com" not in content


def test_users_of_an_erased_company_have_none(now):
    acme = make_company("acme", now - 9 * HOUR)
    make_user("ann", now - 9 * HOUR, acme)
    open_columns().seal(now)
    erase_customer(acme, now)
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert not snapshot.universe(CustomerKind.COMPANY)
        assert not snapshot.rows(snapshot.companies())


def test_what_is_said_after_an_erasure_is_kept(now):
    """Should the same id be taken up again, only what came before is gone."""
    ann = make_user("ann", now - 9 * HOUR, metadata={"age": 1})
    open_columns().seal(now)
    erase_customer(ann, now)
    add_version(ann, now + HOUR, metadata={"age": 2})
    ann.erased_at = None
    ann.save()
    open_columns().seal(now + HOUR)
    with open_columns().snapshot(now + HOUR) as snapshot:
        [profile] = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
        [activity] = snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()
    assert dict(profile["number"]) == {"metadata.age": 2}
    assert activity["created"].isoformat() == "2026-03-02T13:00:00"
