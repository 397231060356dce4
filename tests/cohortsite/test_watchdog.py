"""When the watchdog finds that a cluster does not work."""

from datetime import timedelta

import pytest
from django_q.models import OrmQ, Task

from cohortsite.models import WORKER, Heartbeat
from cohortsite.watchdog import MOST_WAITING, STARTING, missing_sign

pytestmark = pytest.mark.django_db

LIMIT = timedelta(minutes=3)


@pytest.fixture
def started_at(now):
    return now - timedelta(hours=1)


def beat(at):
    Heartbeat.beat(WORKER, at)


def acknowledge(at):
    Task.objects.create(id=str(at), name="tick", func="tick", started=at, stopped=at, success=True)


def test_both_signs_fresh_means_that_it_works(started_at, now):
    beat(now - LIMIT)
    acknowledge(now - LIMIT)
    assert missing_sign(started_at, now, LIMIT) == ""


def test_no_heartbeat_means_that_no_unit_runs(started_at, now):
    beat(now - LIMIT - timedelta(seconds=1))
    acknowledge(now)
    assert missing_sign(started_at, now, LIMIT) == "no unit of work ran for 181 s"


def test_a_heartbeat_without_acknowledgements_means_a_dead_monitor(started_at, now):
    beat(now)
    acknowledge(now - LIMIT - timedelta(seconds=1))
    assert missing_sign(started_at, now, LIMIT) == "no task was acknowledged for 181 s"


def test_a_new_cluster_is_given_time_and_not_judged_by_the_last_one(now):
    beat(now - timedelta(days=1))
    acknowledge(now - timedelta(days=1))
    assert missing_sign(now, now + STARTING + LIMIT, LIMIT) == ""
    assert missing_sign(now, now + STARTING + LIMIT + timedelta(seconds=1), LIMIT) == "no unit of work ran for 181 s"


def test_many_waiting_tasks_mean_that_nothing_is_acknowledged(started_at, now):
    beat(now)
    acknowledge(now)
    OrmQ.objects.bulk_create(OrmQ(key="cohortsite", payload="", lock=now) for _ in range(MOST_WAITING + 1))
    assert missing_sign(started_at, now, LIMIT) == "51 tasks wait"
