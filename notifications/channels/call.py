"""A call that leaves the site: it ends in time whatever the peer does, since what it opened is cut then."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable
from contextvars import ContextVar
from threading import Timer
from typing import Any

from notifications.channels.addresses import Found
from notifications.channels.base import DeliveryError

TOTAL = 15.0
"""Seconds in all."""

_call: ContextVar[Call] = ContextVar("_call")
"""The call that this thread makes."""


class Call:
    """A call under way, for as long as the block runs."""

    def __init__(self) -> None:
        self._ends = time.monotonic() + TOTAL
        self._opened: list[socket.socket] = []
        self._watchdog = Timer(TOTAL, self._cut)
        self._watchdog.daemon = True

    @staticmethod
    def current() -> Call:
        """That of this thread, for libraries which open connections deep inside."""
        return _call.get()

    def __enter__(self) -> Call:
        self._token = _call.set(self)
        self._watchdog.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._watchdog.cancel()
        _call.reset(self._token)
        for connection in self._opened:
            connection.close()

    @property
    def left(self) -> float:
        """Seconds until it is cut."""
        return self._ends - time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it was cut: what came so far may be half of an answer."""
        return self.left <= 0

    def connect(self, addresses: Iterable[Found], seconds: float) -> socket.socket:
        """A connection to the first of the addresses that takes it. Raises OSError, TimeoutError."""
        until = time.monotonic() + min(seconds, self.left)
        fault = OSError("no address")
        for family, kind, protocol, _, address in addresses:
            try:
                return self._open(socket.socket(family, kind, protocol), address, until - time.monotonic())
            except OSError as error:
                fault = error
        raise fault

    def _open(self, opening: socket.socket, address: Any, seconds: float) -> socket.socket:
        try:
            if seconds <= 0:
                raise TimeoutError
            self._watch(opening)
            opening.settimeout(seconds)
            opening.connect(address)
            opening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            opening.close()
            raise
        return opening

    def _watch(self, connection: socket.socket) -> None:
        """Cut this one too. A duplicate is kept: TLS takes the socket itself over."""
        self._opened.append(connection.dup())
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        for connection in list(self._opened):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def out_of_time() -> DeliveryError:
    """What became of a call that was cut."""
    return DeliveryError(f"no whole answer within {TOTAL:g} s", status="timeout")
