"""Erase events and customers: the rows go at once, what is sealed of them leaves the copy with the next sealing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ingest.arrivals import record_arrivals
from ingest.models import Customer, CustomerVersion, Erasure, Event, SealQueue

AT_ONCE = 500
"""Ids in one statement."""


@transaction.atomic
def erase_events(ids: Collection[int], now: datetime) -> int:
    """Erase the events with these ids, for good; returns how many there were.

    Every user and company that they belonged to gets an `Erasure`, so that it can be told why it left a cohort.
    """
    lost: Counter[int] = Counter()
    erased = 0
    for some in _portions(ids):
        events = Event.objects.filter(pk__in=some)
        lost.update(_owners(events))
        erased += _delete(events, SealQueue.Source.EVENT, SealQueue.Source.ERASED_EVENT)
    Erasure.objects.bulk_create(
        Erasure(customer_id=customer, erased_at=now, events=events) for customer, events in lost.items()
    )
    return erased


def erase_customer(customer: Customer, now: datetime) -> int:
    """Erase what is known of a customer: its profile, and the events that name it; returns how many those were.

    Of a user also what names the visitors that turned out to be it.
    It is hidden from every evaluation at once. Its id stays, so that what was told of it can still be read.
    """
    record_arrivals()  # what was accepted and names it is erased too
    return _erase(customer, now)


@transaction.atomic
def _erase(customer: Customer, now: datetime) -> int:
    everybody = [customer.pk, *customer.visitors.values_list("pk", flat=True)]
    named = f"{customer.kind}__in"
    erased = erase_events(list(Event.objects.filter(**{named: everybody}).values_list("pk", flat=True)), now)
    versions = CustomerVersion.objects.filter(customer__in=everybody).values_list("pk", flat=True)
    for some in _portions(list(versions)):
        said = CustomerVersion.objects.filter(pk__in=some)
        _delete(said, SealQueue.Source.VERSION, SealQueue.Source.ERASED_VERSION)
    Customer.objects.filter(pk__in=everybody).update(profile={}, company=None, erased_at=now)
    if not erased:
        Erasure.objects.create(customer=customer, erased_at=now, events=0)
    customer.refresh_from_db()
    return erased


def _portions(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))


def _owners(events: QuerySet[Event]) -> Iterator[int]:
    """The customers that each event belongs to: its user, and the company it names or else that of its user."""
    columns = ("user_id", "user__merged_into_id", "company_id", "user__company_id", "user__merged_into__company_id")
    for user, merged_into, company, of_user, of_merged in events.values_list(*columns):
        owners = (merged_into, company or of_merged) if merged_into is not None else (user, company or of_user)
        yield from (owner for owner in owners if owner is not None)


def _delete(rows: QuerySet[Any], source: str, erased: str) -> int:
    """Delete the rows. They need no sealing any more, but may be in the copy, or in a segment being written."""
    keys = list(rows.values_list("pk", flat=True))
    SealQueue.objects.filter(source=source, row__in=keys).delete()
    SealQueue.objects.bulk_create(SealQueue(source=erased, row=key) for key in keys)
    rows.delete()
    return len(keys)
