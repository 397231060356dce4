"""What was received and is not in the columns yet: whoever counts events once and for all waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from ingest.models import Event, SealQueue

TICK = timedelta(microseconds=1)


def complete_until(now: datetime) -> datetime:
    """The last instant up to which every event that was received is in the columns; at the latest now."""
    waiting = SealQueue.objects.filter(source=SealQueue.Source.EVENT)
    earliest = Event.objects.filter(pk__in=waiting.values("row")).aggregate(earliest=Min("received_at"))["earliest"]
    return now if earliest is None else min(now, earliest - TICK)
