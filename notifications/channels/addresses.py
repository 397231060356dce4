"""Where requests may go: hosts, addresses and ports, judged when a channel is saved and again at each connection.

An address is refused unless it is one of the public internet. What a name stands for is looked up once for each
connection, every address that it gave is judged, and the connection goes to the one that was judged: a name that
changes its mind in between (rebinding) gains nothing.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from django.conf import settings

Network = IPv4Network | IPv6Network
Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""As `socket.getaddrinfo` gives it: family, type, protocol, name, address."""

PORTS = (443, 8443)
HTTP_PORT = 80
"""Open only where `http://` is allowed."""

DENIED = tuple(
    ip_network(text)
    for text in (
        # IPv4: this network, private, shared, loopback, link-local (metadata), private, protocols, documentation
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        # AS112, AMT, 6to4 relays, multicast, reserved and broadcast
        "192.31.196.0/24", "192.175.48.0/24", "192.52.193.0/24", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host: public by its number, the inside by its nature
        # IPv6, all that is not global unicast: ::1, IPv4 in IPv6, NAT64, ULA, link-local, site-local, multicast
        "::/3", "4000::/2", "8000::/1",
        # inside global unicast: Teredo and other protocols, documentation, 6to4, AS112
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48",
    )
)  # fmt: skip
"""Nothing behind these is a receiver on the internet. Listed, not asked of `ipaddress`, whose answers change with
the version of Python."""

_NAME = re.compile(
    r"(?=.{1,253}\.?$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?"
)
_NUMBER = re.compile(r"(?:\d+|0x[0-9a-f]*)\.?")


def warning() -> str:
    """What whoever manages channels must know of this site's settings; empty while nothing inside is open."""
    if not settings.WEBHOOK_ALLOW_CIDRS:
        return ""
    return (
        "Webhooks of this site may go to addresses in private networks: "
        f"{', '.join(settings.WEBHOOK_ALLOW_CIDRS)} (WEBHOOK_ALLOW_CIDRS). "
        "Whoever manages channels can make the site send requests there."
    )


class Blocked(Exception):
    """The host stands for an address to which nothing is sent. Does not say which: that is the network's business."""


def check_host(host: str) -> None:
    """Raise ValueError with a sentence when this is no name and no address in its usual form, or a denied address.

    `host` as it stands in a URL, without brackets, lower case. Addresses as one number, in octal or shortened are
    refused: parsers disagree on them.
    """
    try:
        address = ip_address(host)
    except ValueError:
        if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host.rpartition(".")[2] or host.split(".")[-2]):
            raise ValueError("expected an address with a host name, or with an IP address in its usual form") from None
        return
    if not is_allowed(address):
        raise ValueError("expected an address outside of private and reserved networks")


def check_port(port: int) -> None:
    """Raise ValueError with a sentence when requests may not go to this port."""
    opened = [*PORTS, *([HTTP_PORT] if settings.ALLOW_HTTP_WEBHOOKS else [])]
    if port not in opened and not any(first <= port <= last for first, last in _ranges(settings.WEBHOOK_ALLOW_PORTS)):
        listed = ", ".join(map(str, sorted(opened)))
        raise ValueError(f"expected one of the ports {listed}; an administrator can allow others")


def is_allowed(address: IPv4Address | IPv6Address) -> bool:
    """Whether a connection may go there."""
    if _is_within(address, settings.WEBHOOK_DENY_CIDRS):
        return False
    return _is_within(address, settings.WEBHOOK_ALLOW_CIDRS) or not any(address in network for network in DENIED)


def look_up(host: str, port: int, seconds: float) -> Sequence[Found]:
    """The addresses of a host, all of them allowed. Raises Blocked, OSError (no such name), TimeoutError."""
    found = resolve(host, port, seconds)
    # One that is denied among others that are not is how a rebinding name looks.
    if not found or not all(is_allowed(ip_address(address[0])) for *_, address in found):
        raise Blocked
    return found


def resolve(host: str, port: int, seconds: float) -> Sequence[Found]:
    """The addresses of a host, wherever they lead. Raises OSError (no such name), TimeoutError.

    In a thread of its own: the system's resolver has no timeout that a caller could set.
    """
    answers: SimpleQueue[Sequence[Found] | Exception] = SimpleQueue()
    Thread(target=_ask, args=(host, port, answers), daemon=True).start()
    try:
        found = answers.get(timeout=max(seconds, 0))
    except Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found


def _ask(host: str, port: int, answers: SimpleQueue[Sequence[Found] | Exception]) -> None:
    try:
        answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except UnicodeError:  # a label that is too long, or empty
        answers.put(socket.gaierror(socket.EAI_NONAME, "no such name"))
    except OSError as error:
        answers.put(error)


def _is_within(address: IPv4Address | IPv6Address, networks: Iterable[str]) -> bool:
    return any(address in network for network in _networks(tuple(networks)))


@cache
def _networks(texts: tuple[str, ...]) -> Sequence[Network]:
    return [ip_network(text) for text in texts]


def _ranges(texts: Iterable[str]) -> list[tuple[int, int]]:
    """`8080` and `9000-9010` as borders."""
    pairs = (text.partition("-") for text in texts)
    return [(int(first), int(last or first)) for first, _, last in pairs]
