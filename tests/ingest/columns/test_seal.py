"""Sealing moves every waiting row into the copy, each exactly once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap

from ingest.columns import Sealed, Span, open_columns, seal
from ingest.columns.columns import DuckDBColumns
from ingest.models import CustomerKind, SealQueue, Segment
from tests.factories import add_version, make_company, make_event, make_user, name_customer

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_sealing_says_what_it_moved_and_leaves_nothing_waiting(now):
    acme = make_company("acme", now)
    make_event(make_user("ann", now, acme), now, company=acme)
    assert open_columns().seal(now) == Sealed(events=1, versions=3)
    assert not SealQueue.objects.exists()
    assert open_columns().seal(now) == Sealed(events=0, versions=0)


def test_many_rows_are_sealed_in_bounded_batches(now, monkeypatch):
    monkeypatch.setattr(seal, "BATCH", 3)
    ann = make_user("ann", now)
    for minute in range(7):
        make_event(ann, now - timedelta(minutes=minute))
    assert open_columns().seal(now).events == 7
    assert sorted(Segment.objects.filter(kind="events").values_list("rows", flat=True)) == [1, 3, 3]


def test_a_customer_is_never_sealed_after_the_events_that_name_it(now, monkeypatch):
    """Else a user could be seen without its id. Here it comes in while the events before it are being written."""
    monkeypatch.setattr(seal, "BATCH", 1)
    assign = seal.assign
    late = []

    def assign_and_receive(kind, at):
        assigned = assign(kind, at)
        if kind == Segment.Kind.CUSTOMERS and not late:
            late.append(name_customer("user", "late", now))
            make_event(late[0], now)
        return assigned

    monkeypatch.setattr(seal, "assign", assign_and_receive)
    make_event(make_user("ann", now), now)
    seen = []
    publish = seal.publish

    def publish_and_look(*args):
        published = publish(*args)
        with open_columns().snapshot(now) as snapshot:
            known = snapshot.ids(snapshot.profiles(CustomerKind.USER))
            seen.append(known == snapshot.universe(CustomerKind.USER))
        return published

    monkeypatch.setattr(seal, "publish", publish_and_look)
    open_columns().seal(now)
    assert len(seen) >= 4
    assert all(seen)
    with open_columns().snapshot(now) as snapshot:
        assert late[0].pk in snapshot.universe(CustomerKind.USER)


def test_two_who_seal_the_same_batch_publish_it_once(now, settings):
    """Even without the lock (its file was lost), the second to publish changes nothing."""
    make_event(make_user("ann", now), now)
    segment = seal.assign(Segment.Kind.EVENTS, now)
    directory = open_columns().engine.directory
    rival = DuckDBColumns(directory)
    publish = seal.publish

    def publish_after_rival(mine, written, at):
        if mine == segment and not rivals:
            rivals.append(1)
            assert seal.seal_waiting(rival.store, at).events == 1
        return publish(mine, written, at)

    rivals: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seal, "publish", publish_after_rival)
        assert open_columns().seal(now).events == 0
    rival.engine.close()
    with open_columns().snapshot(now) as snapshot:
        assert len(snapshot.rows(snapshot.events(CustomerKind.USER, Span(None, now + HOUR)))) == 1
    open_columns().seal(now)
    listed = set(Segment.objects.values_list("file", flat=True))
    assert {path.name for path in directory.glob("*.duckdb")} == listed


def test_events_without_any_customer_belong_to_nobody(now):
    make_event(None, now)
    ann = make_user("ann", now)
    make_event(ann, now)
    assert open_columns().seal(now).events == 2
    with open_columns().snapshot(now) as snapshot:
        for kind, members in ((CustomerKind.USER, [ann.pk]), (CustomerKind.COMPANY, [])):
            assert snapshot.ids(snapshot.events(kind, Span(None, now + HOUR))) == BitMap(members)


def test_tables_of_a_snapshot_work_together(now):
    ann, bob = make_user("ann", now, metadata={"age": 3}), make_user("bob", now)
    add_version(ann, now + HOUR, metadata={"age": 4})
    make_event(bob, now)
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        profiles = snapshot.profiles(CustomerKind.USER)
        among = snapshot.among(BitMap([bob.pk, 4_000_000]))
        kept = snapshot.keep(profiles.semi_join(among, "customer").select("customer", "external_id"))
        assert snapshot.rows(kept).to_pylist() == [{"customer": bob.pk, "external_id": "bob"}]
        assert snapshot.ids(profiles.anti_join(kept, "customer")) == BitMap([ann.pk])


def test_snapshots_of_two_instants_do_not_disturb_each_other(now):
    ann = make_user("ann", now)
    make_user("bob", now + HOUR)
    open_columns().seal(now + HOUR)
    with open_columns().snapshot(now) as early, open_columns().snapshot(now + HOUR) as late:
        assert len(late.universe(CustomerKind.USER)) == 2
        assert early.universe(CustomerKind.USER) == BitMap([ann.pk])
