"""The processes of the demo, each in a session of its own, so that Ctrl-C reaches the demo alone and it ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests

PATIENCE = 150.0
"""Seconds a process may take to finish its work."""


class Process:
    """One long-running command whose output goes to a log file."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.popen = subprocess.Popen(
                [sys.executable, *command],
                env={**os.environ, "LOG_LEVEL": "INFO"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, which nobody asked for while the demo runs."""
        return self.popen.poll() is not None

    def ask_to_end(self) -> None:
        """SIGTERM to the process itself; it ends its own children."""
        self.popen.terminate()

    def end(self) -> None:
        """Wait until it has ended; kill what is left of its session."""
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


def end_all(processes: list[Process]) -> None:
    """End them together."""
    for process in processes:
        process.ask_to_end()
    for process in processes:
        process.end()


def answers(url: str, seconds: float) -> bool:
    """Whether a GET of the address succeeds within so many seconds."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=2).ok:
                return True
        time.sleep(0.2)
    return False
