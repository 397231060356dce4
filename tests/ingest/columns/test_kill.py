"""Killed at any step and run again: no row is lost, none is there twice, and no file is left behind."""

from __future__ import annotations

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from ingest.columns import Span, compact, open_columns
from ingest.models import CustomerKind, CustomerVersion, Event, SealQueue, Segment
from tests.factories import add_version, make_event, make_user
from tests.ingest.columns.processes import KILLED, die_at, start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]

SEALING = ["seal.assign", "duckdb_store.write_segment", "files.settle", "files.checksum_of", "seal.publish"]
MERGING = ["compact.take_out_erased", "compact.merge", "compact.replace", "compact.summarize"]


def copied(at) -> tuple[Counter, Counter]:
    """How often each event and each version is in the copy (a version: in one profile or superseded)."""
    columns = open_columns()
    with columns.snapshot(at) as snapshot:
        events = snapshot.rows(snapshot.events(CustomerKind.USER, Span(None, at))).column("id").to_pylist()
        profiles = snapshot.rows(snapshot.profiles(CustomerKind.USER)).column("customer").to_pylist()
    return Counter(events), Counter(profiles)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", SEALING + MERGING)
def test_a_killed_sealing_is_finished_by_the_next(step, when, now, monkeypatch):
    monkeypatch.setattr(compact, "TOGETHER", 2)
    monkeypatch.setattr(compact, "FULL", 8)
    ann = make_user("ann", now - timedelta(days=1), metadata={"age": 1})
    for hour in range(20, 14, -1):
        make_event(ann, now - timedelta(hours=hour))
    open_columns().seal(now)
    for hour in range(9, 4, -1):
        make_event(ann, now - timedelta(hours=hour))
    add_version(ann, now - timedelta(hours=2), metadata={"age": 2})

    assert die_at(step, when, lambda: open_columns().seal(now)) == KILLED
    make_event(ann, now - timedelta(hours=1))
    open_columns().seal(now)

    everything = Counter(Event.objects.values_list("pk", flat=True))
    assert copied(now) == (everything, Counter([ann.pk]))
    assert not SealQueue.objects.exists()
    assert not Segment.objects.filter(state=Segment.State.ASSIGNED).exists()
    with open_columns().snapshot(now) as snapshot:
        [profile] = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
    assert dict(profile["number"]) == {"metadata.age": 2}
    with open_columns().snapshot(now - timedelta(hours=3)) as snapshot:
        [profile] = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
    assert dict(profile["number"]) == {"metadata.age": 1}
    assert CustomerVersion.objects.count() == 2


def test_files_of_a_killed_sealing_are_swept_away(now, settings):
    ann = make_user("ann", now)
    make_event(ann, now)
    assert die_at("seal.publish", "before", lambda: open_columns().seal(now)) == KILLED
    directory = Path(settings.EVENTS_URL.removeprefix("duckdb://"))
    assert [path.name for path in directory.glob("*.duckdb")]
    open_columns().seal(now)
    listed = set(Segment.objects.values_list("file", flat=True))
    assert {path.name for path in directory.iterdir() if path.is_file() and path.suffix != ".lock"} == listed


def test_what_was_merged_is_deleted_only_after_a_while(now, monkeypatch, settings):
    """Somebody may have read the list just before the merge."""
    monkeypatch.setattr(compact, "TOGETHER", 2)
    directory = Path(settings.EVENTS_URL.removeprefix("duckdb://"))
    ann = make_user("ann", now)
    for minute in range(2):
        make_event(ann, now - timedelta(minutes=minute))
        open_columns().seal(now)
    merged = set(Segment.objects.filter(state=Segment.State.REPLACED).values_list("file", flat=True))
    assert merged
    open_columns().seal(now + timedelta(minutes=9))
    assert merged < set(os.listdir(directory))
    open_columns().seal(now + timedelta(minutes=11))
    assert not merged & set(os.listdir(directory))


def test_one_process_reads_while_another_seals_and_merges(now, monkeypatch):
    """Time runs fast in the sealing process, so that merged files are deleted under the reader's eyes."""
    monkeypatch.setattr(compact, "TOGETHER", 2)
    monkeypatch.setattr(compact, "FULL", 20)
    ann = make_user("ann", now - timedelta(days=9))
    make_event(ann, now - timedelta(days=9))
    open_columns().seal(now)

    def seal_and_merge() -> None:
        for minute in range(0, 400, 10):
            make_event(ann, now + timedelta(minutes=minute))
            open_columns().seal(now + timedelta(minutes=minute))

    process = start(seal_and_merge)
    counts = []
    at = now + timedelta(days=1)
    while process.is_alive():
        with open_columns().snapshot(at) as snapshot:
            events = snapshot.events(CustomerKind.USER, Span(None, at))
            counts.append(snapshot.rows(events.count().as_table()).to_pylist()[0])
            assert len(snapshot.universe(CustomerKind.USER)) == 1
    process.join()
    assert process.exitcode == 0
    seen = [next(iter(each.values())) for each in counts]
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]
    assert copied(at)[0] == Counter(Event.objects.values_list("pk", flat=True))


def test_a_forked_process_makes_its_own_engine(now):
    ann = make_user("ann", now)
    make_event(ann, now)
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert len(snapshot.universe(CustomerKind.USER)) == 1

    def read() -> None:
        with open_columns().snapshot(now) as snapshot:
            assert len(snapshot.universe(CustomerKind.USER)) == 1

    process = start(read)
    process.join(60)
    assert process.exitcode == 0
    read()
