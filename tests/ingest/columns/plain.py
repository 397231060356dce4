"""What is visible at an instant, computed slowly from the rows: the judge of the columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingest.models import Customer, CustomerKind, CustomerVersion, Event


@dataclass
class Activity:
    first_seen_time: datetime | None
    last_seen_time: datetime | None
    created: datetime


@dataclass
class Plain:
    """The same words as `Snapshot`, over lists."""

    at: datetime

    def __post_init__(self) -> None:
        self.ids = dict(Customer.objects.values_list("pk", "external_id"))
        self.kinds = dict(Customer.objects.values_list("pk", "kind"))
        self.seen = [each for each in Event.objects.order_by("pk") if max(each.time, each.received_at) <= self.at]
        self.said = list(CustomerVersion.objects.filter(received_at__lte=self.at).order_by("received_at", "pk"))

    def newest(self) -> dict[int, CustomerVersion]:
        return {version.customer_id: version for version in self.said}

    def companies(self) -> dict[int, int]:
        found = {
            event.user_id: event.company_id
            for event in sorted(self.seen, key=lambda each: (each.time, self.ids.get(each.company_id, "")))
            if event.user_id and event.company_id
        }
        return found | {user: version.company_id for user, version in self.newest().items() if version.company_id}

    def events(self, kind: str) -> list[tuple[int, Event]]:
        """(customer, event) for each event that belongs to one of the kind."""
        companies = self.companies()
        if kind == CustomerKind.USER:
            owned = [(event.user_id, event) for event in self.seen]
        else:
            owned = [(event.company_id or companies.get(event.user_id), event) for event in self.seen]
        return [(owner, event) for owner, event in owned if owner]

    def activity(self, kind: str) -> dict[int, Activity]:
        received: dict[int, list[datetime]] = {}
        for version in self.said:
            received.setdefault(version.customer_id, []).append(version.received_at)
        for event in self.seen:
            for named in {event.user_id, event.company_id} - {None}:
                received.setdefault(named, []).append(event.received_at)
        times: dict[int, list[datetime]] = {}
        for owner, event in self.events(kind):
            times.setdefault(owner, []).append(event.time)
        return {
            pk: Activity(min(times.get(pk, [None])), max(times.get(pk, [None])), min(given))
            for pk, given in received.items()
            if self.kinds[pk] == kind
        }
