"""A site that answers over HTTP as in production, on a new database of its own."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.product import ROOT
from benchmarks.site import DATABASES, site

HOST, PORT = "127.0.0.1", 18_143
WORKERS, THREADS = 2, 4


@dataclass(frozen=True)
class Served:
    """The key that opens its collector, and the process of the server."""

    key: str
    server: subprocess.Popen[bytes]

    def workers(self) -> list[int]:
        """The process ids of the server's workers that live."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        return [int(pid) for pid in children if _is_worker(pid)]


@contextmanager
def served(database: str) -> Iterator[Served]:
    """Inside, the site runs, and Django is set up for its database. Once in a process."""
    with site(database):
        key = _make_key()
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(PORT)]
        command += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--respawn-failed-workers"]
        command += ["--log-level", "critical", "cohortsite.wsgi:application"]
        # It logs what it refuses, which is much here.
        server = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
        try:
            _wait_until_up()
            yield Served(key, server)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def parser(about: str | None) -> argparse.ArgumentParser:
    """What all three tools are asked."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--database", choices=DATABASES, required=True)
    return made


def _make_key() -> str:
    from django.utils import timezone  # noqa: PLC0415 - Django is set up only now

    from ingest.keys import make_key  # noqa: PLC0415
    from ingest.models import Scope  # noqa: PLC0415

    return make_key("benchmark", [Scope.COLLECTOR], timezone.now())[1]


def _is_worker(pid: str) -> bool:
    try:
        return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _wait_until_up() -> None:
    for _ in range(3000):
        try:
            with socket.create_connection((HOST, PORT), timeout=5) as connection:
                connection.sendall(b"GET /health/probe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if connection.recv(100).split()[1:2] == [b"200"]:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the site did not start")
