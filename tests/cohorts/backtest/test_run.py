"""Backtests in the background: slices, cancelling, dead workers, faults, and what may be asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohorts.backtest import run
from cohorts.backtest.run import TooMuch, advance, cancel_backtest, due_backtests, start_backtest
from cohorts.backtest.summary import moves_of
from cohorts.models import Backtest
from cohortsite.pipeline import Unit, UnitKind, due_units, run_cycle, run_unit
from cohortsite.schedules import follows
from ingest.columns.interface import ColumnsDamaged
from tests.factories import ON_PRO, add_version, make_cohort, make_user

pytestmark = pytest.mark.django_db
DEFINITION = {
    "kind": "user",
    "criteria": ON_PRO,
    "time_zone": "UTC",
    "week_starts_on": 1,
    "period": timedelta(hours=6),
}


@pytest.fixture
def started(now):
    """Of ann, who came to be on pro two hours before the end, over one day: five moments."""
    ann = make_user("ann", now - timedelta(hours=30), metadata={"plan": "free"})
    add_version(ann, now - timedelta(hours=2), metadata={"plan": "pro"})
    return start_backtest(DEFINITION, 1, now)


def test_slices_go_on_where_the_last_one_ended(started, now):
    done = []
    while due_backtests(now):
        advance(started.pk, now, seconds=0)
        started.refresh_from_db()
        done.append(started.done)
    assert done == [1, 2, 3, 4, 5]
    assert (started.state, started.kept, started.members_at_start) == ("done", {}, 0)
    [moves] = moves_of(started)
    assert (moves.at, len(moves.added), len(moves.removed)) == (now, 1, 0)


def test_the_worker_and_the_cycle_do_it_after_everything_else(started, now):
    units = due_units(now)
    assert units[-1] == Unit(UnitKind.BACKTEST, str(started.pk))
    assert follows(units[-1], units[-1], succeeded=True)
    assert not follows(units[-1], units[-1], succeeded=False)
    run_unit(units[-1], now)
    assert Backtest.objects.get().state == "done"
    again = start_backtest(DEFINITION, 1, now)
    run_cycle(now)
    assert Backtest.objects.get(pk=again.pk).state == "done"


def test_cancelling_keeps_what_was_found_and_stops_the_slice_under_way(started, now, monkeypatch):
    advance(started.pk, now, seconds=0)
    store = run._store

    def cancelled_meanwhile(*args):
        assert cancel_backtest(started.pk, now)
        store(*args)

    monkeypatch.setattr(run, "_store", cancelled_meanwhile)
    advance(started.pk, now)
    started.refresh_from_db()
    assert (started.state, started.done, started.steps.count()) == ("cancelled", 1, 0)
    assert due_backtests(now) == []
    assert not cancel_backtest(started.pk, now)


def test_a_killed_worker_costs_its_slice_only(started, now, monkeypatch):
    advance(started.pk, now, seconds=0)
    monkeypatch.setattr(run, "_store", lambda *args: None)  # the process is gone before anything is written
    advance(started.pk, now)
    monkeypatch.undo()
    assert due_backtests(now) == []
    advance(started.pk, now)
    assert Backtest.objects.get().done == 1
    later = now + run.LEASE
    assert due_backtests(later) == [started.pk]
    advance(started.pk, later)
    assert (Backtest.objects.get().state, len(moves_of(started))) == ("done", 1)


def test_what_kills_its_worker_again_and_again_is_given_up(started, now, monkeypatch):
    monkeypatch.setattr(run, "_store", lambda *args: None)
    for slice_ in range(run.MOST_TRIES + 1):
        advance(started.pk, now + slice_ * run.LEASE)
    found = Backtest.objects.get()
    assert found.state == "failed"
    assert found.error.startswith("One evaluation takes longer than a worker may")


def test_damaged_columns_end_it_with_their_words(started, now, monkeypatch):
    def damaged(*args):
        raise ColumnsDamaged("segment 3 is missing")

    monkeypatch.setattr(run, "_replay_slice", damaged)
    advance(started.pk, now)
    found = Backtest.objects.get()
    assert (found.state, found.error) == (
        "failed",
        "The columnar copy of the events cannot be read: segment 3 is missing",
    )


def test_a_cohort_that_is_deleted_meanwhile_ends_what_refers_to_it(now):
    other = make_cohort()
    criteria = {"version": 1, "match": {"cohort": str(other.pk)}}
    start_backtest({**DEFINITION, "criteria": criteria}, 1, now)
    other.delete()
    [pk] = due_backtests(now)
    advance(pk, now)
    assert "there is none with this one" in Backtest.objects.get().error


def test_what_is_edited_meanwhile_does_not_matter(started, now):
    cohort = make_cohort(period=timedelta(hours=6))
    criteria = {"version": 1, "match": {"cohort": str(cohort.pk)}}
    backtest = start_backtest({**DEFINITION, "criteria": criteria}, 1, now)
    cohort.criteria = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}
    cohort.save(update_fields=["criteria"])
    advance(backtest.pk, now)
    assert [(moves.at, len(moves.added)) for moves in moves_of(backtest)] == [(now, 1)]


def test_too_much_is_refused(now, monkeypatch):
    with pytest.raises(TooMuch, match="129,601 evaluations, more than 50,000"):
        start_backtest({**DEFINITION, "period": timedelta(minutes=1)}, 90, now)
    monkeypatch.setattr(run, "MOST_WAITING", 1)
    start_backtest(DEFINITION, 1, now)
    with pytest.raises(TooMuch, match="1 backtests are waiting already"):
        start_backtest(DEFINITION, 1, now)


def test_old_ones_are_deleted(started, now, monkeypatch):
    advance(started.pk, now)
    monkeypatch.setattr(run, "MOST_KEPT", 2)
    second, third = (start_backtest(DEFINITION, 1, now + timedelta(minutes=minutes)) for minutes in (1, 2))
    assert set(Backtest.objects.values_list("pk", flat=True)) == {started.pk, second.pk, third.pk}
    fourth = start_backtest(DEFINITION, 1, now + timedelta(minutes=3))
    assert set(Backtest.objects.values_list("pk", flat=True)) == {second.pk, third.pk, fourth.pk}
    start_backtest(DEFINITION, 1, now + timedelta(days=20))
    assert Backtest.objects.count() == 1
