"""Settings that open doors are judged at the start: a slip in one must not show itself in the first delivery."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def check_networks(name: str, texts: Iterable[str]) -> None:
    """Raise ImproperlyConfigured unless each is a network."""
    for text in texts:
        try:
            ip_network(text)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: expected networks such as 10.0.0.0/8: {error}") from None


def check_ports(name: str, texts: Iterable[str]) -> None:
    """Raise ImproperlyConfigured unless each is a port or a range of them."""
    for text in texts:
        if not re.fullmatch(r"\d{1,5}(-\d{1,5})?", text):
            raise ImproperlyConfigured(f"{name}: expected ports such as 8080 or 9000-9010, not {text!r}")


def check_file(name: str, path: str) -> None:
    """Raise ImproperlyConfigured when a file is named that is not there."""
    if path and not Path(path).is_file():
        raise ImproperlyConfigured(f"{name}: expected a file, not {path!r}")
