"""The chart of an alert as it travels: frozen as numbers, as a line of characters, and by an address of its own.

A picture is drawn when it is needed (`drawing`): what is stored of a message stays small, and whoever judges the
metrics does not wait for pictures.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings
from django.core import signing
from django.urls import reverse

from notifications.message import AlertChart

BARS = "▁▂▃▄▅▆▇█"
NOTHING = "·"
"""In place of a bar, where nothing is known."""
WIDEST = 30
"""Characters of a line of bars; of more points the newest are shown."""
LIFE = timedelta(days=30)
"""How long the address of a chart holds: for all attempts, and for who reads the message later."""
_SIGNER = signing.Signer(salt="notifications.chart")


def freeze(chart: AlertChart) -> Any:
    """The chart as JSON holds it."""
    return msgspec.to_builtins(chart)


def thaw(frozen: Any) -> AlertChart:
    """The chart that was frozen. Raises msgspec.ValidationError."""
    return msgspec.convert(frozen, AlertChart)


def bars(chart: AlertChart) -> str:
    """The newest points as a line of block characters, the lowest bar for the least of them: `▂▂▃▂▂▂█`."""
    values = [point.value for point in chart.points[-WIDEST:]]
    known = [value for value in values if value is not None]
    if not known:
        return ""
    lowest, height = min(known), max(known) - min(known)
    return "".join(NOTHING if value is None else _bar((value - lowest) / height if height else 0) for value in values)


def _bar(share: float) -> str:
    return BARS[round(share * (len(BARS) - 1))]


def chart_url(delivery: str, created_at: datetime) -> str:
    """Where anyone who knows this address sees the chart of the delivery, for as long as LIFE."""
    token = _SIGNER.sign_object([delivery, int((created_at + LIFE).timestamp())], compress=True)
    return f"{settings.SITE_URL}{reverse('signed_chart', args=[token])}"


def charted(token: str, now: datetime) -> str | None:
    """The id of the delivery whose chart the token shows; none when it is not of this site, or is over."""
    try:
        delivery, until = _SIGNER.unsign_object(token)
    except (signing.BadSignature, ValueError):
        return None
    return str(delivery) if now.timestamp() < until else None


def is_reachable() -> bool:
    """Whether others on the internet may be able to fetch what this site serves, as far as its address says."""
    site = urlsplit(settings.SITE_URL)
    host = site.hostname or ""
    try:
        public = ip_address(host).is_global
    except ValueError:
        public = "." in host and not host.endswith((".local", ".internal", ".localhost", ".test", ".invalid"))
    return site.scheme == "https" and public
