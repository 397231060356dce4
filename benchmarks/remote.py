"""An object in a process of its own: contestants share neither memory nor caches, and each peak is its own."""

from __future__ import annotations

import importlib
import traceback
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Remote:
    """Makes the object in a new process and calls its methods there; use as a context manager.

    What makes it is named, as `module:function`, so that only the new process imports what it needs.
    """

    def __init__(self, make: str, *args: Any) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def call(self, method: str, *args: Any) -> Any:
        """What the method returns; raises RuntimeError with the traceback of the other process."""
        self._pipe.send((method, args))
        return self._answer()

    def peak_memory(self) -> float:
        """The most memory the process has held so far (VmHWM), MB."""
        return peak_memory(self._process.pid or 0)

    def _answer(self) -> Any:
        failed, answer = self._pipe.recv()
        if failed:
            raise RuntimeError(answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._pipe.close()
        self._process.join(timeout=10)
        self._process.terminate()


def peak_memory(pid: int) -> float:
    """VmHWM of a process, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _serve(pipe: Connection, make: str, args: tuple[Any, ...]) -> None:
    try:
        module, _, name = make.partition(":")
        target = getattr(importlib.import_module(module), name)(*args)
        pipe.send((False, None))
        while True:
            method, given = pipe.recv()
            try:
                pipe.send((False, getattr(target, method)(*given)))
            except Exception:
                pipe.send((True, traceback.format_exc()))
    except EOFError:
        return
    except Exception:
        pipe.send((True, traceback.format_exc()))
