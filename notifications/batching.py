"""Changes into batches: the net change since the subscription's last batch, each change settled exactly once.

A batch is read and composed first and written then, in one short transaction that begins by moving the subscription
on, if it still stands where it was read. Of two workers one wins; the other writes nothing. Of a change up to the
version where the subscription stands there is one row: a `Settlement`, or a `Waiting` as long as it is not told yet.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import chain, islice
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from pyroaring import BitMap

from cohorts.enums import ChangeKind
from cohorts.models import Cohort, Membership, MembershipChange
from notifications import compose
from notifications.brake import doubt
from notifications.channels import CHANNELS
from notifications.compose import Period
from notifications.entries import Told
from notifications.holds import end_hold, hold_of, keep_held, verdict, wants_a_look
from notifications.message import Counts, Message
from notifications.models import Batch, Channel, Delivery, Hold, Settlement, Subscription, Waiting
from notifications.net import Net, Open, new_changes, read_net, rows

ROWS, DELIVERIES = 5_000, 20
"""Rows per INSERT; a delivery holds up to 256 kB."""
DEFAULT_PERIOD = timedelta(minutes=15)


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
    """Those whose period is over and that have something to settle, and digests whose hour has come.

    Paused ones and those on paused channels wait.
    """
    changes = MembershipChange.objects.filter(cohort=OuterRef("cohort"), version__gt=OuterRef("settled_version"))
    evaluated = Exists(Membership.objects.filter(cohort=OuterRef("cohort")))
    starts = Q(tell_existing=True, existing_told=False) & evaluated
    digest = Q(send_at__isnull=False) & evaluated
    found = Subscription.objects.filter(
        Exists(changes) | starts | digest | Q(ripe_at__lte=now), paused_at=None, channel__paused_at=None
    )
    held = {hold.subscription_id: hold for hold in Hold.objects.filter(ended_at=None).defer("customers")}
    ordered = found.select_related("cohort", "channel").order_by("settled_at")
    return [one for one in ordered if _is_due(one, held.get(one.pk), now)]


def settle(subscription: Subscription, now: datetime) -> Batch | None:
    """Settle what is open since the last batch; returns the new batch, none when nobody is told.

    Does nothing when the subscription is not due, or when another worker settles the same changes.
    """
    current = Subscription.objects.select_related("cohort", "channel").filter(pk=subscription.pk).first()
    membership = Membership.objects.filter(cohort=subscription.cohort_id).first()
    hold = hold_of(subscription)
    if current is None or membership is None or not _is_due(current, hold, now):
        return None
    decided = verdict(hold)
    net = read_net(current, membership, now, decided.drop)
    if why := doubt(current, net, now, decided.let_through):
        _hold(Turn(current, hold, net, now), why)
        return None
    if net.told:
        return _tell(Turn(current, hold, net, now))
    if net.open or hold or current.waits_to_tell_existing or current.send_at is not None:
        _settle_silently(Turn(current, hold, net, now))
    return None


@dataclass(frozen=True)
class Turn:
    """One settling of a subscription: what was read, and at which instant."""

    subscription: Subscription
    hold: Hold | None
    net: Net
    now: datetime


def _is_due(subscription: Subscription, hold: Hold | None, now: datetime) -> bool:
    if subscription.paused_at or subscription.channel.paused_at:
        return False
    if hold is not None and not wants_a_look(hold, now):
        return False
    decided = hold is not None and bool(hold.decision)
    return decided or subscription.schedule.is_time(subscription.settled_at, now)


def _tell(turn: Turn) -> Batch | None:
    batch = _batch(turn)
    kind = CHANNELS[turn.subscription.channel.kind]
    with compose.messages(_draft(batch), _told(turn), kind.limits) as messages, transaction.atomic():
        if not _move_on(turn, batch.sequence):
            return None
        batch.save(force_insert=True)
        _settle_changes(turn, batch)
        _insert(_deliveries(batch, messages))
    return batch


@transaction.atomic
def _settle_silently(turn: Turn) -> None:
    if _move_on(turn, turn.subscription.sequence):
        _settle_changes(turn, None)


@transaction.atomic
def _hold(turn: Turn, why: str) -> None:
    """Nothing is settled and the subscription stays where it is: its changes go on adding up."""
    if _unmoved(turn).update(turn=turn.subscription.turn + 1):
        keep_held(turn.subscription, turn.hold, turn.net, why, turn.now)


def _unmoved(turn: Turn) -> QuerySet[Subscription]:
    """The fence: the subscription, if nobody has written to it since it was read."""
    return Subscription.objects.filter(pk=turn.subscription.pk, paused_at=None, turn=turn.subscription.turn)


def _move_on(turn: Turn, sequence: int) -> bool:
    """Whether the subscription still stood where it was read, and now stands at the end of the changes.

    Its period ends, unless all there was waits: then it goes on, so that what waits is told as soon as it is ripe. A
    digest's always ends: its hour has passed.
    """
    current = turn.subscription
    ends = turn.net.settles or current.send_at is not None or current.waits_to_tell_existing
    moved = _unmoved(turn).update(
        turn=current.turn + 1,
        settled_version=turn.net.version,
        settled_at=turn.now if ends else current.settled_at,
        sequence=sequence,
        existing_told=current.existing_told or current.tell_existing,
    )
    if moved and turn.hold:
        end_hold(turn.hold, turn.now)
    return bool(moved)


def _batch(turn: Turn) -> Batch:
    net = turn.net
    return Batch(
        id=uuid.uuid4(),
        subscription=turn.subscription,
        sequence=turn.subscription.sequence + 1,
        period_from=turn.subscription.settled_at,
        period_to=turn.now,
        created_at=turn.now,
        added=len(net.added),
        removed=len(net.removed),
        members=net.members,
        existing=net.existing.serialize() if net.existing else None,
    )


def _draft(batch: Batch) -> Message:
    return compose.draft(
        batch.subscription.cohort,
        str(batch.pk),
        batch.sequence,
        Period(batch.period_from, batch.period_to),
        Counts(batch.added, batch.removed, batch.members),
    )


def _told(turn: Turn) -> Told:
    subscription, net = turn.subscription, turn.net
    return Told(
        cohort=subscription.cohort,
        fields=tuple(subscription.fields),
        added=net.added,
        removed=net.removed,
        version=net.version,
        at=net.at,
        zone=subscription.zone,
    )


def _settle_changes(turn: Turn, batch: Batch | None) -> None:
    """A row for each change: what became of it, or that it waits."""
    waiting = turn.subscription.waiting
    for start in range(0, len(turn.net.taken), ROWS):
        taken = turn.net.taken[start : start + ROWS]
        waiting.filter(customer__in=[one.customer for one in taken]).delete()
    outcomes = _outcomes(turn)
    while chunk := list(islice(outcomes, ROWS)):
        _write_settlements(turn, batch, [each for each in chunk if each[1]])
        _write_waiting(turn, [change for change, outcome, _ in chunk if not outcome])
    if turn.net.waiting or turn.subscription.ripe_at:
        first = waiting.order_by("ripe_at").values_list("ripe_at", flat=True).first()
        Subscription.objects.filter(pk=turn.subscription.pk).update(ripe_at=first)


def _write_settlements(
    turn: Turn, batch: Batch | None, settled: Sequence[tuple[Open, Settlement.Outcome | None, str]]
) -> None:
    told = Settlement.Outcome.TOLD
    rows = (
        (turn.subscription.pk, change.id, outcome, why, batch.pk if batch and outcome == told else None)
        for change, outcome, why in settled
    )
    _write(Settlement, ("subscription", "change", "outcome", "why", "batch"), rows)


def _write_waiting(turn: Turn, changes: Sequence[Open]) -> None:
    rows = ((turn.subscription.pk, change.customer, change.id, _ripe_at(turn, change)) for change in changes)
    _write(Waiting, ("subscription", "customer", "change", "ripe_at"), rows)


def _write(model: type[Model], names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Plain SQL: making 100,000 model instances would take longer than all the rest."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns, places = ", ".join(field.column for field in fields), ", ".join(["%s"] * len(fields))
    prepare = [cache(partial(field.get_db_prep_value, connection=connection)) for field in fields]
    prepared = [[do(value) for do, value in zip(prepare, row, strict=True)] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({places})", prepared)


def _ripe_at(turn: Turn, change: Open) -> datetime:
    """When it has lasted long enough and its customer has cooled down."""
    subscription, net = turn.subscription, turn.net
    moments = [turn.now]
    if subscription.minimum_stay is not None:
        moments.append(net.times[change.version] + subscription.minimum_stay)
    if subscription.cool_down is not None and change.customer in net.told_at:
        moments.append(net.told_at[change.customer] + subscription.cool_down)
    return max(moments)


def _outcomes(turn: Turn) -> Iterator[tuple[Open, Settlement.Outcome | None, str]]:
    """What becomes of each open change, and why if it is not asked for; None of one that waits.

    Newest first: the first change met of a customer is its last one, which carries the net change.
    """
    seen = BitMap()
    new = new_changes(turn.subscription, turn.net.version).order_by("-version", "-id")
    for change in chain(rows(new), reversed(turn.net.taken)):
        if change.customer in seen:
            yield change, Settlement.Outcome.CANCELLED, ""
        else:
            seen.add(change.customer)
            yield change, *_outcome(turn.net, change)


def _outcome(net: Net, change: Open) -> tuple[Settlement.Outcome | None, str]:
    customer = change.customer
    if customer in net.waiting:
        return None, ""
    if customer in (net.added if change.change == ChangeKind.ADDED else net.removed):
        return Settlement.Outcome.TOLD, ""
    reasons = ((net.kind, Settlement.Why.KIND), (net.once, Settlement.Why.ONCE), (net.dropped, Settlement.Why.DROPPED))
    for customers, why in reasons:
        if customer in customers:
            return Settlement.Outcome.UNWANTED, why
    return Settlement.Outcome.CANCELLED, ""


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
