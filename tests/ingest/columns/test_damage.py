"""A copy that is not what was written is refused, by name, and made again from the rows."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from ingest.columns import ColumnsDamaged, Span, compact, open_columns
from ingest.models import CustomerKind, Event, SealQueue, Segment
from tests.factories import add_version, make_event, make_user
from tests.ingest.columns.processes import start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def directory(settings) -> Path:
    return Path(settings.EVENTS_URL.removeprefix("duckdb://"))


@pytest.fixture
def ann(now):
    """A sealed user with a hundred events."""
    ann = make_user("ann", now - timedelta(days=1), metadata={"plan": "pro"})
    for minute in range(100):
        make_event(ann, now - timedelta(minutes=minute), metadata={"minute": minute})
    open_columns().seal(now)
    return ann


def ids(at) -> list[int]:
    with open_columns().snapshot(at) as snapshot:
        assert len(snapshot.universe(CustomerKind.USER)) == 1
        assert len(snapshot.rows(snapshot.profiles(CustomerKind.USER))) == 1
        events = snapshot.events(CustomerKind.USER, Span(None, at + timedelta(microseconds=1)))
        return sorted(snapshot.rows(events).column("id").to_pylist())


def path_of_events(directory: Path) -> Path:
    return directory / Segment.objects.get(kind="events", state="published").file


def lose(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_another_file(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def empty_the_directory(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


DAMAGES = [lose, truncate, flip_a_byte, replace_by_another_file, empty_the_directory]


@pytest.mark.parametrize("open_before", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_copy_is_refused_and_rebuilt(damage, open_before, ann, now, directory):
    before = ids(now) if open_before else list(Event.objects.order_by("pk").values_list("pk", flat=True))
    path = path_of_events(directory)
    damage(path)
    with pytest.raises(ColumnsDamaged, match="segment"), open_columns().snapshot(now):
        pass
    call_command("rebuild_columns")
    assert ids(now) == before


def test_a_damaged_copy_keeps_taking_in_what_comes(ann, now, directory):
    path_of_events(directory).unlink()
    make_event(ann, now)
    assert open_columns().seal(now).events == 1
    call_command("rebuild_columns")
    assert len(ids(now)) == 101


def test_an_empty_list_with_sealed_rows_is_damage(ann, now):
    Segment.objects.all().delete()
    with pytest.raises(ColumnsDamaged, match="rows that were sealed"), open_columns().snapshot(now):
        pass
    call_command("rebuild_columns")
    assert len(ids(now)) == 100


def test_an_empty_deployment_is_not_damage(now):
    with open_columns().snapshot(now) as snapshot:
        assert not snapshot.universe(CustomerKind.USER)
        assert not snapshot.ids(snapshot.events(CustomerKind.COMPANY, Span(None, now)))
        assert not snapshot.ids(snapshot.profiles(CustomerKind.COMPANY))
        assert not snapshot.rows(snapshot.companies())


def test_a_deployment_where_everything_waits_is_not_damage(now):
    make_event(make_user("ann", now), now)
    with open_columns().snapshot(now) as snapshot:
        assert not snapshot.universe(CustomerKind.USER)


def test_a_wrong_number_of_rows_is_damage(ann, now):
    Segment.objects.filter(kind="events").update(rows=99)
    with pytest.raises(ColumnsDamaged, match="has 100 rows, not 99"), open_columns().snapshot(now):
        pass


def test_damage_found_while_reading_says_so(ann, now, directory):
    """The file goes bad after the snapshot was opened: DuckDB's own checks notice, and it is named."""
    with open_columns().snapshot(now) as snapshot:
        path = path_of_events(directory)
        content = bytearray(path.read_bytes())
        content[12288:] = bytes(len(content) - 12288)
        path.write_bytes(content)
        with pytest.raises(ColumnsDamaged, match=path.name):
            snapshot.rows(snapshot.events(CustomerKind.USER, Span(None, now)))


def test_a_file_restored_from_a_backup_is_good_again(ann, now, directory, tmp_path):
    path = path_of_events(directory)
    shutil.copy(path, tmp_path / "backup")
    before = ids(now)
    flip_a_byte(path)
    with pytest.raises(ColumnsDamaged), open_columns().snapshot(now):
        pass
    path.unlink()
    shutil.copy(tmp_path / "backup", path)
    assert ids(now) == before


def test_rebuilding_takes_each_row_once_while_rows_come_in_and_are_sealed(ann, now):
    """What waits when the rebuild begins, what comes while it runs, and what is sealed meanwhile."""
    add_version(ann, now, metadata={"plan": "free"})
    make_event(ann, now)
    rebuilding = open_columns().rebuild(now)
    next(rebuilding)
    for step, (done, total) in enumerate(rebuilding):
        assert 0 <= done <= total
        make_event(ann, now)
        if step == 1:
            process = start(lambda: open_columns().seal(now))
            process.join(60)
            assert process.exitcode == 0
    assert done == total
    open_columns().seal(now)
    assert ids(now) == list(Event.objects.order_by("pk").values_list("pk", flat=True))
    assert not SealQueue.objects.exists()


def test_a_rebuild_that_is_given_up_changes_nothing(ann, now, directory):
    before = set(Segment.objects.values_list("file", "state"))
    rebuilding = open_columns().rebuild(now)
    for _ in range(4):
        next(rebuilding)
    rebuilding.close()
    assert set(Segment.objects.values_list("file", "state")) == before
    open_columns().seal(now)
    assert {path.name for path in directory.glob("*.duckdb")} == {file for file, _ in before}


def test_a_merge_that_meets_damage_leaves_the_list_alone(ann, now, monkeypatch, directory):
    monkeypatch.setattr(compact, "TOGETHER", 2)
    path_of_events(directory).unlink()
    for _ in range(100):
        make_event(ann, now)
    open_columns().seal(now)
    assert Segment.objects.filter(kind="events", state="published").count() == 2
    with pytest.raises(ColumnsDamaged, match="is missing"), open_columns().snapshot(now):
        pass
