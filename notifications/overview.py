"""What pages show of subscriptions and of what was sent: read with few queries, however long the list."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, QuerySet
from pyroaring import BitMap

from cohorts.models import Cohort
from ingest.models import Customer
from notifications.holds import open_holds
from notifications.models import Batch, Channel, Delivery, Hold, Subscription

MOST_HELD, NAMES = 20, 5
"""Holds on a page, and customers named of each."""


@dataclass(frozen=True)
class Sent:
    """A batch with the number of its deliveries in each state."""

    batch: Batch
    delivered: int
    pending: int
    dead: int

    @property
    def deliveries(self) -> int:
        return self.delivered + self.pending + self.dead

    @property
    def tone(self) -> str:
        """The worst of them decides."""
        return "bad" if self.dead else "info" if self.pending else "good"

    @property
    def state(self) -> str:
        """In words: `delivered`, `2 of 3 given up`."""
        number, word = (
            (self.dead, "given up")
            if self.dead
            else (self.pending, "waiting")
            if self.pending
            else (self.delivered, "delivered")
        )
        return word if number == self.deliveries else f"{number} of {self.deliveries} {word}"


@dataclass(frozen=True)
class Rule:
    """A subscription with what was sent for it last."""

    subscription: Subscription
    last: Sent | None


def subscriptions_of(cohorts: Iterable[Cohort]) -> dict[uuid.UUID, list[Subscription]]:
    """Per cohort its subscriptions with their channels, by name; one query for all of them."""
    found: dict[uuid.UUID, list[Subscription]] = defaultdict(list)
    wanted = [cohort.pk for cohort in cohorts]
    for subscription in _with_channels().filter(cohort__in=wanted).order_by("channel__name", "pk"):
        found[subscription.cohort_id].append(subscription)
    return found


def rules_of(cohort: Cohort) -> list[Rule]:
    """The cohort's subscriptions, each with its last batch; three queries."""
    subscriptions = list(_with_channels().filter(cohort=cohort).order_by("channel__name", "pk"))
    newest = Batch.objects.filter(subscription__in=subscriptions, sequence=F("subscription__sequence"))
    last = {one.batch.subscription_id: one for one in sent(list(newest))}
    return [Rule(subscription, last.get(subscription.pk)) for subscription in subscriptions]


def batches_of(cohort: Cohort) -> QuerySet[Batch]:
    """What was sent of the cohort, newest first."""
    batches = Batch.objects.filter(subscription__cohort=cohort).select_related("subscription__channel")
    return batches.defer("subscription__channel__config").order_by("-created_at", "-sequence")


def sent(batches: Sequence[Batch]) -> list[Sent]:
    """The batches with their deliveries counted; one query."""
    found = Delivery.objects.filter(batch__in=batches).values_list("batch", "state").annotate(Count("pk")).order_by()
    counted: dict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    for batch_id, state, number in found:
        counted[batch_id][state] = number
    states = (Delivery.State.DELIVERED, Delivery.State.PENDING, Delivery.State.DEAD)
    return [Sent(batch, *(counted[batch.pk][state] for state in states)) for batch in batches]


@dataclass(frozen=True)
class Held:
    """A hold that lasts, and some of those it is about."""

    hold: Hold
    names: Sequence[str]
    more: int


def held() -> list[Held]:
    """What waits for a decision, the oldest first, each with some of its customers."""
    return [_with_names(hold) for hold in open_holds().defer(None).defer("subscription__channel__config")[:MOST_HELD]]


def _with_names(hold: Hold) -> Held:
    customers = BitMap.deserialize(bytes(hold.customers))
    rows = Customer.objects.filter(pk__in=list(customers[:NAMES])).order_by("pk").values_list("external_id", flat=True)
    return Held(hold, list(rows), max(len(customers) - NAMES, 0))


def cohorts_told_by(channels: Iterable[Channel]) -> dict[uuid.UUID, list[Cohort]]:
    """Per channel the cohorts that it is told of, by name; one query for all of them."""
    used: dict[uuid.UUID, list[Cohort]] = defaultdict(list)
    found = Subscription.objects.filter(channel__in=[channel.pk for channel in channels])
    fields = ("channel_id", "cohort__name", "cohort__kind")
    for subscription in found.select_related("cohort").only(*fields).order_by("cohort__name"):
        used[subscription.channel_id].append(subscription.cohort)
    return used


def _with_channels() -> QuerySet[Subscription]:
    held = Hold.objects.filter(subscription=OuterRef("pk"), ended_at=None)
    found = Subscription.objects.select_related("channel", "cohort").annotate(is_held=Exists(held))
    return found.defer("channel__config", "cohort__criteria")
