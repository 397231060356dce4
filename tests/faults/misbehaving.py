"""A server on loopback that does what no server should: each behavior takes the connection after the request came."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

Behavior = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"
closing = Event()
"""Set when the server goes: no behavior outlives its test for long."""


class Misbehaving:
    """Accepts connections, over TLS where it has a context, and lets the behavior answer. `requests` are kept, unless
    the server speaks first."""

    def __init__(self, behavior: Behavior, tls: ssl.SSLContext | None = None, *, listens: bool = True) -> None:
        self.behavior, self.tls, self.listens = behavior, tls, listens
        self.requests: list[bytes] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/hooks/token-canary"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self.tls is None:
                self._answer(connection)
            else:
                with self.tls.wrap_socket(connection, server_side=True) as secured:
                    self._answer(secured)

    def _answer(self, connection: socket.socket) -> None:
        if self.listens:
            self.requests.append(whole_request(connection))
        self.behavior(connection)


def whole_request(connection: socket.socket) -> bytes:
    """With its body: closing on unread bytes would reset the connection, and the answer be lost."""
    request = b""
    while more := connection.recv(65_536):
        request += more
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and length and len(body) >= int(length[1]):
            break
    return request


@contextmanager
def misbehaving(
    behavior: Behavior, tls: ssl.SSLContext | None = None, *, listens: bool = True
) -> Iterator[Misbehaving]:
    """The server, for as long as the block runs."""
    closing.clear()
    server = Misbehaving(behavior, tls, listens=listens)
    try:
        yield server
    finally:
        closing.set()
        server.listening.close()


def answers(status: str, *headers: str, body: bytes = b"") -> Behavior:
    """A plain answer."""
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + body)


def for_ever(send: Callable[[], object], pause: float = 0) -> None:
    """Repeat until the peer is gone or the test over."""
    while not closing.is_set():
        send()
        if pause:
            time.sleep(pause)


def says_nothing_at_all(connection: socket.socket) -> None:
    """Not even the request is read; with TLS expected, the handshake hangs."""
    closing.wait(30)


def hangs(connection: socket.socket) -> None:
    closing.wait(30)


def hangs_after_headers(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 5\r\n\r\n")
    closing.wait(30)


def drips_its_status(connection: socket.socket) -> None:
    """A byte now and then, so that no read of its own times out."""
    for_ever(lambda: connection.sendall(b"H"), 0.1)


def drips_its_headers(connection: socket.socket) -> None:
    connection.sendall(OK + b"X-Slow: ")
    for_ever(lambda: connection.sendall(b"x"), 0.1)


def drips_its_body(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
    for_ever(lambda: connection.sendall(b"x"), 0.1)


def sends_headers_without_end(connection: socket.socket) -> None:
    connection.sendall(OK)
    for_ever(lambda: connection.sendall(b"X-More: and more\r\n" * 50))


def sends_a_header_without_end(connection: socket.socket) -> None:
    connection.sendall(OK + b"X-Long: ")
    for_ever(lambda: connection.sendall(b"x" * 65_536))


def continues_without_end(connection: socket.socket) -> None:
    for_ever(lambda: connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n"), 0.01)


def sends_100_mb(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Length: 100000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x" * 1_000_000)


def pack(megabytes: int) -> bytes:
    """Zeros, in a thousandth of their size."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(b"\0" * 1_000_000) for _ in range(megabytes)]) + packer.flush()


BOMB = pack(100)


def sends_a_bomb(connection: socket.socket) -> None:
    connection.sendall(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB)


def resets(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closes_half_way(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 O")


def talks_nonsense(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)


SMTP = {
    "greeting": b"220 mail\r\n",
    "RCPT": b"250 yes\r\n",
    "DATA": b"354 go on\r\n",
    "content": b"250 taken\r\n",
    "QUIT": b"221 bye\r\n",
}
"""What a mail server answers at steps that tests name."""


def speaks_smtp_slowly(at: str) -> Behavior:
    """A mail server that at one step sends the start of its answer, and then a byte now and then."""

    def answer(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        step = "greeting"
        while step:
            said = SMTP.get(step, b"250 yes\r\n")
            if step == at:
                connection.sendall(said[:6])
                for_ever(lambda: connection.sendall(b"."), 0.1)
            connection.sendall(said)
            if step == "DATA":
                step = "content" if any(line == b".\r\n" for line in lines) else ""
            else:
                step = lines.readline()[:4].decode().upper()

    return answer
