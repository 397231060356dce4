"""Senders: threads with one connection each, and the bodies they send.

They write prepared bytes to a socket and read the answer's status, so that little of the machine, which they share with
the server, goes to them.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.collector.served import HOST, PORT

SENDERS, USERS, COMPANIES, BODIES = 4, 20_000, 1_000, 20
MARK = b"@" * 13
"""Stands in every transaction id; replaced before a body is sent, so that no event is sent twice."""


def make_body(chance: random.Random, events: int) -> bytes:
    """A batch of so many events."""
    return json.dumps([make_event(chance, number) for number in range(events)]).encode()


def make_event(chance: random.Random, number: int) -> dict[str, Any]:
    """A call as a middleware sends it, with headers of which some are dropped and a path with an id."""
    second = chance.randrange(60)
    return {
        "transaction_id": f"{MARK.decode()}-{number}",
        "request": {
            "time": f"2026-03-02T11:00:{second:02}.123",
            "verb": chance.choice(["GET", "POST"]),
            "uri": f"https://api.acme.test/orders/{chance.randrange(10**6)}/items?page=2",
            "headers": {"User-Agent": "curl/8", "Authorization": "Bearer x", "Accept": "application/json"},
            "ip_address": "203.0.113.9",
        },
        "response": {
            "time": f"2026-03-02T11:00:{second:02}.250",
            "status": chance.choice([200, 200, 200, 400]),
            "headers": {"Content-Type": "application/json", "Set-Cookie": "x"},
        },
        "user_id": f"user-{chance.randrange(USERS)}",
        "company_id": f"company-{chance.randrange(COMPANIES)}",
        "metadata": {"plan": "pro", "region": "eu", "amount": chance.randrange(100)},
    }


@dataclass(frozen=True)
class Request:
    """A POST, and how many events it brings when it is taken; MARK in its body becomes another text each time."""

    path: str
    body: bytes
    events: int = 0
    headers: str = ""

    def sent_as(self, key: str, mark: str) -> bytes:
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(self.body)}\r\n"
        head += f"Content-Type: application/json\r\nX-Moesif-Application-Id: {key}\r\n{self.headers}\r\n"
        return head.encode() + self.body.replace(MARK, mark.encode())


def batches(events: int) -> list[Request]:
    """Requests with so many events each, no two alike."""
    return [Request("/v1/events/batch", make_body(random.Random(n), events), events) for n in range(BODIES)]


class Connection:
    """One connection that is kept open; after a fault the next request opens another."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def post(self, request: bytes) -> int:
        """Send the request; returns the status of its answer. Raises OSError where none comes."""
        try:
            self._socket = self._socket or socket.create_connection((HOST, PORT), timeout=60)
            self._socket.sendall(request)
            return self._status()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _status(self) -> int:
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        left = length - (len(answer) - end - 4)
        while left > 0:
            left -= len(self._more())
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    def _more(self) -> bytes:
        assert self._socket is not None
        if part := self._socket.recv(65_536):
            return part
        raise ConnectionResetError("closed before the answer")


@dataclass
class Sent:
    """What was seen; `marks` are those of the requests that were answered 201, with their number of events."""

    events: int = 0
    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    marks: dict[str, int] = field(default_factory=dict)

    def add(self, other: Sent) -> None:
        self.events += other.events
        self.seconds += other.seconds
        self.broken += other.broken
        self.marks |= other.marks
        for status, times in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + times


def send(key: str, chosen: Callable[[int], Iterator[Request]], seconds: float, pause: float = 0) -> Sent:
    """What SENDERS threads send until the time is over; `chosen` gives the requests of the one with this number.

    What is not answered is sent again, as it was. `pause`: seconds between the requests of one of them.
    """
    whole, lock, end = Sent(), threading.Lock(), time.monotonic() + seconds

    def run(number: int) -> None:
        own = _send_until(end, key, chosen(number), pause)
        with lock:
            whole.add(own)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return whole


def _send_until(end: float, key: str, requests: Iterator[Request], pause: float) -> Sent:
    own, connection = Sent(), Connection()
    while time.monotonic() < end:
        request, mark = next(requests), f"t{os.urandom(6).hex()}"  # hex alone may be a number, such as 1234567e-5
        content = request.sent_as(key, mark)
        while True:
            started = time.perf_counter()
            try:
                status = connection.post(content)
                break
            except OSError:
                own.broken += 1
                time.sleep(0.1)  # a worker was killed, and its place is not yet taken
        own.seconds.append(time.perf_counter() - started)
        own.statuses[status] = own.statuses.get(status, 0) + 1
        if status == 201 and request.events:
            own.events += request.events
            own.marks[mark] = request.events
        if pause:
            time.sleep(pause)
    with suppress(OSError):
        connection.close()
    return own
