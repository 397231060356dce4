"""What the stories about guards play on: a piece of work, and how to see what it left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pyroaring import BitMap

from cohorts.models import Cohort, Evaluation, MembershipChange
from cohorts.refresh import refresh_cohorts
from ingest.arrivals import record_arrivals
from ingest.columns import compact, open_columns
from ingest.models import Segment
from notifications.alerts.models import Alert, AlertChange, AlertRule
from notifications.alerts.watch import watch
from notifications.batching import settle, subscribe
from notifications.delivery import DELAYS, deliver, replay, send_test
from notifications.holds import decide
from notifications.models import Attempt, Batch, Channel, Delivery, Hold, Settlement
from notifications.notices import own_channel
from tests.factories import (
    make_batch,
    make_channel,
    make_cohort,
    make_customer,
    make_delivery,
    make_event,
    make_subscription,
    make_told,
    make_user,
)
from tests.faults.alerts import burst, make_alerting
from tests.notifications.alerts.rows import make_alert
from tests.notifications.history import move, start
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4
LATER = timedelta(minutes=15)


@dataclass
class Stage:
    """What a story plays on: `act` is the work, `trace` says what it left."""

    act: Callable[[], object]
    trace: Callable[[], Any]


def a_batch(now, receiver) -> Stage:
    cohort, people = make_cohort(), [make_customer() for _ in range(2)]
    start(cohort, now)
    subscription = subscribe(cohort, make_channel(), now=now)
    move(cohort, now + LATER, added=people)
    return Stage(
        lambda: settle(subscription, now + LATER),
        lambda: (Batch.objects.count(), Settlement.objects.count(), Delivery.objects.count()),
    )


def a_decision(now, receiver) -> Stage:
    values = {"customers": BitMap().serialize(), "added": 1, "removed": 0, "why": "many", "looked_at": now}
    hold = Hold.objects.create(subscription=make_subscription(), held_at=now, **values)
    return Stage(
        lambda: decide(hold, Hold.Decision.SEND, None, now, hold.revision),
        lambda: list(Hold.objects.values_list("decided_at")),
    )


def a_claim(now, receiver) -> Stage:
    waiting = _waiting(receiver)
    return Stage(lambda: deliver(waiting.pk, now), lambda: (len(receiver.requests), Attempt.objects.count()))


def a_claim_that_is_not_the_last(now, receiver) -> Stage:
    waiting = _waiting(receiver, attempt_count=len(DELAYS) - 1)
    return Stage(lambda: deliver(waiting.pk, now), lambda: Delivery.objects.filter(state="dead").count())


def a_giving_up(now, receiver) -> Stage:
    waiting = _waiting(receiver, attempt_count=len(DELAYS))
    return Stage(lambda: deliver(waiting.pk, now), lambda: list(Delivery.objects.values_list("last_error")))


def a_finish(status: int) -> Callable[..., Stage]:
    def stage(now, receiver) -> Stage:
        receiver.always = Answer(status)
        waiting = _waiting(receiver)
        return Stage(
            lambda: deliver(waiting.pk, now),
            lambda: list(Delivery.objects.values_list("state", "delivered_at", "last_error")),
        )

    return stage


def a_failure(now, receiver) -> Stage:
    """The second in a row, ten minutes after the first: a channel fails since the first."""
    receiver.always = Answer(500)
    waiting = _waiting(receiver)
    Channel.objects.update(failing_since=now - timedelta(minutes=10), failed_attempts=1, last_error="answered 500")
    return Stage(lambda: deliver(waiting.pk, now), lambda: list(Channel.objects.values_list("failing_since")))


def a_test(now, receiver) -> Stage:
    receiver.always = Answer(500)
    channel = make_channel(config={"url": receiver.url, "secret": SECRET}, failing_since=now - timedelta(minutes=10))
    return Stage(lambda: send_test(channel, now), lambda: list(Channel.objects.values_list("failing_since")))


def a_success(now, receiver) -> Stage:
    """Operators are told of a channel that works again, and of no other."""
    waiting = _waiting(receiver)
    make_channel(tells_operators=True)
    return Stage(lambda: deliver(waiting.pk, now), lambda: Delivery.objects.filter(about="notice").count())


def an_end(now, receiver) -> Stage:
    """The receiver is gone: the channel is switched off, and operators are told."""
    receiver.always = Answer(410)
    return a_success(now, receiver)


def an_end_of_the_own(now, receiver) -> Stage:
    """Nobody could switch it on again."""
    receiver.always = Answer(410)
    own = own_channel(now)
    Channel.every.update(kind="webhook", config={"url": receiver.url, "secret": SECRET})
    waiting = make_told(own)
    return Stage(lambda: deliver(waiting.pk, now), lambda: list(Channel.every.values_list("paused_at")))


def a_replay(now, receiver) -> Stage:
    waiting = _waiting(receiver, state="dead", last_error="Given up", attempt_count=3)
    return Stage(lambda: replay([waiting.pk], now), lambda: list(Delivery.objects.values_list("replayed_after")))


def an_evaluation(now, receiver) -> Stage:
    cohort = make_cohort(created_at=now)
    refresh_cohorts([cohort], now)
    make_user("ann", now, metadata={"plan": "pro"})
    open_columns().seal(now)
    cohort.refresh_from_db()
    return Stage(
        lambda: refresh_cohorts([cohort], now + LATER),
        lambda: (MembershipChange.objects.count(), Evaluation.objects.count()),
    )


def a_failed_evaluation(now, receiver) -> Stage:
    cohort = make_cohort(created_at=now)
    refresh_cohorts([cohort], now)
    cohort.refresh_from_db()
    cohort.criteria = {"version": 1, "match": {"all": []}}
    return Stage(
        lambda: refresh_cohorts([cohort], now + LATER),
        lambda: (list(Cohort.objects.values_list("error")), Evaluation.objects.count()),
    )


def a_sealing(now, receiver) -> Stage:
    ann = make_user("ann", now)
    open_columns().seal(now)
    make_event(ann, now)
    return Stage(
        lambda: open_columns().seal(now),
        lambda: Segment.objects.filter(kind="events", published_at__isnull=False).count(),
    )


def a_merge(now, receiver) -> Stage:
    ann = make_user("ann", now)
    for minute in range(2):
        make_event(ann, now + timedelta(minutes=minute))
        open_columns().seal(now)
    pair = list(Segment.objects.filter(kind="events"))

    def act() -> None:
        with suppress(compact.Overtaken):
            compact.replace(pair, "events", None, now)

    return Stage(act, lambda: Segment.objects.filter(replaced_at__isnull=False).count())


def a_judging(now, receiver) -> Stage:
    rule = make_alerting(receiver, now)
    burst("acme", now + LATER)
    record_arrivals()
    open_columns().seal(now + LATER)
    return Stage(
        lambda: watch([rule], now + LATER),
        lambda: (Alert.objects.count(), AlertChange.objects.count(), Delivery.objects.count()),
    )


def a_failed_judging(now, receiver) -> Stage:
    rule = make_alerting(receiver, now)
    rule.definition = {"version": 1}
    return Stage(lambda: watch([rule], now + LATER), lambda: list(AlertRule.objects.values_list("error")))


def an_attending(attend: Callable[[Alert], object], **values: Any) -> Callable[..., Stage]:
    def stage(now, receiver) -> Stage:
        alert = make_alert(make_alerting(receiver, now), **values)
        return Stage(lambda: attend(alert), lambda: AlertChange.objects.count())

    return stage


def _waiting(receiver, **values) -> Delivery:
    channel = make_channel(config={"url": receiver.url, "secret": SECRET})
    return make_delivery(make_batch(make_subscription(channel=channel)), **values)
