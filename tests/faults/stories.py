"""For each guard a story: somebody else acts between reading and writing, so that the guard alone no longer holds."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Model

from cohorts.models import Cohort, Membership
from ingest.models import SealQueue, Segment
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.models import Alert, AlertRule
from notifications.models import Channel, Delivery, Hold, Subscription
from tests.factories import NOON
from tests.faults.stages import (
    Stage,
    a_batch,
    a_claim,
    a_claim_that_is_not_the_last,
    a_decision,
    a_failed_evaluation,
    a_failed_judging,
    a_failure,
    a_finish,
    a_giving_up,
    a_judging,
    a_merge,
    a_replay,
    a_sealing,
    a_success,
    a_test,
    an_attending,
    an_end,
    an_end_of_the_own,
    an_evaluation,
)
from tests.faults.updates import Guard


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
