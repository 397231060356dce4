"""What django-q2 runs: ticks, units that follow each other, and schedules that stay right."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from cohortsite import schedules
from cohortsite.models import WORKER, Heartbeat
from cohortsite.pipeline import Unit, UnitKind
from cohortsite.schedules import SETTLING, TICK, enqueue, start, sync_schedules, tick, work

pytestmark = pytest.mark.django_db

SEAL = Unit(UnitKind.SEAL)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def due(monkeypatch):
    """The units that the pipeline finds due: a list to fill."""
    units = []
    monkeypatch.setattr(schedules, "due_units", lambda now: list(units))
    return units


@pytest.fixture
def run(monkeypatch, due):
    """The units that were run, in order; a unit that was run is no longer due."""
    done = []

    def run_unit(unit, now):
        done.append(unit)
        due.remove(unit)

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    return done


def cohort(number):
    return Unit(UnitKind.COHORT, f"cohort-{number}")


def channel(number):
    return Unit(UnitKind.CHANNEL, f"channel-{number}")


def queued():
    return [task.group() for task in OrmQ.objects.order_by("pk")]


def work_off(*, most=100):
    """Do what a cluster of one process does: run the queued tasks, and acknowledge each when it is done."""
    for _ in range(most):
        row = OrmQ.objects.order_by("pk").first()
        if row is None:
            return
        OrmQ.objects.filter(pk=row.pk).update(lock=timezone.now() + timedelta(seconds=600))
        try:
            {"tick": tick, "work": work}[row.task["func"].rsplit(".", 1)[1]](*row.task["args"])
        finally:
            row.delete()
    raise AssertionError("the queue never became empty")


def test_a_tick_enqueues_what_is_due_and_shows_that_the_worker_lives(due):
    due.append(channel(1))
    before = timezone.now()
    tick()
    assert queued() == ["channel channel-1"]
    assert Heartbeat.objects.get(name=WORKER).at >= before


def test_a_unit_that_waits_is_not_enqueued_again(due):
    due.append(channel(1))
    tick()
    tick()
    assert queued() == ["channel channel-1"]


def test_no_more_than_two_units_for_each_worker_are_enqueued(due, settings):
    settings.WORKERS = 2
    due += [channel(number) for number in range(10)]
    tick()
    tick()
    assert queued() == [f"channel channel-{number}" for number in range(4)]


def test_everything_that_is_due_is_done_within_one_tick(due, run, settings):
    settings.WORKERS = 1
    due += [SEAL, *(cohort(number) for number in range(5)), *(channel(number) for number in range(5))]
    tick()
    work_off()
    assert due == []
    assert len(run) == 11


def test_cohorts_wait_for_sealing_and_follow_it_at_once(due, run):
    due += [SEAL, cohort(1)]
    tick()
    assert queued() == ["seal"]
    work_off()
    assert run == [SEAL, cohort(1)]


def test_deliveries_do_not_wait_for_sealing(due):
    due += [SEAL, cohort(1), channel(1)]
    tick()
    assert queued() == ["seal", "channel channel-1"]


def test_what_a_unit_makes_due_is_found_without_another_tick(due, monkeypatch):
    stages = [SEAL, cohort(1), Unit(UnitKind.SUBSCRIPTION, "1"), channel(1)]
    done = []

    def run_unit(unit, now):
        done.append(unit)
        due[:] = stages[len(done) : len(done) + 1]

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    due.append(SEAL)
    tick()
    work_off()
    assert done == stages


@pytest.mark.parametrize(("second", "back"), [(30, 0), (2, 0), (1, 1)])
def test_cohorts_and_batches_are_made_as_of_the_last_minute_whose_requests_are_all_in(due, monkeypatch, second, back):
    times = {}

    def run_unit(unit, now):
        times[unit.kind] = now
        due.remove(unit)

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    due += [cohort(1), Unit(UnitKind.SUBSCRIPTION, "1"), channel(1)]
    clock = timezone.now().replace(second=second, microsecond=0)
    monkeypatch.setattr(schedules.timezone, "now", lambda: clock)
    tick()
    work_off()
    minute = clock.replace(second=0) - timedelta(minutes=back)
    assert times == {UnitKind.COHORT: minute, UnitKind.SUBSCRIPTION: minute, UnitKind.CHANNEL: clock}


def test_events_that_come_while_sealing_wait_for_the_next_tick(due, monkeypatch):
    monkeypatch.setattr(schedules, "run_unit", lambda unit, now: None)  # sealing stays due: new rows came
    due.append(SEAL)
    tick()
    work_off()
    assert queued() == []


def test_a_unit_that_fails_is_left_to_the_next_tick(due, monkeypatch):
    def run_unit(unit, now):
        raise OSError("disk full")

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    due += [cohort(1), cohort(2)]
    with pytest.raises(OSError, match="disk full"):
        work("cohort", "cohort-1", timezone.now())
    assert queued() == []


def test_deliveries_go_on_when_sealing_fails(due, monkeypatch):
    def run_unit(unit, now):
        raise OSError("disk full")

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    due += [SEAL, channel(1)]
    with pytest.raises(OSError, match="disk full"):
        work("seal", "", timezone.now())
    assert queued() == ["channel channel-1"]


def test_the_task_of_a_dead_worker_is_forgotten_and_its_unit_found_again(due, settings):
    due.append(channel(1))
    tick()
    fetched_at = timezone.now() - timedelta(seconds=2 * settings.Q_CLUSTER["timeout"] + 1)
    OrmQ.objects.update(lock=fetched_at + timedelta(seconds=settings.Q_CLUSTER["retry"]))
    dead = OrmQ.objects.get().pk
    tick()
    assert queued() == ["channel channel-1"]
    assert OrmQ.objects.get().pk != dead


def test_the_task_of_a_busy_worker_is_kept(due, settings):
    due.append(channel(1))
    tick()
    fetched_at = timezone.now() - timedelta(seconds=settings.Q_CLUSTER["timeout"])
    OrmQ.objects.update(lock=fetched_at + timedelta(seconds=settings.Q_CLUSTER["retry"]))
    busy = OrmQ.objects.get().pk
    tick()
    assert [task.pk for task in OrmQ.objects.all()] == [busy]


def test_old_failures_are_deleted_and_new_ones_kept(due):
    for name, age in (("old", timedelta(days=8)), ("new", timedelta(days=6))):
        at = timezone.now() - age
        Task.objects.create(id=name, name=name, func="f", started=at, stopped=at, success=False)
    tick()
    assert list(Task.objects.values_list("name", flat=True)) == ["new"]


def test_synchronizing_makes_one_tick_a_minute_however_often(now):
    sync_schedules(now)
    sync_schedules(now)
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.func) == (TICK, "cohortsite.schedules.tick")
    assert (schedule.schedule_type, schedule.minutes, schedule.repeats) == (Schedule.MINUTES, 1, -1)


def test_synchronizing_removes_doubles_and_repairs_what_was_edited(now):
    next_tick = now + SETTLING
    for name in (TICK, TICK, None, "an old name"):
        Schedule.objects.create(name=name, func="cohortsite.schedules.tick", args="(((", repeats=0, next_run=now)
    sync_schedules(now)
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.args, schedule.repeats, schedule.next_run) == (TICK, None, -1, next_tick)


def test_a_schedule_that_would_stop_all_others_is_switched_off(now):
    bad = Schedule.objects.create(name="bad", func="os.getpid", args="((", next_run=now)
    without_time = Schedule.objects.create(name="no time", func="os.getpid", schedule_type="H", next_run=None)
    good = Schedule.objects.create(name="good", func="os.getpid", args="1, 'two'", schedule_type="D", next_run=now)
    sync_schedules(now)
    for schedule in (bad, without_time, good):
        schedule.refresh_from_db()
    assert (bad.repeats, without_time.repeats, good.repeats) == (0, 0, -1)


def test_a_start_empties_the_queue_and_asks_for_a_tick(due, now):
    due.append(channel(1))
    enqueue(due, now)
    start(now)
    assert queued() == [TICK]


def test_a_channel_with_more_to_send_has_further_turns_after_the_others(due, monkeypatch, settings):
    settings.WORKERS = 1
    turns = []

    def run_unit(unit, now):
        turns.append(unit)
        due.remove(unit)
        if turns.count(unit) < 2:
            due.append(unit)  # served last, it comes last

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    due += [channel(1), channel(2), channel(3)]
    tick()
    work_off()
    assert turns == 2 * [channel(1), channel(2), channel(3)]


def test_what_becomes_due_while_units_follow_each_other_is_found_by_them(monkeypatch):
    """There is no room for later ticks then: their units would wait until everything else is done."""
    clock = [timezone.now().replace(second=30)]
    monkeypatch.setattr(schedules.timezone, "now", lambda: clock[0])
    due = {channel(1): clock[0], channel(2): clock[0] + timedelta(minutes=2)}
    monkeypatch.setattr(schedules, "due_units", lambda now: [unit for unit, at in due.items() if at <= now + MINUTE])
    done = []

    def run_unit(unit, now):
        done.append(unit)
        clock[0] += timedelta(minutes=3)
        del due[unit]

    monkeypatch.setattr(schedules, "run_unit", run_unit)
    tick()
    work_off()
    assert done == [channel(1), channel(2)]
