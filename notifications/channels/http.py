"""All HTTP that leaves the site for an address that a person typed: bounded in time and size, never redirected.

One place, so that what an address may be and where a connection may go is decided once (`addresses`).
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPResponse, RemoteDisconnected
from typing import IO

import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import Url, parse_url

from notifications.channels import addresses
from notifications.channels.base import ANSWER_LIMIT, DeliveryError
from notifications.channels.call import Call, out_of_time

CONNECT, READ = 3.0, 10.0
"""Seconds to connect, and between two bytes."""
USER_AGENT = "cohortsite/0.1 (+webhook)"
LONGEST_URL = 2048
_URL_CHARACTERS = re.compile(r"[!-~\u00a1-\U0010ffff]+")


@dataclass(frozen=True)
class Answer:
    """What came back; of the body the start, as text."""

    status: int
    body: str
    retry_after: float | None


def check_url(url: str) -> None:
    """Raise ValueError with a sentence when this may not be posted to, as far as its text shows it."""
    if len(url) > LONGEST_URL or not _URL_CHARACTERS.fullmatch(url) or "\\" in url:
        raise ValueError(f"expected an address of at most {LONGEST_URL} characters without spaces")
    parts = _parts(url)
    schemes = ("https", "http") if settings.ALLOW_HTTP_WEBHOOKS else ("https",)
    if parts.scheme not in schemes:
        raise ValueError(f"expected an address that starts with {' or '.join(f'{name}://' for name in schemes)}")
    if parts.auth is not None:
        raise ValueError("expected an address without a user name or password in it")
    if not parts.host or parse_url(url).port == 0:
        raise ValueError("expected an address with a host")
    if parts.fragment is not None:
        raise ValueError("expected an address without a fragment (#)")
    addresses.check_host(parts.host.strip("[]"))
    addresses.check_port(_port(parts))


def check_target(url: str) -> None:
    """Raise ValueError with a sentence when this may not be posted to, also by what its host name stands for now.

    A name that is not found passes: it may come to be, and each connection judges again.
    """
    check_url(url)
    parts = _parts(url)
    try:
        addresses.look_up((parts.host or "").strip("[]"), _port(parts), CONNECT)
    except addresses.Blocked:
        raise ValueError("expected a host outside of private and reserved networks") from None
    except OSError:
        return


def _parts(url: str) -> Url:
    """As the library that sends takes it apart: two parsers may differ. Raises ValueError with a sentence."""
    try:
        return parse_url(requests.Request("POST", url).prepare().url or "")
    except (requests.RequestException, urllib3.exceptions.LocationParseError, ValueError):
        raise ValueError("expected an address such as https://example.com/hooks") from None


def _port(parts: Url) -> int:
    return parts.port or (addresses.HTTP_PORT if parts.scheme == "http" else 443)


def post(url: str, body: bytes, headers: Mapping[str, str], *, limit: int = ANSWER_LIMIT) -> Answer:
    """Post the bytes and return what came back, whatever its status, with at most `limit` bytes of its body.

    Raises DeliveryError when nothing came back.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise DeliveryError(f"the address is not allowed: {error}", permanent=True, status="blocked") from None
    sent = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity", **headers}
    with (
        Call() as call,
        _failures_explained(call),
        _session() as session,
        session.post(url, body, headers=sent, timeout=(CONNECT, READ), allow_redirects=False, stream=True) as response,
    ):
        return Answer(response.status_code, _start_of(response, limit), _retry_after(response))


def _start_of(response: requests.Response, limit: int) -> str:
    """The status has decided already: a body that breaks off is kept as far as it came."""
    start = b""
    with contextlib.suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
        while len(start) < limit and (more := response.raw.read1(limit - len(start))):
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
def _failures_explained(call: Call) -> Iterator[None]:
    """Failures by class: the library's own texts hold addresses, which may be secrets."""
    try:
        yield
    except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise _explained(error, call) from None


def _explained(error: Exception, call: Call) -> DeliveryError:
    if call.is_over:
        return out_of_time()
    match error:
        case requests.exceptions.SSLError():
            return DeliveryError("TLS failed: the certificate or the protocol was not accepted", status="TLS")
        case requests.exceptions.ConnectTimeout():
            return DeliveryError(f"no connection within {CONNECT:g} s", status="timeout")
        case requests.exceptions.Timeout():
            return DeliveryError(f"no answer within {READ:g} s", status="timeout")
        case requests.exceptions.ConnectionError():
            return _broken(error)
    return DeliveryError(f"the request failed ({type(error).__name__})", status="failed")


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
        session.trust_env = False  # no proxies, no certificates and no .netrc credentials from the environment
        session.verify = settings.WEBHOOK_CA_BUNDLE or True
        session.mount("https://", _Adapter())
        session.mount("http://", _Adapter())
        yield session


def _connect(connection: HTTPConnection) -> socket.socket:
    """A connection to an address of the host that was found to be allowed, the first that takes it."""
    call = Call.current()
    host, port = connection._dns_host, connection.port or 0
    try:
        found = addresses.look_up(host, port, min(CONNECT, call.left))
    except addresses.Blocked:
        raise DeliveryError("the host is in a network to which nothing is sent", status="blocked") from None
    except TimeoutError:
        raise ConnectTimeoutError(connection, "no address in time") from None
    except OSError as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(*error.args)) from None
    try:
        return call.connect(found, CONNECT)
    except TimeoutError:
        raise ConnectTimeoutError(connection, "no connection in time") from None
    except OSError:
        raise NewConnectionError(connection, "no address took the connection") from None


class _Head:
    """Lines of an answer's head. A peer that is gone amid them did not answer: the standard library would take
    what came so far for a whole head, and half of a status for success."""

    def __init__(self, lines: IO[bytes]) -> None:
        self.lines = lines

    def readline(self, limit: int) -> bytes:
        line = self.lines.readline(limit)
        if not line.endswith(b"\n") and len(line) < limit:
            raise RemoteDisconnected("amid its head")
        return line

    def close(self) -> None:
        self.lines.close()


class _Response(HTTPResponse):
    def begin(self) -> None:
        body = self.fp
        self.fp = _Head(body)  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = None if body.closed else body  # type: ignore[assignment]


class _HTTPConnection(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: object, **options: object) -> None:
        super().init_poolmanager(*args, **options)  # type: ignore[arg-type, no-untyped-call, unused-ignore]
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
