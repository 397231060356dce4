"""Keeps a django-q2 cluster working: starts it, watches two signs of life, and starts it again when one fails.

A cluster can freeze for good while its processes look healthy: killing an idle worker leaves the queue locked, and
killing an idle monitor lets tasks run that are never acknowledged. So the watchdog looks for both signs from outside:
our heartbeat (ticks and units run) and q2's newest finished task (results are saved). It restarts the whole cluster.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import Max
from django.utils import timezone
from django_q.models import OrmQ, Task

from cohortsite import schedules
from cohortsite.models import WORKER, Heartbeat

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks."""
STARTING = timedelta(seconds=60)
"""What a new cluster may take in addition, until its first sign."""
ASK_AGAIN = 10.0
"""Seconds after which a cluster that was asked to end is asked again."""
MOST_WAITING = 50
"""More queued tasks than this were not acknowledged: `schedules.enqueue` holds back long before."""
PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""
MOST_RESTARTS, RESTARTS_WITHIN = 5, 600.0
"""More restarts than this in so many seconds: give up, and let the supervisor of this process decide."""


class Watchdog:
    """Runs one cluster at a time until `stop` is called or too many restarts were needed."""

    def __init__(self) -> None:
        self.stale_after = timedelta(seconds=settings.WORKER_STALE_AFTER)
        self.asked_to_stop = threading.Event()

    def stop(self) -> None:
        """Ask for a graceful end; safe in a signal handler."""
        self.asked_to_stop.set()

    def run(self) -> bool:
        """Keep a cluster working. True when asked to stop, False when it gave up."""
        restarts: deque[float] = deque()
        while fault := self._run_cluster():
            restarts.append(time.monotonic())
            while restarts[0] < time.monotonic() - RESTARTS_WITHIN:
                restarts.popleft()
            if len(restarts) > MOST_RESTARTS:
                logger.critical("Worker given up after %d restarts in %d s: %s", MOST_RESTARTS, RESTARTS_WITHIN, fault)
                return False
            logger.error("Worker is started again: %s", fault)
        return True

    def _run_cluster(self) -> str:
        """Run one cluster to its end; the fault that ended it, or nothing when a stop was asked for."""
        started_at = timezone.now()
        schedules.start(started_at)
        cluster = Cluster()
        fault = ""
        while not fault and not self.asked_to_stop.wait(LOOK_EVERY):
            fault = "the cluster ended by itself" if cluster.has_ended else self._fault(started_at)
        if fault:
            cluster.stop(patience=min(10.0, self.stale_after.total_seconds() / 4))  # what is frozen will not end
        else:
            cluster.stop(patience=settings.Q_CLUSTER["timeout"] + 30.0)
        return fault

    def _fault(self, started_at: datetime) -> str:
        """Which sign of life is missing. A database that cannot be read is not the cluster's fault."""
        try:
            close_old_connections()
            return missing_sign(started_at, timezone.now(), self.stale_after)
        except DatabaseError as error:
            connection.close()
            logger.warning("The database cannot be read: %s", error)
            return ""


def missing_sign(started_at: datetime, now: datetime, stale_after: timedelta) -> str:
    """Which sign of life a cluster running since `started_at` fails to show at `now`; empty when it shows both."""
    heartbeat = Heartbeat.objects.filter(name=WORKER).values_list("at", flat=True).first()
    acknowledged = Task.objects.aggregate(newest=Max("stopped"))["newest"]
    for sign, at in (("no unit of work ran", heartbeat), ("no task was acknowledged", acknowledged)):
        silent_since = started_at + STARTING if at is None or at < started_at else at
        if now - silent_since > stale_after:
            return f"{sign} for {(now - silent_since).total_seconds():.0f} s"
    waiting = OrmQ.objects.count()
    return f"{waiting} tasks wait" if waiting > MOST_WAITING else ""


class Cluster:
    """`manage.py qcluster` in a session of its own, so that a signal can reach its parent alone or all of it."""

    def __init__(self) -> None:
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"]
        self.parent = subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent)

    @property
    def has_ended(self) -> bool:
        """Whether the parent is gone; its children may live on and keep taking work."""
        return self.parent.poll() is not None

    def stop(self, patience: float) -> None:
        """Let the running units finish for `patience` seconds, then kill what is left.

        SIGTERM goes to the parent only: its children would drop their work at once, and the parent would hang.
        """
        give_up_at = time.monotonic() + patience
        while not self.has_ended and time.monotonic() < give_up_at:
            self.parent.terminate()  # more than once: one that comes while the cluster is starting gets lost in it
            with suppress(subprocess.TimeoutExpired):
                self.parent.wait(min(ASK_AGAIN, patience))
        if not self.has_ended:
            logger.warning("The cluster did not end within %d s and is killed", patience)
        with suppress(ProcessLookupError):
            os.killpg(self.parent.pid, signal.SIGKILL)
        self.parent.wait()


def _end_with_parent() -> None:
    """Have the system ask this process to end when the watchdog is killed: nobody would watch the cluster then.

    Linux alone can do that; elsewhere the cluster lives on, and leases keep it from harming the next one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
