"""`manage.py run_worker` with real processes: it works, survives what freezes a cluster, and ends without orphans."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parents[2]
CLOCK = """
import time
import django
django.setup()
from django_q.tasks import async_task
while True:  # what q2's own schedule does once a minute
    async_task("cohortsite.schedules.tick")
    time.sleep(0.5)
"""
STARTED = re.compile(r"(ready for work|monitoring|pushing tasks) at (\d+)")


class Worker:
    """A run_worker on a database of its own; its log tells which processes it started."""

    def __init__(self, home):
        self.env = os.environ | {
            "DATA_DIR": str(home),
            "DATABASE_URL": f"sqlite:///{home}/worker.sqlite3",
            "EVENTS_URL": f"duckdb://{home}/columns",
            "DJANGO_SETTINGS_MODULE": "cohortsite.settings",
            "READ_DOT_ENV": "false",
            "LOG_LEVEL": "INFO",
            "WORKERS": "2",
            "WORKER_STALE_AFTER": "6",
        }
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=BASE, env=self.env, check=True)
        self.log = home / "log"
        self.launch()
        self.clock = subprocess.Popen([sys.executable, "-c", CLOCK], cwd=BASE, env=self.env, stderr=subprocess.DEVNULL)

    def launch(self):
        """Start it, in a process group of its own."""
        command = [sys.executable, "manage.py", "run_worker"]
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                command, cwd=BASE, env=self.env, stderr=file, stdout=file, start_new_session=True
            )

    def started(self, role):
        """The ids of the processes that were started in a role, the oldest first."""
        return [int(pid) for found, pid in STARTED.findall(self.log.read_text()) if found == role]

    def wait_for(self, condition, seconds=60):
        give_up_at = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up_at, self.log.read_text()[-3000:]
            time.sleep(0.1)

    def ticks(self, word="Processed"):
        """How many ticks the cluster that runs now has begun (`processing`), or has acknowledged (`Processed`)."""
        of_this_cluster = self.log.read_text().split("pushing tasks at")[-1]
        return len(re.findall(rf"{word} .*'cohortsite.schedules.tick'", of_this_cluster))

    def works(self):
        """Wait until another tick was run and acknowledged."""
        ticks = self.ticks()
        self.wait_for(lambda: self.ticks() > ticks)

    def is_restarted_after_the_death_of(self, processes):
        """Kill the processes of the cluster while it has nothing to do; wait until another cluster works."""
        clusters = len(self.started("pushing tasks"))
        self.clock.send_signal(signal.SIGSTOP)
        self.wait_for(lambda: self.ticks("processing") == self.ticks("Processed"))
        time.sleep(0.5)
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        self.clock.send_signal(signal.SIGCONT)
        self.wait_for(lambda: len(self.started("pushing tasks")) > clusters)
        self.works()

    def processes(self):
        """Every process of the clusters: all of them carry this home in their environment."""
        mark = f"DATA_DIR={self.env['DATA_DIR']}\0".encode()
        found = set()
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if (
                    mark in (directory / "environ").read_bytes()
                    and b"manage.py" in (directory / "cmdline").read_bytes()
                ):
                    found.add(int(directory.name))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    worker = Worker(tmp_path_factory.mktemp("worker"))
    worker.wait_for(lambda: worker.ticks() > 2)  # whichever test is first: what starts is not yet what is killed
    yield worker
    worker.clock.kill()
    worker.clock.wait()
    for pid in worker.processes():
        os.kill(pid, signal.SIGKILL)
    worker.process.wait()


def cluster_parent(worker):
    """The parent of the cluster that runs now: the child of run_worker."""
    return child(worker.process.pid)


def guard(worker):
    """The process that starts and replaces the others: the child of the parent."""
    return child(cluster_parent(worker))


def child(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def test_it_runs_ticks(worker):
    worker.works()


def test_a_killed_cluster_is_started_again(worker):
    before = worker.processes() - {worker.process.pid}
    worker.is_restarted_after_the_death_of([cluster_parent(worker)])
    assert before & worker.processes() == set()
    assert "the cluster ended by itself" in worker.log.read_text()


def test_a_cluster_frozen_by_the_death_of_idle_workers_is_started_again(worker):
    worker.is_restarted_after_the_death_of(worker.started("ready for work")[-2:])
    assert "no unit of work ran" in worker.log.read_text()


def test_a_cluster_that_no_longer_acknowledges_is_started_again(worker):
    worker.is_restarted_after_the_death_of(worker.started("monitoring")[-1:])
    assert "no task was acknowledged" in worker.log.read_text()


def test_a_cluster_without_its_guard_is_started_again(worker):
    """Nobody would tick, nor replace what dies."""
    worker.is_restarted_after_the_death_of([guard(worker)])


def test_a_killed_pusher_is_replaced(worker):
    clusters = len(worker.started("pushing tasks"))
    os.kill(worker.started("pushing tasks")[-1], signal.SIGKILL)
    worker.wait_for(lambda: len(worker.started("pushing tasks")) > clusters)
    worker.works()


def test_a_killed_watchdog_takes_its_cluster_along_and_may_be_started_again(worker):
    worker.process.kill()
    worker.process.wait()
    worker.wait_for(lambda: worker.processes() == set())
    worker.launch()
    clusters = len(worker.started("pushing tasks"))
    worker.wait_for(lambda: len(worker.started("pushing tasks")) > clusters)
    worker.works()


def test_sigterm_to_its_group_ends_it_in_peace_and_leaves_nothing_behind(worker):
    os.killpg(worker.process.pid, signal.SIGTERM)
    assert worker.process.wait(timeout=90) == 0
    assert worker.processes() == set()
    assert "is killed" not in worker.log.read_text().split("pushing tasks")[-1]
