"""Changes into batches: the net change since the subscription's last batch, each change settled exactly once.

A batch is read and composed first and written then, in one short transaction that begins by moving the subscription
on, if it still stands where it was read. Of two workers one wins; the other writes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from pyroaring import BitMap

from cohorts.enums import ChangeKind
from cohorts.models import Cohort, Membership, MembershipChange
from notifications import compose
from notifications.channels import CHANNELS
from notifications.compose import Period
from notifications.entries import Told
from notifications.message import Counts, Message
from notifications.models import Batch, Channel, Delivery, Settlement, Subscription

SETTLEMENTS, DELIVERIES = 5_000, 20
"""Rows per INSERT; a delivery holds up to 256 kB."""
DEFAULT_PERIOD = timedelta(minutes=15)


@dataclass(frozen=True)
class Net:
    """What a stretch of changes comes to. `told` and `unwanted` are net changes; all others cancel each other."""

    version: int
    members: int
    at: datetime
    changed: bool
    added: BitMap
    removed: BitMap
    unwanted: BitMap

    @property
    def told(self) -> BitMap:
        """Everybody to be told of."""
        return self.added | self.removed


class Contradiction(ValueError):
    """Choices of a subscription that do not go together; `field` is the one to mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_choices(*, send_on_addition: bool, send_on_removal: bool, tell_existing: bool) -> None:
    """Raise Contradiction where a subscription would tell nothing of what was asked for.

    `tell_existing` counts only until it is done.
    """
    if not send_on_addition and not send_on_removal:
        raise Contradiction("send_on_addition", "Choose additions, removals or both.")
    if tell_existing and not send_on_addition:
        raise Contradiction("tell_existing", "Existing members are told of as additions: choose additions too.")


def subscribe(
    cohort: Cohort,
    channel: Channel,
    *,
    now: datetime,
    send_on_addition: bool = True,
    send_on_removal: bool = True,
    period: timedelta = DEFAULT_PERIOD,
    fields: Sequence[str] = (),
    tell_existing: bool = False,
    **others: Any,
) -> Subscription:
    """A new subscription that starts from the members of this moment and tells nobody of them, unless it shall.

    `fields` are already checked (`entries.check_fields`). Raises IntegrityError when there is one already.
    """
    version = Membership.objects.filter(cohort=cohort).values_list("version", flat=True).first() or 0
    return Subscription.objects.create(
        cohort=cohort,
        channel=channel,
        send_on_addition=send_on_addition,
        send_on_removal=send_on_removal,
        period=period,
        fields=list(fields),
        tell_existing=tell_existing,
        created_at=now,
        settled_at=now,
        settled_version=version,
        started_version=version,
        **others,
    )


def due_subscriptions(now: datetime) -> list[Subscription]:
    """Those with something to settle whose period has passed; paused ones and those on paused channels wait."""
    changes = MembershipChange.objects.filter(cohort=OuterRef("cohort"), version__gt=OuterRef("settled_version"))
    evaluated = Membership.objects.filter(cohort=OuterRef("cohort"))
    waiting = Exists(changes) | (Q(tell_existing=True, existing_told=False) & Exists(evaluated))
    found = Subscription.objects.filter(waiting, paused_at=None, channel__paused_at=None)
    return [one for one in found.select_related("cohort", "channel").order_by("settled_at") if _is_due(one, now)]


def settle(subscription: Subscription, now: datetime) -> Batch | None:
    """Settle every change since the last batch; returns the new batch, none when nobody is to be told.

    Does nothing when the subscription is not due, or when another worker settles the same changes.
    """
    current = Subscription.objects.select_related("cohort", "channel").filter(pk=subscription.pk).first()
    membership = Membership.objects.filter(cohort=subscription.cohort_id).first()
    if current is None or membership is None or not _is_due(current, now):
        return None
    net = _net(current, membership)
    if net.told:
        return _tell(current, net, now)
    if net.changed:
        _settle_silently(current, net, now)
    return None


def _is_due(subscription: Subscription, now: datetime) -> bool:
    paused = subscription.paused_at or subscription.channel.paused_at
    return not paused and subscription.settled_at + subscription.period <= now


def _net(subscription: Subscription, membership: Membership) -> Net:
    """First and last change decide: who was out and is in has joined, who was in and is out has left."""
    seen, was_in, is_in = BitMap(), BitMap(), BitMap()
    changes = _changes(subscription, membership.version).order_by("version", "id")
    for customer, change in changes.values_list("customer_id", "change").iterator(SETTLEMENTS):
        if customer not in seen:
            seen.add(customer)
            if change == ChangeKind.REMOVED:
                was_in.add(customer)
        (is_in.add if change == ChangeKind.ADDED else is_in.discard)(customer)
    existing = subscription.tell_existing and not subscription.existing_told
    if existing:  # nobody has been told of anything: who is in has joined
        was_in, is_in = BitMap(), BitMap.deserialize(bytes(membership.members))
    joined, gone = is_in - was_in, was_in - is_in
    added = joined if subscription.send_on_addition else BitMap()
    removed = gone if subscription.send_on_removal else BitMap()
    return Net(
        version=membership.version,
        members=membership.count,
        at=membership.as_of,
        changed=bool(seen) or existing,
        added=added,
        removed=removed,
        unwanted=(joined | gone) - added - removed,
    )


def _changes(subscription: Subscription, version: int) -> QuerySet[MembershipChange]:
    return MembershipChange.objects.filter(
        cohort=subscription.cohort_id, version__gt=subscription.settled_version, version__lte=version
    )


def _tell(subscription: Subscription, net: Net, now: datetime) -> Batch | None:
    batch = _batch(subscription, net, now)
    kind = CHANNELS[subscription.channel.kind]
    with compose.messages(_draft(batch), _told(subscription, net), kind.limits) as messages, transaction.atomic():
        if not _move_on(subscription, net, now, batch.sequence):
            return None
        batch.save(force_insert=True)
        _settle_changes(subscription, net, batch)
        _insert(_deliveries(batch, messages))
    return batch


@transaction.atomic
def _settle_silently(subscription: Subscription, net: Net, now: datetime) -> None:
    if _move_on(subscription, net, now, subscription.sequence):
        _settle_changes(subscription, net, None)


def _move_on(subscription: Subscription, net: Net, now: datetime, sequence: int) -> bool:
    """The fence: whether the subscription still stood where it was read, and now stands at the end of the changes."""
    unmoved = Subscription.objects.filter(
        pk=subscription.pk,
        paused_at=None,
        settled_version=subscription.settled_version,
        settled_at=subscription.settled_at,
        sequence=subscription.sequence,
        existing_told=subscription.existing_told,
    )
    told = subscription.existing_told or subscription.tell_existing
    moved = unmoved.update(settled_version=net.version, settled_at=now, sequence=sequence, existing_told=told)
    return bool(moved)


def _batch(subscription: Subscription, net: Net, now: datetime) -> Batch:
    return Batch(
        id=uuid.uuid4(),
        subscription=subscription,
        sequence=subscription.sequence + 1,
        period_from=subscription.settled_at,
        period_to=now,
        created_at=now,
        added=len(net.added),
        removed=len(net.removed),
        members=net.members,
    )


def _draft(batch: Batch) -> Message:
    return compose.draft(
        batch.subscription.cohort,
        str(batch.pk),
        batch.sequence,
        Period(batch.period_from, batch.period_to),
        Counts(batch.added, batch.removed, batch.members),
    )


def _told(subscription: Subscription, net: Net) -> Told:
    return Told(
        cohort=subscription.cohort,
        fields=tuple(subscription.fields),
        added=net.added,
        removed=net.removed,
        version=net.version,
        at=net.at,
    )


def _settle_changes(subscription: Subscription, net: Net, batch: Batch | None) -> None:
    """A row for each change. Plain SQL: making 100,000 model instances would take longer than all the rest."""
    prepare = Settlement._meta.get_field("batch").get_db_prep_value
    told_in = prepare(batch.pk if batch else None, connection)
    told_by = prepare(subscription.pk, connection)
    insert = (
        f"INSERT INTO {Settlement._meta.db_table} (subscription_id, change_id, outcome, batch_id) "
        "VALUES (%s, %s, %s, %s)"
    )
    rows = (
        (told_by, change, str(outcome), told_in if outcome == Settlement.Outcome.TOLD else None)
        for change, outcome in _outcomes(subscription, net)
    )
    with connection.cursor() as cursor:
        while chunk := list(islice(rows, SETTLEMENTS)):
            cursor.executemany(insert, chunk)


def _outcomes(subscription: Subscription, net: Net) -> Iterator[tuple[int, Settlement.Outcome]]:
    """Newest first: the first change met of a customer is its last one, which carries the net change."""
    seen = BitMap()
    changes = _changes(subscription, net.version).order_by("-version", "-id")
    for change, customer in changes.values_list("id", "customer_id").iterator(SETTLEMENTS):
        if customer in seen:
            yield change, Settlement.Outcome.CANCELLED
        else:
            seen.add(customer)
            yield change, _outcome(net, customer)


def _outcome(net: Net, customer: int) -> Settlement.Outcome:
    if customer in net.added or customer in net.removed:
        return Settlement.Outcome.TOLD
    return Settlement.Outcome.UNWANTED if customer in net.unwanted else Settlement.Outcome.CANCELLED


def _deliveries(batch: Batch, messages: Iterable[Message]) -> Iterator[Delivery]:
    channel = batch.subscription.channel
    kind = CHANNELS[channel.kind]
    for message in messages:
        content = kind.write(message)
        for recipient in kind.destinations(channel.config):
            yield Delivery(
                id=compose.part_id(message.batch, message.part, recipient),
                batch=batch,
                channel=channel,
                part=message.part,
                parts=message.parts,
                recipient=recipient,
                content=content,
                next_attempt_at=batch.created_at,
                created_at=batch.created_at,
            )


def _insert(deliveries: Iterator[Delivery]) -> None:
    """Insert them as they come, so that never more than a few are in memory."""
    while chunk := list(islice(deliveries, DELIVERIES)):
        Delivery.objects.bulk_create(chunk)
