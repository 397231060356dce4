"""What the open changes of a subscription come to: who is to be told of, what waits, and what is not asked for.

Open are the changes that waited so far and are ripe or overtaken, and those that are new. Only bitmaps are kept, and
nothing is written: `batching` settles by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from django.db.models import Max, Q, QuerySet
from pyroaring import BitMap

from cohorts.enums import ChangeKind, Reason
from cohorts.models import Membership, MembershipChange
from notifications.models import Batch, Settlement, Subscription, Waiting

CHUNK = 5_000
"""Rows and ids read at once."""


class Open(NamedTuple):
    """A change that is not settled."""

    id: int
    customer: int
    change: str
    version: int
    reason: str


@dataclass(frozen=True)
class Net:
    """Customers by what becomes of their last open change; all earlier ones cancel each other.

    `added` and `removed` are told of, `existing` among them without a change. `waiting` are not told of yet. `kind`,
    `once` and `dropped` are not asked for, each for its reason. Everybody else's changes come to nothing.
    """

    version: int
    members: int
    at: datetime
    open: int
    added: BitMap
    removed: BitMap
    waiting: BitMap
    kind: BitMap
    once: BitMap
    dropped: BitMap
    existing: BitMap
    by_time: BitMap
    "Of those to be told of, whom time alone moved."
    taken: list[Open]
    "The changes that waited and are open again."
    times: dict[int, datetime]
    "When the open changes of each version happened."
    told_at: dict[int, datetime]
    "When those who cool down were last told of."

    @property
    def told(self) -> BitMap:
        """Everybody to be told of."""
        return self.added | self.removed

    @property
    def settles(self) -> bool:
        """Whether anything is settled by it: not, when every open change waits."""
        return self.open > len(self.waiting) or bool(self.existing)


@dataclass
class _Read:
    """The open changes of each customer, read in their order: the first and the last decide."""

    open: int = 0
    seen: BitMap = field(default_factory=BitMap)
    was_in: BitMap = field(default_factory=BitMap)
    is_in: BitMap = field(default_factory=BitMap)
    fresh: BitMap = field(default_factory=BitMap)
    by_time: BitMap = field(default_factory=BitMap)

    def read(self, changes: Iterable[Open], young: frozenset[int]) -> None:
        for _, customer, change, version, reason in changes:
            self.open += 1
            if customer not in self.seen:
                self.seen.add(customer)
                if change == ChangeKind.REMOVED:
                    self.was_in.add(customer)
            (self.is_in.add if change == ChangeKind.ADDED else self.is_in.discard)(customer)
            (self.by_time.add if reason == Reason.TIME else self.by_time.discard)(customer)
            if version in young:
                self.fresh.add(customer)


def read_net(subscription: Subscription, membership: Membership, now: datetime, drop: BitMap) -> Net:
    """The net change up to the membership's version. Of `drop` nothing is told: a person decided so."""
    taken = _ripe_or_overtaken(subscription, membership.version, now)
    times = _times(subscription, membership.version, taken)
    read = _Read()
    young = _young(subscription, times, now)
    new = new_changes(subscription, membership.version).order_by("version", "id")
    read.read(chain(taken, rows(new)), young)
    members = BitMap.deserialize(bytes(membership.members))
    existing = subscription.waits_to_tell_existing
    # A silent edit may have undone a change: what the members contradict has come to nothing. With `tell_existing`
    # nobody has been told of anything: who is in has joined.
    joined = members if existing else (read.is_in - read.was_in) & members
    gone = BitMap() if existing else read.was_in - read.is_in - members
    once = BitMap(told_before(subscription, joined | gone)) if subscription.once_per_customer else BitMap()
    told_at = _cooling(subscription, (joined | gone) - once, now)
    waiting = ((joined & read.is_in) | gone) & (read.fresh | BitMap(told_at)) - once
    ripe = (joined | gone) - once - waiting
    added = joined & ripe if subscription.send_on_addition else BitMap()
    removed = gone & ripe if subscription.send_on_removal else BitMap()
    told = (added | removed) - drop
    return Net(
        version=membership.version,
        members=membership.count,
        at=membership.as_of,
        open=read.open,
        added=added & told,
        removed=removed & told,
        waiting=waiting,
        kind=ripe - added - removed,
        once=once,
        dropped=(added | removed) & drop,
        existing=(added & told) - read.is_in if existing else BitMap(),
        by_time=read.by_time & told,
        taken=taken,
        times=times,
        told_at=told_at,
    )


def new_changes(subscription: Subscription, version: int) -> QuerySet[MembershipChange]:
    """The changes that nobody has looked at yet, up to a version."""
    return MembershipChange.objects.filter(
        cohort=subscription.cohort_id, version__gt=subscription.settled_version, version__lte=version
    )


def rows(changes: QuerySet[MembershipChange]) -> Iterator[Open]:
    """The changes as rows, in their order."""
    found = changes.values_list("id", "customer_id", "change", "version", "reason")
    return (Open(*row) for row in found.iterator(CHUNK))


def told_before(subscription: Subscription, customers: BitMap, since: datetime | None = None) -> dict[int, datetime]:
    """When each of the customers was last told of, those never (or not after `since`) left out."""
    told: dict[int, datetime] = {}
    first = Batch.objects.filter(subscription=subscription, sequence=1, existing__isnull=False).first()
    if first is not None and (since is None or first.created_at > since):
        told = dict.fromkeys(BitMap.deserialize(bytes(first.existing or b"")) & customers, first.created_at)
    for start in range(0, len(customers), CHUNK):
        told.update(_told_with_a_change(subscription, customers[start : start + CHUNK], since))
    return told


def _told_with_a_change(
    subscription: Subscription, customers: BitMap, since: datetime | None
) -> Iterator[tuple[int, datetime]]:
    """From the changes of each customer, which are few, to what became of them."""
    of_them = {"settlements__subscription": subscription, "settlements__outcome": Settlement.Outcome.TOLD}
    if since is not None:
        of_them["settlements__batch__created_at__gt"] = since
    changes = MembershipChange.objects.filter(cohort=subscription.cohort_id, customer__in=list(customers), **of_them)
    return changes.values_list("customer").annotate(Max("settlements__batch__created_at")).iterator(CHUNK)


def _ripe_or_overtaken(subscription: Subscription, version: int, now: datetime) -> list[Open]:
    """What waited and need not any more, and what waited for customers who have moved since."""
    overtaken = Q(customer__in=new_changes(subscription, version).values("customer"))
    waiting = Waiting.objects.filter(Q(ripe_at__lte=now) | overtaken, subscription=subscription)
    changes = MembershipChange.objects.filter(pk__in=waiting.values("change"))
    return list(rows(changes.order_by("version", "id")))


def _times(subscription: Subscription, version: int, taken: Iterable[Open]) -> dict[int, datetime]:
    if subscription.minimum_stay is None:
        return {}
    versions = {one.version for one in taken}
    of_taken = MembershipChange.objects.filter(cohort=subscription.cohort_id, version__in=versions)
    found = of_taken | new_changes(subscription, version)
    return dict(found.order_by().values_list("version").annotate(Max("changed_at")))


def _young(subscription: Subscription, times: dict[int, datetime], now: datetime) -> frozenset[int]:
    """The versions whose changes have not lasted long enough."""
    if subscription.minimum_stay is None:
        return frozenset()
    return frozenset(version for version, at in times.items() if at + subscription.minimum_stay > now)


def _cooling(subscription: Subscription, customers: BitMap, now: datetime) -> dict[int, datetime]:
    if subscription.cool_down is None:
        return {}
    return told_before(subscription, customers, now - subscription.cool_down)
