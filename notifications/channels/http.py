"""All HTTP that leaves the site for an address that a person typed: bounded in time and size, never redirected.

One place, so that what an address may be and where a connection may go is decided once.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from threading import Timer
from urllib.parse import urlsplit

import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from notifications.channels.base import ANSWER_LIMIT, DeliveryError

CONNECT, READ, TOTAL = 3.0, 10.0, 15.0
"""Seconds to connect, between two bytes, and in all."""
USER_AGENT = "cohortsite/0.1 (+webhook)"
LONGEST_URL = 2048
_URL_CHARACTERS = re.compile(r"[!-~\u00a1-\U0010ffff]+")

_sockets: ContextVar[list[socket.socket]] = ContextVar("_sockets")
"""The connections of the request that this thread makes."""


@dataclass(frozen=True)
class Answer:
    """What came back: at most ANSWER_LIMIT bytes of body, as text."""

    status: int
    body: str
    retry_after: float | None


def check_url(url: str) -> None:
    """Raise ValueError with a sentence when this may not be posted to."""
    if len(url) > LONGEST_URL or not _URL_CHARACTERS.fullmatch(url) or "\\" in url:
        raise ValueError(f"expected an address of at most {LONGEST_URL} characters without spaces")
    parts = urlsplit(url)
    schemes = ("https", "http") if settings.ALLOW_HTTP_WEBHOOKS else ("https",)
    if parts.scheme not in schemes:
        raise ValueError(f"expected an address that starts with {' or '.join(f'{name}://' for name in schemes)}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("expected an address without a user name or password in it")
    if not parts.hostname or parts.port == 0:  # reading the port raises ValueError when it is none
        raise ValueError("expected an address with a host")
    if parts.fragment:
        raise ValueError("expected an address without a fragment (#)")


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post the bytes and return what came back, whatever its status. Raises DeliveryError when nothing did."""
    try:
        check_url(url)
    except ValueError as error:
        raise DeliveryError(f"the address is not allowed: {error}", permanent=True) from None
    sent = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
    with (
        _deadline(TOTAL),
        _session() as session,
        _failures_explained(),
        session.post(url, body, headers=sent, timeout=(CONNECT, READ), allow_redirects=False, stream=True) as response,
    ):
        return Answer(response.status_code, _start_of(response), _retry_after(response))


def _start_of(response: requests.Response) -> str:
    """The status has decided already: a body that breaks off is kept as far as it came."""
    start = b""
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
        while len(start) < ANSWER_LIMIT and (more := response.raw.read1(ANSWER_LIMIT - len(start))):
            start += more
    return start.decode("utf-8", "replace").replace("\0", "\ufffd")


def _retry_after(response: requests.Response) -> float | None:
    given = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", given):
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


@contextmanager
def _failures_explained() -> Iterator[None]:
    """Failures by class: the library's own texts hold addresses, which may be secrets."""
    try:
        yield
    except requests.exceptions.SSLError:
        raise DeliveryError("TLS failed: the certificate or the protocol was not accepted", status="TLS") from None
    except requests.exceptions.ConnectTimeout:
        raise DeliveryError(f"no connection within {CONNECT:g} s", status="timeout") from None
    except requests.exceptions.Timeout:
        raise DeliveryError(f"no answer within {READ:g} s", status="timeout") from None
    except requests.exceptions.ConnectionError as error:
        raise _broken(error) from None
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise DeliveryError(f"the request failed ({type(error).__name__})", status="failed") from None


def _broken(error: requests.exceptions.ConnectionError) -> DeliveryError:
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return DeliveryError("the host name was not found", status="no host")
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return DeliveryError("the connection was refused or the host is unreachable", status="refused")
    return DeliveryError("the connection broke off before an answer came", status="broken off")


@contextmanager
def _session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxies and no .netrc credentials from the environment
        session.mount("https://", _Adapter())
        session.mount("http://", _Adapter())
        yield session


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Cut the connections made inside after so many seconds: a read timeout starts anew with every byte."""
    opened: list[socket.socket] = []
    token = _sockets.set(opened)
    watchdog = Timer(seconds, _cut, [opened])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        _sockets.reset(token)


def _cut(opened: list[socket.socket]) -> None:
    for connection in opened:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, whose own shutdown would wait


class _HTTPConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _sockets.get().append(self.sock)


class _HTTPSConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            _sockets.get().append(self.sock)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options)  # type: ignore[arg-type, no-untyped-call, unused-ignore]
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
