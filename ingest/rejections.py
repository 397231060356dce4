"""What was refused, by sender and reason, counted by the hour and kept for a while: so a broken sender is found."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from ingest.models import ApiKey, Rejection
from ingest.rows import time_parameter

logger = logging.getLogger(__name__)

KEPT = timedelta(days=14)
MOST_REASONS = 100
"""Different reasons that one key can have in one hour; more of them are counted together."""
OTHERS = "other reasons"
_LONGEST = 300


def record_rejections(key: ApiKey, path: str, sender: str, reasons: Iterable[str], now: datetime) -> None:
    """Count what was refused of a request. Never fails: what cannot be counted now is only in the log."""
    counts = Counter(reason[:_LONGEST] for reason in reasons)
    hour = now.replace(minute=0, second=0, microsecond=0)
    try:
        with transaction.atomic():
            _count(key, path, sender[:100], _bounded(key, hour, counts), hour, now)
    except DatabaseError as error:
        logger.warning("rejected items were not counted: %s", error)


def prune_rejections(now: datetime) -> None:
    """Forget what was refused long ago."""
    Rejection.objects.filter(last_at__lt=now - KEPT).delete()


def _bounded(key: ApiKey, hour: datetime, counts: Counter[str]) -> Counter[str]:
    """The counts, with reasons beyond MOST_REASONS counted together."""
    known = set(Rejection.objects.filter(key=key, hour=hour).values_list("reason", flat=True))
    bounded: Counter[str] = Counter()
    for reason, items in counts.items():
        if reason not in known and len(known) >= MOST_REASONS:
            reason = OTHERS
        known.add(reason)
        bounded[reason] += items
    return bounded


def _count(key: ApiKey, path: str, sender: str, counts: Counter[str], hour: datetime, now: datetime) -> None:
    table = Rejection._meta.db_table
    at, hour_at = time_parameter(now), time_parameter(hour)
    with connection.cursor() as cursor:
        for reason, items in sorted(counts.items()):  # sorted: concurrent writers wait for each other in one order
            cursor.execute(
                f'INSERT INTO "{table}" (key_id, path, sender, reason, hour, items, first_at, last_at) '
                "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key_id, hour, path, sender, reason) DO UPDATE "
                f'SET items = "{table}".items + excluded.items, last_at = excluded.last_at',
                [key.pk, path, sender, reason, hour_at, items, at, at],
            )
