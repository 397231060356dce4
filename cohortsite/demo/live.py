"""Traffic while the demo is up, sent to the collector over HTTP as any client would."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import requests

from cohortsite.demo.traffic import Item, live_newcomer, traffic

FEED_EVERY = timedelta(seconds=15)
NEWCOMER_EVERY = timedelta(seconds=45)


class Feed:
    """Sends what happened since it last did, and now and then somebody new who is stuck."""

    def __init__(self, site: str, api_key: str, anchor: datetime, since: datetime) -> None:
        self.site, self.anchor = site, anchor
        self.headers = {"X-Moesif-Application-Id": api_key}
        self.sent_until = since
        self.newcomer_at = since - NEWCOMER_EVERY

    def send(self, now: datetime) -> bool:
        """Send what is due at `now`; whether something was. Raises requests.RequestException."""
        if now < self.sent_until + FEED_EVERY:
            return False
        items = traffic(self.anchor, self.sent_until, now)
        if now >= self.newcomer_at + NEWCOMER_EVERY:
            items += live_newcomer(now)
            self.newcomer_at = now
        self._post(items)
        self.sent_until = now
        return True

    def _post(self, items: list[Item]) -> None:
        batches: dict[str, list[Any]] = defaultdict(list)
        for item in items:
            for kind, content in item.items():
                batches["companies" if kind == "company" else f"{kind}s"].append(content)
        for path, batch in batches.items():
            answer = requests.post(f"{self.site}/v1/{path}/batch", json=batch, headers=self.headers, timeout=15)
            answer.raise_for_status()
