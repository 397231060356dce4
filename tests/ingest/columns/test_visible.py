"""As of an instant: what the columns say is what the rows say, now and in the past, merged or not."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis.expr.types as ir
import pytest
from pyroaring import BitMap

from ingest.columns import Snapshot, Span, compact, open_columns
from ingest.columns.interface import Measure, Newest
from ingest.models import CustomerKind, Event, SealQueue, Segment
from tests.engines import own_columns
from tests.factories import add_version, enqueue, make_event, name_customer
from tests.ingest.columns.plain import Plain
from tests.properties.comparing import KEEPING, as_if_large

pytestmark = pytest.mark.django_db
KINDS = (CustomerKind.USER, CustomerKind.COMPANY)
HOUR = timedelta(hours=1)


def aware(time: datetime | None) -> datetime | None:
    return time and time.replace(tzinfo=UTC)


def is_in(event: Event, span: Span) -> bool:
    return (span.start is None or span.start <= event.time) and event.time < span.end


def weights(owned: list[tuple[int, Event]]) -> dict[int, int]:
    """What the events of each owner weigh together."""
    summed: Counter[int] = Counter()
    for owner, event in owned:
        summed[owner] += event.weight
    return dict(summed)


def few_of(owned: list[tuple[int, Event]], most: int, first: bool) -> list[tuple[int, int]]:
    """Of each owner the newest events, or the earliest ones."""
    found = []
    for owner in sorted({owner for owner, _ in owned}):
        own = sorted((event.time, event.pk) for of, event in owned if of == owner)
        found += [(owner, pk) for _, pk in (own if first else own[::-1])[:most]]
    return found


def measured(snapshot: Snapshot, kind: CustomerKind, span: Span, **which: Any) -> dict[int, int]:
    """The weights again, by a measure."""

    def add_up(rows: ir.Table) -> ir.Table:
        return rows.group_by("customer").aggregate(weight=rows.weight.sum())

    found = snapshot.rows(snapshot.measured(kind, span, Measure(add_up, add_up, "weights"), **which))
    return {row["customer"]: int(row["weight"]) for row in found.to_pylist()}


def agree(snapshot: Snapshot, plain: Plain) -> None:
    """Everything a snapshot hands out is what the rows say."""
    at = plain.at
    companies = {row["user"]: row["company"] for row in snapshot.rows(snapshot.companies()).to_pylist()}
    assert companies == plain.companies()
    for span in (Span(None, at + HOUR), Span(at - 40 * HOUR, at - 10 * HOUR)):
        rows = snapshot.rows(snapshot.all_events(span)).to_pylist()
        assert sorted((row["id"], row["user_id"], row["company_id"]) for row in rows) == sorted(
            (event.pk, event.user_id, event.company_id) for event in plain.seen if is_in(event, span)
        )
    for kind in KINDS:
        activity = plain.activity(kind)
        found = {row.pop("customer"): row for row in snapshot.rows(snapshot.activity(kind)).to_pylist()}
        assert {pk: {name: aware(time) for name, time in row.items()} for pk, row in found.items()} == {
            pk: vars(each) for pk, each in activity.items()
        }
        assert snapshot.universe(kind) == BitMap(activity)
        profiles = {row["customer"]: row for row in snapshot.rows(snapshot.profiles(kind)).to_pylist()}
        newest = plain.newest()
        assert {pk: aware(row["held_from"]) for pk, row in profiles.items()} == {
            pk: newest[pk].received_at if pk in newest else None for pk in activity
        }
        for pk, row in profiles.items():
            assert row["external_id"] == plain.ids[pk]
            assert dict(row["number"] or []) == {
                f"metadata.{key}": value
                for key, value in (newest[pk].profile.get("metadata", {}) if pk in newest else {}).items()
            }
        for span in (Span(None, at + HOUR), Span(at - 40 * HOUR, at - 10 * HOUR)):
            rows = snapshot.rows(snapshot.events(kind, span)).to_pylist()
            assert sorted((row["customer"], row["id"]) for row in rows) == sorted(
                (owner, event.pk) for owner, event in plain.events(kind) if is_in(event, span)
            )
        since = at - 20 * HOUR
        new = [(owner, event) for owner, event in plain.events(kind) if max(event.time, event.received_at) > since]
        weighing = snapshot.weigh(lambda events: events, "all of them")
        everybody = BitMap(plain.ids)
        assert weighing.arrived(kind, Span(None, at + HOUR), since).of(everybody) == weights(new)
        for span in (Span(None, at + HOUR), Span(at - 40 * HOUR, at - 10 * HOUR)):
            inside = [each for each in plain.events(kind) if is_in(each[1], span)]
            assert weighing.within(kind, span).of(everybody) == weights(inside)
            then = [each for each in inside if max(each[1].time, each[1].received_at) <= since]
            assert weighing.seen_then(kind, [span], since).of(everybody) == weights(then)
            assert measured(snapshot, kind, span) == weights(inside)
            few = BitMap(list(everybody)[::2])
            assert measured(snapshot, kind, span, among=few, seen_at=since) == weights(
                [each for each in then if each[0] in few]
            )
        for first, when, asked in ((False, None, plain.events(kind)), (True, since, new)):
            span = Span(at - 60 * HOUR, at + HOUR)
            few = Newest(kind, everybody, [span], 2, first=first, since=when)
            found = [(row["customer"], row["id"]) for row in snapshot.newest(lambda events: events, None, few)]
            assert found == few_of([each for each in asked if is_in(each[1], span)], 2, first)
        rows = snapshot.rows(snapshot.new_activity(kind, since)).to_pylist()
        assert {row["customer"]: (aware(row["first_new"]), aware(row["last_new"])) for row in rows} == {
            owner: (min(e.time for o, e in new if o == owner), max(e.time for o, e in new if o == owner))
            for owner, _ in new
        }


def happen(chance: random.Random, start: datetime, hours: int, count: int) -> None:
    """Things of all kinds within the hours: late, early, without a company, moves between companies, new profiles."""
    users = [name_customer("user", f"u{n}", start) for n in range(8)]
    companies = [name_customer("company", f"c{n}", start) for n in range(4)]
    for _ in range(count):
        time = start + timedelta(minutes=chance.randrange(hours * 60))
        delay = chance.choice([0, 0, 0, 5, 300, -90, -900])
        user, company = chance.choice([*users, None]), chance.choice([*companies, None, None])
        if chance.random() < 0.75:
            make_event(user, time, company=company, received_at=time + timedelta(minutes=delay))
        elif user is not None:
            add_version(user, time, company if chance.random() < 0.4 else None, metadata={"age": chance.randrange(90)})
        elif company is not None:
            add_version(company, time, metadata={"size": chance.randrange(90)})


@pytest.mark.parametrize(("engine", "seed"), [*(("duckdb", seed) for seed in range(4)), ("clickhouse", 4)])
def test_columns_agree_with_the_rows_at_any_instant(engine, seed, now, monkeypatch):
    """Small thresholds, so that merges of every size and the summary take part."""
    monkeypatch.setattr(compact, "TOGETHER", 3)
    monkeypatch.setattr(compact, "TINY", 4)
    monkeypatch.setattr(compact, "FULL", 60)
    chance = random.Random(seed)
    start = now - timedelta(hours=100)
    with own_columns(engine):
        for step in range(10):
            happen(chance, start + step * 10 * HOUR, 10, chance.randrange(5, 40))
            open_columns().seal(start + (step + 1) * 10 * HOUR)
        assert Segment.objects.filter(state="published", kind="summary").count() == 1
        for at in (now + 9 * HOUR, now, *(start + timedelta(minutes=chance.randrange(6000)) for _ in range(3))):
            for keep in KEEPING[engine]:
                with as_if_large(keep), open_columns().snapshot(at, keep=keep) as snapshot:
                    agree(snapshot, Plain(at))


def test_an_early_event_is_not_seen_before_its_time(now):
    ann = name_customer("user", "ann", now - HOUR)
    make_event(ann, now + HOUR, received_at=now - HOUR)
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert not snapshot.universe(CustomerKind.USER)
    with open_columns().snapshot(now + HOUR) as snapshot:
        assert snapshot.universe(CustomerKind.USER) == BitMap([ann.pk])


def test_a_late_event_moves_first_seen_back_once_it_is_received(now):
    ann = name_customer("user", "ann", now - HOUR)
    make_event(ann, now - HOUR)
    make_event(ann, now - 5 * HOUR, received_at=now + HOUR)
    open_columns().seal(now)
    firsts = []
    for at in (now, now + HOUR):
        with open_columns().snapshot(at) as snapshot:
            [row] = snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()
            firsts.append(aware(row["first_seen_time"]))
    assert firsts == [now - HOUR, now - 5 * HOUR]


def test_of_two_companies_named_at_the_same_time_the_greatest_id_is_taken(now):
    ann = name_customer("user", "ann", now)
    greatest = name_customer("company", "zeta", now)
    make_event(ann, now - HOUR, company=greatest)
    make_event(ann, now - HOUR, company=name_customer("company", "alpha", now))
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert snapshot.rows(snapshot.companies()).to_pylist() == [{"user": ann.pk, "company": greatest.pk}]


def test_a_profile_that_names_no_company_later_keeps_the_one_it_named(now):
    ann, acme = name_customer("user", "ann", now), name_customer("company", "acme", now)
    add_version(ann, now - 3 * HOUR, acme)
    add_version(ann, now - 2 * HOUR, metadata={"age": 3})
    make_event(ann, now - HOUR, company=name_customer("company", "other", now))
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert snapshot.rows(snapshot.companies()).to_pylist() == [{"user": ann.pk, "company": acme.pk}]


def test_a_version_merged_again_replaces_its_older_copy(now, monkeypatch):
    """An import that fills in an earlier profile changes the later ones: they are sealed again under the same id."""
    monkeypatch.setattr(compact, "TOGETHER", 2)
    ann = name_customer("user", "ann", now)
    version = add_version(ann, now - HOUR, metadata={"age": 3})
    open_columns().seal(now)
    version.profile = {"metadata": {"age": 3, "size": 7}}
    version.save()
    enqueue(SealQueue.Source.VERSION, version.pk)
    for _ in range(2):
        open_columns().seal(now)
        with open_columns().snapshot(now) as snapshot:
            [row] = snapshot.rows(snapshot.profiles(CustomerKind.USER)).to_pylist()
            assert dict(row["number"]) == {"metadata.age": 3, "metadata.size": 7}


def test_what_was_said_of_a_company_changes_its_users_too(now):
    acme = name_customer("company", "acme", now)
    ann, bob = name_customer("user", "ann", now), name_customer("user", "bob", now)
    add_version(ann, now - 9 * HOUR, acme)
    add_version(bob, now - 9 * HOUR)
    add_version(acme, now - HOUR, metadata={"plan": "pro"})
    open_columns().seal(now)
    with open_columns().snapshot(now) as snapshot:
        assert snapshot.changed_profiles(CustomerKind.USER, now - 2 * HOUR) == BitMap([ann.pk])
        assert snapshot.changed_profiles(CustomerKind.COMPANY, now - 2 * HOUR) == BitMap([acme.pk])
        assert not snapshot.changed_profiles(CustomerKind.USER, now - HOUR)
