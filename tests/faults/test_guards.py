"""Each condition in the WHERE of a claim, a fence or a finish is needed: without it the promise breaks.

A guard is a column in the WHERE of an UPDATE, whatever code builds it (`updates.Guard`). For each there is a story:
somebody else acts between reading and writing, so that this condition alone no longer holds, and the work then has to
leave no trace. The same story without the condition leaves one. `test_every_guard_has_a_story` fails for one without.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Model
from pyroaring import BitMap

from cohorts.models import Cohort, Evaluation, Membership, MembershipChange
from cohorts.refresh import refresh_cohorts
from ingest.arrivals import record_arrivals
from ingest.columns import compact, open_columns
from ingest.columns.seal import assign
from ingest.models import SealQueue, Segment
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.models import Alert, AlertChange, AlertRule
from notifications.alerts.watch import watch
from notifications.batching import settle, subscribe
from notifications.delivery import DELAYS, deliver, replay, send_test
from notifications.holds import decide
from notifications.models import Attempt, Batch, Channel, Delivery, Hold, Settlement, Subscription
from notifications.notices import own_channel
from tests.factories import (
    NOON,
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
from tests.faults.updates import Guard, another_worker_before, guards_of, watched, without
from tests.notifications.alerts.rows import make_alert
from tests.notifications.history import move, start
from tests.notifications.test_batching import at_once
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4
LATER = timedelta(minutes=15)
OURS = ("ingest", "cohorts", "notifications", "alerts")


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


def _set(model: type[Model], **values: Any) -> Callable[[], object]:
    """Another worker, or a person, writes these values into all rows of the model."""
    return lambda: model._default_manager.update(**values)


def _nothing() -> None:
    """Nobody else acts: the condition alone decides."""


SOMEBODY, FAR = uuid.UUID(int=7), datetime.fromisoformat("2040-01-01T00:00:00+00:00")
an_acknowledgement = an_attending(lambda alert: acknowledge(alert, None, now=NOON))
a_snooze = an_attending(lambda alert: snooze(alert, FAR, None, now=NOON))
a_waking = an_attending(lambda alert: wake(alert, None, now=NOON), snoozed_until=FAR)
RESOLVED = {"resolved_at": FAR, "end": "edited"}
TAKEN = {"leased_by": SOMEBODY, "leased_until": FAR}
STORIES: dict[str, tuple[Callable[..., Stage], Guard, Callable[[], object]]] = {
    # the fences of a membership
    "the cohort was edited": (
        an_evaluation,
        (Cohort, "evaluated_at", "definition_version"),
        _set(Cohort, definition_version=2),
    ),
    "others evaluated it": (an_evaluation, (Membership, "members", "version"), _set(Membership, version=2)),
    "it was edited since it failed": (
        a_failed_evaluation,
        (Cohort, "error", "definition_version"),
        _set(Cohort, definition_version=2),
    ),
    # the fence of batching
    "the subscription was paused": (a_batch, (Subscription, "turn", "paused_at"), _set(Subscription, paused_at=FAR)),
    "others had their turn": (a_batch, (Subscription, "turn", "turn"), _set(Subscription, turn=7)),
    # a decision about a batch that is held
    "the hold ended": (a_decision, (Hold, "decided_at", "ended_at"), _set(Hold, ended_at=FAR)),
    "others decided": (a_decision, (Hold, "decided_at", "decision"), _set(Hold, decision="drop")),
    "others are in it now": (a_decision, (Hold, "decided_at", "revision"), _set(Hold, revision=7)),
    # the claim of a delivery
    "it was given up": (a_claim, (Delivery, "leased_by", "state"), _set(Delivery, state="dead")),
    "it was put off": (a_claim, (Delivery, "leased_by", "next_attempt_at"), _set(Delivery, next_attempt_at=FAR)),
    "another worker has it": (a_claim, (Delivery, "leased_by", "leased_until"), _set(Delivery, **TAKEN)),
    # giving up what was cut off at its last attempt
    "an attempt is left": (a_claim_that_is_not_the_last, (Delivery, "last_error", "attempt_count"), _nothing),
    "the last attempt arrived": (a_giving_up, (Delivery, "last_error", "state"), _set(Delivery, state="delivered")),
    "the last attempt is to come": (
        a_giving_up,
        (Delivery, "last_error", "next_attempt_at"),
        _set(Delivery, next_attempt_at=FAR),
    ),
    "the last attempt is on its way": (a_giving_up, (Delivery, "last_error", "leased_until"), _set(Delivery, **TAKEN)),
    # the finish of a delivery
    "another took over, it arrived": (
        a_finish(200),
        (Delivery, "delivered_at", "leased_by"),
        _set(Delivery, leased_by=SOMEBODY),
    ),
    "another took over, it waits": (
        a_finish(500),
        (Delivery, "last_error", "leased_by"),
        _set(Delivery, leased_by=SOMEBODY),
    ),
    "another took over, it is dead": (
        a_finish(410),
        (Delivery, "last_error", "leased_by"),
        _set(Delivery, leased_by=SOMEBODY),
    ),
    # how a channel stands, and replay
    "it failed before": (a_failure, (Channel, "failing_since", "failed_attempts"), _nothing),
    "it failed before the test": (a_test, (Channel, "failing_since", "failing_since"), _nothing),
    "it was never switched off": (a_success, (Channel, "disabled_at", "disabled_at"), _nothing),
    "it was switched off while it arrived": (
        a_success,
        (Channel, "disabled_at", "paused_at"),
        _set(Channel, paused_at=FAR, disabled_at=FAR),
    ),
    "a person paused it": (an_end, (Channel, "paused_at", "paused_at"), _set(Channel, paused_at=FAR)),
    "it is nobody's to mend": (an_end_of_the_own, (Channel, "paused_at", "is_own"), _nothing),
    "it waits already": (a_replay, (Delivery, "replayed_after", "state"), _set(Delivery, state="pending")),
    # the fence of alert rules, and what people do about alerts
    "others judged it": (a_judging, (AlertRule, "judged_until", "turn"), _set(AlertRule, turn=7)),
    "others judged it since it failed": (a_failed_judging, (AlertRule, "error", "turn"), _set(AlertRule, turn=7)),
    "somebody else looks after it": (
        an_acknowledgement,
        (Alert, "acknowledged_at", "acknowledged_at"),
        _set(Alert, acknowledged_at=FAR),
    ),
    "it resolved before anybody knew": (
        an_acknowledgement,
        (Alert, "acknowledged_at", "resolved_at"),
        _set(Alert, **RESOLVED),
    ),
    "it resolved before it was snoozed": (a_snooze, (Alert, "snoozed_until", "resolved_at"), _set(Alert, **RESOLVED)),
    "it is awake": (a_waking, (Alert, "snoozed_until", "snoozed_until"), _set(Alert, snoozed_until=None)),
    # the list of segments
    "others published it": (a_sealing, (Segment, "published_at", "state"), _set(Segment, state="published")),
    "others merged it": (a_merge, (Segment, "replaced_at", "state"), _set(Segment, state="replaced")),
}
"""What happened meanwhile -> the stage, the guard, and what somebody else does."""

NO_STORY = {
    (
        SealQueue,
        "segment",
        "segment",
    ): "stands twice on purpose, for PostgreSQL; see test_rows_are_given_to_one_segment",
    (SealQueue, "segment", "source"): "chooses rows, guards nothing",
    (Segment, "summary", "summary"): "chooses rows, guards nothing",
}
"""What stands in a WHERE and guards nothing by itself."""


@pytest.mark.django_db
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("story", STORIES)
def test_a_guard_holds_and_without_it_the_promise_breaks(story, guarded, now, receiver):
    make_stage, guard, acts = STORIES[story]
    stage = make_stage(now, receiver)
    before = stage.trace()
    with nullcontext() if guarded else without(guard), another_worker_before(guard, acts):
        stage.act()
    assert (stage.trace() == before) == guarded


@pytest.mark.django_db
def test_every_guard_has_a_story(now, receiver):
    updates: list[set[Guard]] = []
    for make_stage in dict.fromkeys(make_stage for make_stage, _, _ in STORIES.values()):
        stage = make_stage(now, receiver)
        with watched(lambda update, written: updates.append(guards_of(update, written))):
            stage.act()
    known = {guard for _, guard, _ in STORIES.values()} | set(NO_STORY)
    untold = [
        f"{model.__name__}: {asked}"
        for guards in updates
        for model, asked in {(model, asked) for model, _, asked in guards if model._meta.app_label in OURS}
        if not any(guard in known for guard in guards if guard[2] == asked)
    ]
    assert not untold, sorted(set(untold))
    assert known <= set().union(*updates)


@pytest.mark.django_db(transaction=True)
def test_rows_are_given_to_one_segment(now):
    """Two workers that assign at once: PostgreSQL lets the second wait, and asks again of each row what it asked."""
    for _ in range(5):
        ann = make_user("ann", now)
        make_event(ann, now)
        at_once(lambda: assign(Segment.Kind.EVENTS, now), workers=3)
        assert SealQueue.objects.filter(source="event", segment=None).count() == 0
        assert Segment.objects.filter(kind="events").count() == 1
        SealQueue.objects.all().delete()
        Segment.objects.all().delete()
