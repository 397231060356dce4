"""Sealing into ClickHouse and reading from it, where it has no transactions and forgets nothing by itself."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings
from pyroaring import BitMap

from cohorts.criteria import Clock, View, parse
from ingest.columns import ColumnsDamaged, Span, compact, open_columns, seal
from ingest.columns.clickhouse import columns as clickhouse_columns
from ingest.columns.clickhouse import store
from ingest.columns.clickhouse.server import keep_in_process
from ingest.columns.clickhouse.session import Session
from ingest.erase import erase_customer
from ingest.models import CustomerKind, CustomerVersion, Event, SealQueue, Segment
from tests.engines import own_columns
from tests.factories import add_version, make_company, make_event, make_user

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The process ends here; the server lives on."""


@contextmanager
def killed_before(module, name):
    def killed(*args, **kwargs):
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, killed)
        yield


@pytest.fixture
def database(clickhouse) -> str:
    return clickhouse.removeprefix("chdb://")


@pytest.fixture
def ann(clickhouse, now):
    """A sealed user with a hundred events."""
    ann = make_user("ann", now - timedelta(days=1), metadata={"plan": "pro"})
    for minute in range(100):
        make_event(ann, now - timedelta(minutes=minute), metadata={"minute": minute})
    open_columns().seal(now)
    return ann


def run(sql: str) -> None:
    keep_in_process().command(sql)


def partitions(database: str) -> set[int]:
    found = keep_in_process().query(
        f"SELECT DISTINCT toUInt64(partition) FROM system.parts WHERE database = '{database}' AND active"
    )
    return {number for (number,) in found.result_rows}


def listed() -> set[int]:
    return {int(file.rpartition("-")[2]) for file in Segment.objects.values_list("file", flat=True)}


def ids(at) -> list[int]:
    with open_columns().snapshot(at) as snapshot:
        assert len(snapshot.universe(CustomerKind.USER)) == 1
        assert len(snapshot.rows(snapshot.profiles(CustomerKind.USER))) == 1
        events = snapshot.events(CustomerKind.USER, Span(None, at + timedelta(microseconds=1)))
        return sorted(snapshot.rows(events).column("id").to_pylist())


DAMAGES = {
    "a lost segment": "ALTER TABLE {0}.events DROP PARTITION {1}",
    "a lost row": "DELETE FROM {0}.events WHERE id % 100 = 7",
    "another value": "ALTER TABLE {0}.events UPDATE weight = 2 WHERE id % 100 = 7 SETTINGS mutations_sync = 2",
    "an empty table": "TRUNCATE TABLE {0}.events",
    "a lost summary": "TRUNCATE TABLE {0}.pairs",
    "a row too many": "INSERT INTO {0}.events SELECT * FROM {0}.events LIMIT 1",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_copy_is_refused_and_rebuilt(damage, ann, now, database):
    before = ids(now)
    [number] = {int(file.rpartition("-")[2]) for (file,) in Segment.objects.filter(kind="events").values_list("file")}
    run(DAMAGES[damage].format(database, number))
    with pytest.raises(ColumnsDamaged, match="segment"), open_columns().snapshot(now):
        pass
    [fault] = open_columns().faults()
    assert "segment" in fault
    call_command("rebuild_columns")
    assert ids(now) == before


def test_a_lost_database_is_refused_and_rebuilt(ann, now, database):
    before = ids(now)
    run(f"DROP DATABASE {database}")
    with pytest.raises(ColumnsDamaged, match="does not exist"), open_columns().snapshot(now):
        pass
    call_command("rebuild_columns")
    assert ids(now) == before


def test_parts_that_the_server_merges_are_still_what_was_written(ann, now, database):
    before = ids(now)
    run(f"OPTIMIZE TABLE {database}.events FINAL")
    assert ids(now) == before
    assert not list(open_columns().faults())


def test_a_copy_of_another_engine_is_made_again_here(now, tmp_path):
    with override_settings(EVENTS_URL=f"duckdb://{tmp_path}/columns"):
        make_event(make_user("ann", now), now)
        open_columns().seal(now)
    with own_columns("clickhouse"):
        with pytest.raises(ColumnsDamaged, match="is missing"), open_columns().snapshot(now):
            pass
        call_command("rebuild_columns")
        assert len(ids(now)) == 1


STEPS = [
    (seal, "assign"),
    (store, "to_events"),
    (store, "_finish_events"),
    (seal, "publish"),
    (compact, "take_out_erased"),
    (compact, "merge"),
    (store, "_copy"),
    (compact, "replace"),
    (compact, "summarize"),
]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_sealing_that_is_killed_before_a_step_is_finished_by_the_next(step, clickhouse, now, monkeypatch):
    monkeypatch.setattr(compact, "TOGETHER", 2)
    monkeypatch.setattr(compact, "FULL", 8)
    ann = make_user("ann", now - timedelta(days=1), metadata={"age": 1})
    for hour in range(20, 14, -1):
        make_event(ann, now - timedelta(hours=hour))
    open_columns().seal(now)
    for hour in range(9, 4, -1):
        make_event(ann, now - timedelta(hours=hour))
    add_version(ann, now - timedelta(hours=2), metadata={"age": 2})
    with killed_before(*STEPS[step]), pytest.raises(Killed):
        open_columns().seal(now)
    make_event(ann, now - HOUR)
    open_columns().seal(now)

    assert Counter(ids(now)) == Counter(Event.objects.values_list("pk", flat=True))
    for source, model in (("event", Event), ("version", CustomerVersion)):
        sealed = Counter(chain(*open_columns().sealed_keys(source)))
        assert sealed == Counter(model.objects.values_list("pk", flat=True))
    assert not SealQueue.objects.exists()
    assert not Segment.objects.filter(state=Segment.State.ASSIGNED).exists()
    for at, age in ((now, 2), (now - timedelta(hours=3), 1)):
        with open_columns().snapshot(at) as snapshot:
            [profile] = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
        assert dict(profile["number"]) == {"metadata.age": age}


def test_what_a_killed_sealing_left_is_dropped_after_a_while(clickhouse, database, now, monkeypatch):
    """Another host may still be writing it."""
    make_event(make_user("ann", now), now)
    with killed_before(seal, "publish"), pytest.raises(Killed):
        open_columns().seal(now)
    open_columns().seal(now)
    assert len(partitions(database) - listed()) == 1
    monkeypatch.setattr(store, "STRAY_AFTER", timedelta(hours=-1))
    open_columns().seal(now)
    assert partitions(database) == listed()


def test_what_was_merged_is_dropped_only_after_a_while(clickhouse, database, now, monkeypatch):
    """Somebody may have read the list just before the merge."""
    monkeypatch.setattr(compact, "TOGETHER", 2)
    ann = make_user("ann", now)
    for minute in range(2):
        make_event(ann, now - timedelta(minutes=minute))
        open_columns().seal(now)
    replaced = Segment.objects.filter(state=Segment.State.REPLACED).values_list("file", flat=True)
    merged = {int(file.rpartition("-")[2]) for file in replaced}
    assert len(merged) == 2
    open_columns().seal(now + timedelta(minutes=9))
    assert merged < partitions(database)
    open_columns().seal(now + timedelta(minutes=11))
    assert not merged & partitions(database)


def test_who_read_the_list_before_a_merge_reads_it_again(ann, now, monkeypatch):
    before = ids(now)
    list_now = clickhouse_columns.listed_segments
    old = list_now()
    call_command("rebuild_columns")
    open_columns().store.delete(old)
    lists = iter([old, list_now()])
    monkeypatch.setattr(clickhouse_columns, "listed_segments", lambda: next(lists))
    assert ids(now) == before


def test_segments_that_go_while_somebody_reads_are_noticed(ann, now, database, monkeypatch):
    monkeypatch.setattr("ingest.columns.clickhouse.session.LOOK_AGAIN", 0.0)
    with open_columns().snapshot(now) as snapshot:
        assert len(snapshot.universe(CustomerKind.USER)) == 1
        run(f"TRUNCATE TABLE {database}.events")
        with pytest.raises(ColumnsDamaged, match="segment"):
            snapshot.ids(snapshot.events(CustomerKind.USER, Span(None, now)))


def test_two_who_seal_the_same_batch_publish_it_once(clickhouse, now):
    """Without the lock, as two hosts are: the second to publish changes nothing."""
    make_event(make_user("ann", now), now)
    segment = seal.assign(Segment.Kind.EVENTS, now)
    publish = seal.publish
    rivals: list[int] = []

    def publish_after_rival(mine, written, at):
        if mine == segment and not rivals:
            rivals.append(1)
            assert seal.seal_waiting(open_columns().store, at).events == 1
        return publish(mine, written, at)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seal, "publish", publish_after_rival)
        assert open_columns().seal(now).events == 0
    assert len(ids(now)) == 1


def test_rows_that_arrive_twice_are_not_published(clickhouse, now, monkeypatch):
    """A request that a proxy repeats."""
    make_event(make_user("ann", now), now)
    finish = store._finish_events

    def repeat_and_finish(client, number):
        client.command(f"INSERT INTO events SELECT * FROM events WHERE segment = {number}")
        return finish(client, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_finish_events", repeat_and_finish)
        with pytest.raises(store.Doubled):
            open_columns().seal(now)
    assert open_columns().seal(now).events == 1
    assert len(ids(now)) == 1


def test_an_erased_customer_is_hidden_at_once_and_then_gone(clickhouse, database, now):
    acme = make_company("acme", now - 9 * HOUR)
    ann = make_user("ann", now - 9 * HOUR, acme, metadata={"email": "ann@example.com"})
    bob = make_user("bob", now - 9 * HOUR, acme)
    make_event(ann, now - HOUR, metadata={"email": "ann@example.com"})
    open_columns().seal(now)
    erase_customer(ann, now)
    for at in (now, now + HOUR):
        with open_columns().snapshot(at) as snapshot:
            assert snapshot.universe(CustomerKind.USER) == BitMap([bob.pk])
            profiles = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
            assert [row["customer"] for row in profiles] == [bob.pk]
        open_columns().seal(at + HOUR)
    for table in ("versions", "events"):
        found = keep_in_process().query(f"SELECT count() FROM {database}.{table} WHERE text['metadata.email'] != ''")
        assert found.result_rows == [(0,)]


def test_an_evaluation_asks_as_often_for_many_customers_as_for_few(clickhouse, now, monkeypatch):
    asked: Counter[str] = Counter()
    for name in ("ask", "do", "insert"):
        original = getattr(Session, name)

        def count(self, *args, name=name, original=original):
            asked[name] += 1
            return original(self, *args)

        monkeypatch.setattr(Session, name, count)
    often = {"field": "metadata.n", "op": ">", "value": 1}
    performed = {"performed": {"where": often}, "at_least": 2, "within": {"last": "1d"}}
    plan = {"field": "metadata.plan", "op": "is", "value": "pro"}
    criteria = parse({"version": 1, "match": {"all": [performed, plan]}}, CustomerKind.USER)
    counts = []
    for customers in (range(2), range(2, 40)):
        for number in customers:
            user = make_user(f"u{number}", now, metadata={"plan": "pro"})
            for n in range(3):
                make_event(user, now - timedelta(minutes=n), metadata={"n": n + 1})
        open_columns().seal(now)
        asked.clear()
        with open_columns().snapshot(now) as snapshot:
            view = View(snapshot, CustomerKind.USER, Clock(now, ZoneInfo("UTC")))
            found = [leaf.evaluate(view).members for leaf in criteria.leaves.values()]
        assert [len(members) for members in found] == [customers.stop] * 2
        counts.append(sum(asked.values()))
    assert counts[0] == counts[1] <= 10


def test_a_definition_of_a_hundred_long_conditions_is_one_query_each(clickhouse, now):
    make_event(make_user("ann", now), now, metadata={"n": "Große STRASSE 7"})
    open_columns().seal(now)
    conditions = [{"field": "metadata.n", "op": "contains", "value": f"ẞ {place}"} for place in range(49)]
    many = [[f"{place} {n}" * 9 for n in range(200)] for place in range(49)]
    conditions += [{"field": "metadata.n", "op": "is", "value": texts} for texts in many]
    conditions.append({"field": "metadata.n", "op": "ends_with", "value": "SSE 7"})
    node = {"performed": {"where": {"any": conditions}}, "at_least": 1, "within": {"ever": True}}
    [leaf] = parse({"version": 1, "match": node}, CustomerKind.USER).leaves.values()
    with open_columns().snapshot(now) as snapshot:
        view = View(snapshot, CustomerKind.USER, Clock(now, ZoneInfo("UTC")))
        assert len(leaf.evaluate(view).members) == 1


def test_a_server_that_does_not_answer_is_no_empty_copy(now):
    with override_settings(EVENTS_URL="clickhouse://someone:secret@127.0.0.1:9/events"):
        with pytest.raises(ColumnsDamaged, match="does not answer") as refused, open_columns().snapshot(now):
            pass
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["clickhouse://", "clickhouse://host:8123", "clickhouse://host/a-b", "postgres://host/events"]
)
def test_an_address_that_says_too_little_is_refused(url):
    with override_settings(EVENTS_URL=url), pytest.raises(ImproperlyConfigured, match="EVENTS_URL: expected"):
        open_columns()
