"""The route templates that were made of addresses: so many and no more, however senders form their addresses.

A path with a name in it (`/users/alice`) is a template of its own, and so is every path that a scanner tries. Were all
of them kept, pickers and figures by route would grow without end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from ingest.models import Route
from ingest.records import EventRecord
from ingest.routes import OTHERS
from ingest.rows import chunks

MOST = 2_000
FORGOTTEN_AFTER = timedelta(days=30)
"""Without a call."""


def known_routes(events: Collection[EventRecord]) -> set[str]:
    """The templates of the events that are kept: those seen before, and new ones while there are fewer than MOST.

    To be called in the transaction that stores the events. Two that store at once may go beyond MOST by their new ones.
    """
    made = {event.fields["request"]["route"] for event in events if event.templated} - {OTHERS}
    if not made:
        return set()
    today = max(event.received_at for event in events).date()
    known = _seen_before(sorted(made), today)
    if new := sorted(made - known):  # sorted: concurrent writers wait for each other in one order
        new = new[: max(MOST - Route.objects.count(), 0)]
        Route.objects.bulk_create((Route(path=path, seen_on=today) for path in new), ignore_conflicts=True)
    return known.union(new)


def forget_routes(now: datetime) -> None:
    """Make room: forget templates that no call had for a while. Events keep theirs."""
    Route.objects.filter(seen_on__lt=(now - FORGOTTEN_AFTER).date()).delete()


def _seen_before(paths: list[str], today: date) -> set[str]:
    """Those of the paths that are known; they count as seen today."""
    known: set[str] = set()
    for some in chunks(paths):
        found = Route.objects.filter(path__in=some)
        seen = dict(found.values_list("path", "seen_on"))
        known.update(seen)
        if any(day < today for day in seen.values()):
            found.filter(seen_on__lt=today).update(seen_on=today)
    return known
