"""A small site with everything in it, and a plain model of what ought to become of what happens there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Min
from pyroaring import BitMap

from cohorts.models import Cohort, Membership
from cohortsite.pipeline import run_cycle
from ingest.accept import accept
from ingest.models import Customer
from ingest.packing import pack
from ingest.parse import PARSERS
from notifications.batching import due_subscriptions, subscribe
from notifications.models import Channel, Delivery, Subscription
from tests.doctor import assert_sound
from tests.factories import make_channel, make_cohort
from tests.receivers import Receiver, Request

SECRET = "whsec_" + "c2VjcmV0" * 4
WINDOW = timedelta(minutes=20)
PERIOD = timedelta(minutes=1)
ACTIVE = {
    "version": 1,
    "match": {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "20m"}},
}
LONG_LEASE = timedelta(minutes=2)
"""After this, what a killed process held is free again."""


class World:
    """Active users, told to three channels: everything, only who joined, and by mail."""

    def __init__(self, receiver: Receiver, now: datetime, *, mail: bool = True) -> None:
        self.receiver = receiver
        self.calls: dict[str, list[datetime]] = defaultdict(list)
        self.cohort = make_cohort(name="Active", criteria=ACTIVE, period=PERIOD, created_at=now)
        run_cycle(now)
        self.everything = self.subscribe("everything", now)
        self.joined = self.subscribe("joined", now, send_on_removal=False)
        if mail:
            recipients = {"recipients": ["a@example.com", "b@example.com"]}
            subscribe(self.cohort, make_channel("email", config=recipients), now=now, period=PERIOD)

    def subscribe(self, path: str, now: datetime, **options: Any) -> Subscription:
        url = f"{self.receiver.address}/{path}"
        channel: Channel = make_channel(config={"url": url, "secret": SECRET})
        return subscribe(self.cohort, channel, now=now, period=PERIOD, **options)

    def receive(self, user: str, at: datetime) -> None:
        """The user calls the API; the call is accepted at once."""
        time = at.isoformat()
        item = {
            "request": {"time": time, "verb": "GET", "uri": "https://api.acme.test/items"},
            "response": {"time": time, "status": 200},
            "user_id": user,
        }
        accept(pack([PARSERS["event"](item, at)]), at)
        self.calls[user].append(at)

    def active(self, at: datetime) -> set[str]:
        """Who ought to be in the cohort."""
        return {user for user, times in self.calls.items() if any(at - WINDOW < time <= at for time in times)}

    def members(self) -> set[str]:
        """Who is."""
        row = Membership.objects.get(cohort=self.cohort)
        ids = list(BitMap.deserialize(bytes(row.members)))
        return set(Customer.objects.filter(pk__in=ids).values_list("external_id", flat=True))

    def settle_down(self, now: datetime) -> datetime:
        """Run cycles until everything is told; returns the instant of the last one."""
        for _ in range(40):
            run_cycle(now)
            if not due_subscriptions(now + PERIOD) and not Delivery.objects.filter(state="pending").exists():
                return now
            waits_until = Delivery.objects.filter(state="pending").aggregate(at=Min("next_attempt_at"))["at"]
            now = max(now + LONG_LEASE, waits_until or now)
        raise AssertionError(list(Delivery.objects.filter(state="pending").values("last_error", "next_attempt_at")))

    def assert_promises_hold(self, now: datetime) -> None:
        """The doctor finds nothing; members are who they ought to be; receivers were told all, and nothing else."""
        assert_sound(now)
        evaluated = Cohort.objects.get(pk=self.cohort.pk).evaluated_at
        assert evaluated is not None
        assert self.members() == self.active(evaluated)
        assert told(self.receiver.requests, "/everything") == self.members()
        told(self.receiver.requests, "/joined")


def told(requests: Iterable[Request], path: str, knew: Iterable[str] = ()) -> set[str]:
    """Whom a receiver takes for members that applies every batch once, by its sequence; at first those it `knew`.

    Fails if a number is missing, or if two requests with one id differ.
    """
    bodies: dict[str, bytes] = {}
    for request in requests:
        if request.path == path:
            assert bodies.setdefault(request.headers["webhook-id"], request.body) == request.body
    parts = sorted((json.loads(body) for body in bodies.values()), key=lambda one: (one["sequence"], one["part"]))
    assert len({(one["sequence"], one["part"]) for one in parts}) == len(parts), "told twice, with different ids"
    sequences = sorted({one["sequence"] for one in parts})
    assert sequences == list(range(1, len(sequences) + 1)), f"of {path} a batch is missing: {sequences}"
    known = set(knew)
    for one in parts:
        known |= {entry["user_id"] for entry in one["added"]}
        known -= {entry["user_id"] for entry in one["removed"]}
    return known


def duplicates(requests: Iterable[Request]) -> int:
    """How many requests came again with an id that had arrived."""
    ids = [request.headers["webhook-id"] for request in requests]
    return len(ids) - len(set(ids))
