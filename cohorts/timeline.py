"""What a customer did and what became of it, newest first: events, changes of its cohorts and of its profile, merged.

The columns find the events of a customer (the table of events has no index for that), the rows show them. What waits
to be sealed is asked of the rows, so that an event stands here as soon as it was received.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
from django.db.models import Q

from cohorts.models import MembershipChange
from ingest.columns import Span, open_columns
from ingest.columns.interface import ColumnsDamaged, Snapshot, instant
from ingest.models import Customer, CustomerKind, CustomerVersion, Event, EventType, SealQueue
from ingest.paths import find

PAGE_SIZE = 50
WAITING = 2_000
"""Of what waits to be sealed, the newest rows that are looked through."""

CALLS, ACTIONS, COHORTS, PROFILE = SHOWN = ("calls", "actions", "cohorts", "profile")
"""The types of entries that one can choose between."""
_TYPES = {"": [], CALLS: [EventType.API_CALL], ACTIONS: [EventType.ACTION]}
_MICROSECOND = timedelta(microseconds=1)


class InvalidPlace(ValueError):
    """Not a place in a timeline."""


@dataclass(frozen=True, order=True)
class Place:
    """Where an entry stands: by its time, of the same time by its source, then by its row."""

    at: datetime
    source: int
    row: int

    def encode(self) -> str:
        """An opaque text for addresses."""
        place = f"{self.at.astimezone(UTC).isoformat()} {self.source} {self.row}"
        return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Place:
        """The place that `encode` wrote. Raises InvalidPlace."""
        try:
            at, source, row = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
            if not re.fullmatch("[0-9]{1,18}", row):
                raise InvalidPlace(text)
            time = datetime.fromisoformat(at)
            return cls(time if time.tzinfo else time.replace(tzinfo=UTC), int(source), int(row))
        except (ValueError, OverflowError):
            raise InvalidPlace(text) from None

    def earlier(self, source: int, field: str) -> Q:
        """The rows of a source, with their times in this field, that stand after this place in the list."""
        if source != self.source:
            return Q(**{f"{field}__lte" if source < self.source else f"{field}__lt": self.at})
        return Q(**{f"{field}__lt": self.at}) | Q(**{field: self.at, "pk__lt": self.row})


@dataclass(frozen=True)
class Entry:
    """One line of the timeline; `kind` says what the row is: `event`, `change` or `said`."""

    kind: str
    place: Place
    row: Any

    @property
    def at(self) -> datetime:
        return self.place.at


@dataclass(frozen=True)
class News:
    """A field of a profile that got another value; None for no value."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Said:
    """One thing said of a customer, and what was new of it."""

    pk: int
    received_at: datetime
    is_first: bool
    news: Sequence[News]


@dataclass(frozen=True)
class Timeline:
    """Some entries, newest first. `next` is the place to go on from, none at the end; `fault` says why events lack."""

    entries: Sequence[Entry]
    next: str
    fault: str


def timeline(customer: Customer, now: datetime, shown: str = "", after: str = "") -> Timeline:
    """Entries up to `now`, of one type of SHOWN or of all, from a place on. Raises InvalidPlace."""
    before = Place.decode(after) if after else None
    found: list[Entry] = []
    fault = ""
    if shown in _TYPES:
        try:
            found += _events(customer, now, _TYPES[shown], before)
        except ColumnsDamaged as error:
            fault = str(error)
    if shown in ("", COHORTS):
        found += _changes(customer, before)
    if shown in ("", PROFILE):
        found += _things_said(customer, before)
    found.sort(key=lambda entry: entry.place, reverse=True)
    more = len(found) > PAGE_SIZE
    return Timeline(found[:PAGE_SIZE], found[PAGE_SIZE - 1].place.encode() if more else "", fault)


# --- Events

EVENT, SAID, CHANGE = range(3)
"""The sources. What follows from something at the same instant stands above it."""


def _events(customer: Customer, now: datetime, types: Sequence[str], before: Place | None) -> list[Entry]:
    earlier = before.earlier(EVENT, "time") if before else Q()
    of_type = Q(type__in=types) if types else Q()
    waiting = SealQueue.objects.filter(source=SealQueue.Source.EVENT).order_by("-pk")[:WAITING]
    fresh = Event.objects.filter(
        owned_by(customer), of_type, earlier, time__lte=now, pk__in=list(waiting.values_list("row", flat=True))
    )
    ids = set(fresh.order_by("-time", "-pk").values_list("pk", flat=True)[: PAGE_SIZE + 1])
    with open_columns().snapshot(now) as snapshot:
        ids.update(_sealed(snapshot, customer, types, before))
    events = Event.objects.filter(pk__in=ids).select_related("user", "company").order_by("-time", "-pk")
    return [Entry("event", Place(event.time, EVENT, event.pk), event) for event in events[: PAGE_SIZE + 1]]


def owned_by(customer: Customer) -> Q:
    """The events of a customer: of a company those that name it, and those of its users that name none."""
    if customer.kind == CustomerKind.USER:
        return Q(user=customer)
    return Q(company=customer) | Q(company=None, user__company=customer)


def _sealed(snapshot: Snapshot, customer: Customer, types: Sequence[str], before: Place | None) -> list[int]:
    last = before.at + _MICROSECOND if before else snapshot.at + _MICROSECOND
    events = snapshot.events(CustomerKind(customer.kind), Span(None, last))
    events = events.filter(events.customer == customer.pk)
    if types:
        events = events.filter(events.type.isin(types))
    if before and before.source == EVENT:
        at = instant(before.at)
        events = events.filter((events.time < at) | ((events.time == at) & (events.id < before.row)))
    elif before:  # events are the last of what happened at the same instant
        events = events.filter(events.time <= instant(before.at))
    newest = events.order_by(ibis.desc("time"), ibis.desc("id")).limit(PAGE_SIZE + 1)
    return [int(pk) for pk in snapshot.rows(newest.select("id"))["id"].to_pylist()]


# --- Changes of cohorts and of the profile


def _changes(customer: Customer, before: Place | None) -> list[Entry]:
    rows: Any = MembershipChange.objects.filter(customer=customer).select_related("cohort")
    return [Entry("change", place, row) for place, row in _newest(rows, CHANGE, "changed_at", before)]


def _things_said(customer: Customer, before: Place | None) -> list[Entry]:
    """Things said, each compared with the one before it, which is read along with them."""
    versions: Any = CustomerVersion.objects.filter(customer=customer).select_related("company")
    rows = list(_newest(versions, SAID, "received_at", before, more=2))
    earlier = [*(version for _, version in rows), None][1:]
    entries = [
        Entry("said", place, Said(version.pk, version.received_at, previous is None, list(_news(previous, version))))
        for (place, version), previous in zip(rows, earlier, strict=True)
    ]
    return entries[: PAGE_SIZE + 1]


def _newest(rows: Any, source: int, field: str, before: Place | None, more: int = 1) -> Iterator[tuple[Place, Any]]:
    """The rows from a place on, newest first, `more` than one page of them."""
    if before:
        rows = rows.filter(before.earlier(source, field))
    for row in rows.order_by(f"-{field}", "-pk")[: PAGE_SIZE + more]:
        yield Place(getattr(row, field), source, row.pk), row


def _news(previous: CustomerVersion | None, version: CustomerVersion) -> Iterator[News]:
    old_company, new_company = (
        each.company.external_id if each and each.company else None for each in (previous, version)
    )
    if old_company != new_company:
        yield News("company_id", old_company, new_company)
    before: Mapping[str, Any] = previous.profile if previous else {}
    for path in _leaves(version.patch):
        old, new = find(before, path), find(version.profile, path)
        old_value, new_value = (found[1] if found else None for found in (old, new))
        if old_value != new_value and path != ["company_id"]:
            yield News(".".join(path), old_value, new_value)


def _leaves(values: Mapping[str, Any], prefix: Sequence[str] = ()) -> Iterator[list[str]]:
    for key, value in values.items():
        path = [*prefix, key]
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, path)
        else:
            yield path
