"""One of everything, so that pages are full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class World:
    """One of everything, so that pages are full."""

    user: Any
    company: Any
    cohort: Any
    listed: Any
    backtest: Any
    event: Any
    channel: Any
    subscription: Any
    delivery: Any
    hold: Any
    mail: Any
    rule: Any
    alert: Any
    window: Any
    charted: Any
