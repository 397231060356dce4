"""Out of the door: claim a delivery, send it, record what became of it, and when to try again.

Which channel has its turn is decided in `dispatch.py`. Nothing is locked while a request is under way. A claim is
committed before the request and counts as an attempt, so that a message which kills its process is given up in the
end too; it already names the time of the next attempt, so that one which is cut off follows the same schedule.
`mark_delivered`, `mark_waiting`, `mark_dead` and `mark_replayed` are the only writers of a delivery's state.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from time import perf_counter

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from notifications import compose
from notifications.channels import CHANNELS
from notifications.channels.base import ChannelKind, Letter, Outcome
from notifications.compose_alert import alert_messages
from notifications.message import AlertText, Message
from notifications.models import Attempt, Channel, Delivery, Subscription
from notifications.sending import send
from notifications.standing import mark_channel, mark_tested
from notifications.telling import recipients_of

DELAYS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before each attempt, counted from the one before: ten attempts in about 76 hours."""
JITTER = 0.1
LEASE = timedelta(seconds=60)
"""How long a claim holds: several times what a send may take."""
SETTLED = (Delivery.State.DELIVERED, Delivery.State.DEAD)
MOST_REPLAYED = 10_000
"""Deliveries of one search that are sent again at once."""
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(hours=24)
"""Bounds of what a destination may ask for."""


@dataclass(frozen=True)
class Claim:
    """A delivery that is this worker's alone until the lease ends."""

    delivery: Delivery
    owner: uuid.UUID
    attempt: Attempt


def claimable(now: datetime) -> QuerySet[Delivery]:
    """What waits and is due, and is on its way with nobody."""
    unleased = Q(leased_until=None) | Q(leased_until__lte=now)
    return Delivery.objects.filter(unleased, state=Delivery.State.PENDING, next_attempt_at__lte=now)


def on_their_way(now: datetime) -> QuerySet[Delivery]:
    """What a worker sends just now, or was sending when it died, until its lease ends."""
    return Delivery.objects.filter(leased_by__isnull=False, leased_until__gt=now)


def due_deliveries(now: datetime, channel_id: uuid.UUID | None = None) -> list[uuid.UUID]:
    """Ids of the deliveries to send, of one channel if given, oldest first; paused and busy channels wait."""
    busy = on_their_way(now).filter(channel=OuterRef("channel"))
    due = claimable(now).filter(~Exists(busy), channel__paused_at=None)
    if channel_id is not None:
        due = due.filter(channel=channel_id)
    return list(due.order_by("created_at", "batch__sequence", "part", "recipient").values_list("pk", flat=True))


def deliver(delivery_id: uuid.UUID, now: datetime) -> Attempt | None:
    """Send one delivery once and record how it went; none when there was nothing to claim.

    That is: not due any more, claimed by another worker, its channel paused or busy with another delivery, or given
    up because even its last attempt was cut off.
    """
    claim = _claim(delivery_id, now)
    if claim is None:
        return None
    delivery = claim.delivery
    started = perf_counter()
    outcome = send(delivery.channel, Letter(str(delivery.pk), delivery.content, delivery.recipient))
    _finish(claim, outcome, timedelta(seconds=perf_counter() - started))
    return claim.attempt


def send_test(channel: Channel, now: datetime, message: Message | AlertText | None = None) -> Outcome:
    """Send an example to the channel, the same way as everything else, once. Only the channel's state is stored,
    and of a channel that is not saved nothing. Unless given, the message is one of its first subscription.

    With several recipients the first failure is the outcome.
    """
    seed = uuid.uuid4()
    ids = {recipient: str(uuid.uuid5(seed, recipient)) for recipient in recipients_of(channel)}
    content = _write_test(CHANNELS[channel.kind], message or _example_for(channel, now), next(iter(ids.values())))
    outcomes = [send(channel, Letter(id, content, recipient)) for recipient, id in ids.items()]
    outcome = next((outcome for outcome in outcomes if not outcome.succeeded), outcomes[-1])
    mark_tested(channel.pk, outcome, now)
    return outcome


def _write_test(kind: ChannelKind, message: Message | AlertText, id: str) -> str:
    if isinstance(message, Message):
        return kind.write(replace(message, id=id))
    first, *_ = alert_messages(message, kind.limits)
    return kind.write_alert(replace(first, id=id))


def _example_for(channel: Channel, now: datetime) -> Message:
    subscription = Subscription.objects.filter(channel=channel).select_related("cohort").first()
    options = {} if subscription is None else {"fields": subscription.fields}
    return compose.example(subscription.cohort if subscription else None, now, **options)


def replay(deliveries: Iterable[uuid.UUID], now: datetime) -> int:
    """Send these again, from the start of the schedule: those that were given up or delivered; how many they were.

    They keep their ids, by which a receiver that has them already knows them, and their earlier attempts.
    """
    settled = Delivery.objects.filter(pk__in=list(deliveries), state__in=SETTLED)
    return mark_replayed(settled, now)


def replay_found(found: QuerySet[Delivery], now: datetime) -> int:
    """Send again what was found and is settled, up to MOST_REPLAYED of them, oldest first; how many they were."""
    settled = found.filter(state__in=SETTLED).order_by("created_at", "pk")
    return mark_replayed(Delivery.objects.filter(pk__in=settled.values("pk")[:MOST_REPLAYED], state__in=SETTLED), now)


def mark_delivered(delivery: QuerySet[Delivery], at: datetime) -> bool:
    """It arrived; whether there was such a delivery."""
    return bool(
        delivery.update(
            state=Delivery.State.DELIVERED, delivered_at=at, last_error="", leased_by=None, leased_until=None
        )
    )


def mark_waiting(delivery: QuerySet[Delivery], error: str, next_attempt_at: datetime) -> bool:
    """It did not arrive and will be tried again; whether there was such a delivery."""
    return bool(delivery.update(last_error=error, next_attempt_at=next_attempt_at, leased_by=None, leased_until=None))


def mark_dead(delivery: QuerySet[Delivery], error: str) -> bool:
    """It is given up, for the reason that `error` says; whether there was such a delivery."""
    return bool(delivery.update(state=Delivery.State.DEAD, last_error=error, leased_by=None, leased_until=None))


def mark_replayed(deliveries: QuerySet[Delivery], now: datetime) -> int:
    """They are sent once more; attempts go on counting, the schedule starts anew. How many they were."""
    return deliveries.update(
        state=Delivery.State.PENDING,
        replayed_after=F("attempt_count"),
        next_attempt_at=now,
        delivered_at=None,
        last_error="",
    )


def _claim(delivery_id: uuid.UUID, now: datetime) -> Claim | None:
    """Durable: when this returns, the attempt is committed and counted."""
    with transaction.atomic(durable=True):
        channel = _lock_channel(delivery_id)
        if channel is None or channel.paused_at or on_their_way(now).filter(channel=channel).exists():
            return None
        exhausted = Q(attempt_count__gte=F("replayed_after") + len(DELAYS))
        if mark_dead(claimable(now).filter(exhausted, pk=delivery_id), _given_up("it was cut off")):
            return None
        owner = uuid.uuid4()
        number = F("attempt_count") + 1
        claimed = claimable(now).filter(pk=delivery_id)
        if not claimed.update(attempt_count=number, leased_by=owner, leased_until=now + LEASE):
            return None
        delivery = Delivery.objects.select_related("channel").get(pk=delivery_id)
        Delivery.objects.filter(pk=delivery_id).update(next_attempt_at=now + _delay(delivery))
        attempt = Attempt.objects.create(delivery=delivery, number=delivery.attempt_count, started_at=now)
    return Claim(delivery, owner, attempt)


def _lock_channel(delivery_id: uuid.UUID) -> Channel | None:
    """Two claims of one channel at once would both find it free: here the second waits for the first to commit."""
    channels = Channel.every.filter(deliveries=delivery_id)
    return channels.select_for_update(no_key=True).first()  # others may go on adding deliveries to it


@transaction.atomic
def _finish(claim: Claim, outcome: Outcome, took: timedelta) -> None:
    """Write what became of the attempt; of the delivery only if it is still ours."""
    delivery, attempt = claim.delivery, claim.attempt
    _lock_channel(delivery.pk)
    _record(attempt, outcome, took)
    ended = attempt.started_at + took
    ours = Delivery.objects.filter(pk=delivery.pk, leased_by=claim.owner)  # whoever settles it lets go of it
    if _mark(ours, delivery, outcome, ended) and not outcome.spares_channel:
        mark_channel(delivery.channel_id, outcome, ended, took)


def _mark(ours: QuerySet[Delivery], delivery: Delivery, outcome: Outcome, ended: datetime) -> bool:
    if outcome.succeeded:
        return mark_delivered(ours, ended)
    if outcome.permanent:
        return mark_dead(ours, f"Given up: {outcome.error}")
    if _tries(delivery) >= len(DELAYS):
        return mark_dead(ours, _given_up(outcome.error))
    return mark_waiting(ours, outcome.error, ended + max(_delay(delivery), _asked(outcome)))


def _given_up(error: str) -> str:
    return f"Given up after {len(DELAYS)} attempts; the last one: {error}"


def _record(attempt: Attempt, outcome: Outcome, took: timedelta) -> None:
    attempt.duration = took
    attempt.succeeded = outcome.succeeded
    attempt.status = outcome.status[:60]
    attempt.error = outcome.error
    attempt.answer = outcome.answer
    kept = Attempt.objects.filter(pk=attempt.pk)
    kept.update(
        duration=took, succeeded=outcome.succeeded, status=attempt.status, error=attempt.error, answer=attempt.answer
    )


def _delay(delivery: Delivery) -> timedelta:
    """From this attempt to the next, a little different for each, so that they do not all come back at once.

    Follows from the delivery and its attempt, so that it is the same whoever asks.
    """
    scheduled = DELAYS[min(_tries(delivery), len(DELAYS) - 1)]
    return scheduled * Random(f"{delivery.pk} {delivery.attempt_count}").uniform(1 - JITTER, 1 + JITTER)


def _tries(delivery: Delivery) -> int:
    """Attempts since it was made or replayed."""
    return delivery.attempt_count - delivery.replayed_after


def _asked(outcome: Outcome) -> timedelta:
    """What the destination asked for (Retry-After), within bounds. It lengthens the schedule, never shortens it:
    ten attempts a second apart would give up in ten seconds."""
    if outcome.retry_after is None:
        return timedelta(0)
    asked = timedelta(seconds=min(outcome.retry_after, LONGEST_WAIT.total_seconds()))
    return max(SHORTEST_WAIT, asked)
