"""How many items a key may send in a minute, where an administrator set a limit."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, F, Value, When

from ingest.models import ApiKey
from ingest.problems import Problem


class TooMany(Problem):
    """The key has sent what it may in this minute; `wait` seconds are left of it."""

    def __init__(self, limit: int, wait: int) -> None:
        super().__init__(429, "rate_limited", f"The key may send {limit:,} items a minute. Try again in {wait} s.")
        self.wait = wait


def count_items(key: ApiKey, items: int, now: datetime) -> None:
    """Count items that a key sends. Raises TooMany once its limit was reached; what begins below it is taken whole."""
    if key.items_per_minute is None:
        return
    minute = int(now.timestamp()) // 60
    same = When(minute=minute, then=F("items_in_minute") + items)
    ApiKey.objects.filter(pk=key.pk).update(items_in_minute=Case(same, default=Value(items)), minute=minute)
    counted = ApiKey.objects.filter(pk=key.pk, minute=minute).values_list("items_in_minute", flat=True).first()
    if counted is not None and counted - items >= key.items_per_minute:
        raise TooMany(key.items_per_minute, 60 - int(now.timestamp()) % 60)
