"""What was received and is not in the columns yet: whoever counts events once and for all waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from ingest.arrivals import waiting
from ingest.models import Event, SealQueue

TICK = timedelta(microseconds=1)


def complete_until(now: datetime) -> datetime:
    """The last instant up to which every event that was received is in the columns; at the latest now.

    The inbox is looked at first: what leaves it meanwhile stands in the queue, and what leaves that is in the columns.
    What was received before `now` and is committed only after this look is not known of: the worker asks for an
    instant that is some seconds ago (`cohortsite.schedules.SETTLING`).
    """
    arrived = waiting().aggregate(earliest=Min("received_at"))["earliest"]
    queued = SealQueue.objects.filter(source=SealQueue.Source.EVENT)
    recorded = Event.objects.filter(pk__in=queued.values("row")).aggregate(earliest=Min("received_at"))["earliest"]
    waited_for: list[datetime] = [earliest for earliest in (arrived, recorded) if earliest is not None]
    return min([now, *(earliest - TICK for earliest in waited_for)])
