"""Batches that a person looks at first: too many at once, or events that stopped coming in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from cohorts.enums import Reason
from cohorts.models import MembershipChange
from cohortsite.pipeline import run_cycle
from ingest.columns import open_columns
from ingest.silence import silence
from notifications.batching import due_subscriptions, settle, subscribe
from notifications.holds import LOOK_AGAIN, decide, hold_of
from notifications.models import Batch, Delivery, Hold, Settlement
from tests.factories import make_channel, make_cohort, make_customer, make_event, make_person, make_user
from tests.notifications.history import move, start
from tests.notifications.test_batching import told

PERIOD, HOUR = timedelta(minutes=15), timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohort():
    return make_cohort(name="Quiet for a week")


@pytest.fixture
def people():
    return [make_customer(f"user-{number:02}") for number in range(30)]


@pytest.fixture
def held(cohort, people, now):
    """A subscription with 20 customers held, five minutes after `now` + PERIOD was."""
    start(cohort, now, people[20:])
    subscription = subscribe(cohort, make_channel(), now=now, period=PERIOD, hold_above=15)
    move(cohort, now + PERIOD, added=people[:20])
    assert settle(subscription, now + PERIOD) is None
    return subscription


def outcomes(subscription) -> dict[tuple[str, str], int]:
    rows = list(subscription.settlements.values_list("outcome", "why"))
    return {row: rows.count(row) for row in set(rows)}


def test_more_customers_than_set_are_held_and_nothing_of_them_is_settled(held, now):
    hold = hold_of(held)
    assert hold.why == "20 customers would be told of at once, more than 15."
    assert (hold.added, hold.removed, hold.held_at) == (20, 0, now + PERIOD)
    assert not Batch.objects.exists()
    assert not Settlement.objects.exists()


def test_as_many_as_set_are_told(cohort, people, now):
    start(cohort, now)
    subscription = subscribe(cohort, make_channel(), now=now, hold_above=15)
    move(cohort, now + PERIOD, added=people[:15])
    assert settle(subscription, now + PERIOD).added == 15


@pytest.mark.parametrize(("joined", "is_held"), [(10, True), (9, False)])
def test_a_share_of_the_cohort_is_held_but_not_of_a_few_customers(cohort, people, now, joined, is_held):
    start(cohort, now, people[10:])
    subscription = subscribe(cohort, make_channel(), now=now, hold_above_percent=20)
    move(cohort, now + PERIOD, added=people[:joined])
    assert (settle(subscription, now + PERIOD) is None) is is_held
    if is_held:
        assert hold_of(subscription).why == "10 customers would be told of at once: 33 % of the cohort, more than 20 %."


def test_members_that_were_asked_for_at_the_start_are_not_held(cohort, people, now):
    start(cohort, now, people)
    choices = {"hold_above": 5, "hold_above_percent": 5, "tell_existing": True}
    subscription = subscribe(cohort, make_channel(), now=now, **choices)
    assert settle(subscription, now + PERIOD).added == 30


def test_while_it_is_held_nothing_is_told_and_it_is_looked_at_now_and_then(held, cohort, people, now):
    at = now + PERIOD
    move(cohort, at + timedelta(minutes=1), added=[make_customer("new")])
    assert due_subscriptions(at + LOOK_AGAIN - timedelta(minutes=1)) == []
    assert due_subscriptions(at + LOOK_AGAIN) == [held]
    assert settle(held, at + LOOK_AGAIN) is None
    hold = hold_of(held)
    assert (hold.added, hold.looked_at, hold.held_at) == (21, at + LOOK_AGAIN, at)
    assert Hold.objects.count() == 1


def test_what_is_sent_is_told_at_once_with_the_next_number(held, now):
    boss = make_person()
    assert decide(hold_of(held), Hold.Decision.SEND, boss, now + HOUR)
    assert due_subscriptions(now + HOUR) == [held]
    batch = settle(held, now + HOUR)
    assert (batch.sequence, batch.added) == (1, 20)
    assert outcomes(held) == {("told", ""): 20}
    ended = Hold.objects.get()
    assert (ended.outcome, ended.ended_at, ended.decided_by) == ("sent", now + HOUR, boss)
    assert due_subscriptions(now + 9 * HOUR) == []


def test_what_is_dropped_is_settled_as_not_asked_for_and_leaves_no_gap(held, cohort, people, now):
    assert decide(hold_of(held), Hold.Decision.DROP, None, now + HOUR)
    assert settle(held, now + HOUR) is None
    assert outcomes(held) == {("unwanted", "dropped"): 20}
    assert Hold.objects.get().outcome == "dropped"
    move(cohort, now + 2 * HOUR, removed=people[:1])
    batch = settle(held, now + 2 * HOUR)
    assert (batch.sequence, told(batch)) == (1, ([], ["user-00"]))


def test_a_decision_is_about_those_who_were_held_and_the_others_are_told_as_ever(held, cohort, people, now):
    newcomers = [make_customer(f"new-{number}") for number in range(3)]
    move(cohort, now + PERIOD + timedelta(minutes=5), added=newcomers, removed=people[:1])
    decide(hold_of(held), Hold.Decision.DROP, None, now + HOUR)
    assert told(settle(held, now + HOUR)) == (["new-0", "new-1", "new-2"], [])
    assert outcomes(held) == {("told", ""): 3, ("unwanted", "dropped"): 19, ("cancelled", ""): 2}


def test_newcomers_that_are_too_many_are_to_be_decided_anew(held, cohort, now):
    decide(hold_of(held), Hold.Decision.SEND, None, now + HOUR)
    move(cohort, now + HOUR, added=[make_customer(f"new-{number}") for number in range(16)])
    assert settle(held, now + HOUR) is None
    hold = hold_of(held)
    assert (hold.decision, hold.added, hold.revision) == ("", 36, 2)
    assert hold.why == "16 customers would be told of at once, more than 15."
    assert not Settlement.objects.exists()
    decide(hold, Hold.Decision.SEND, None, now + HOUR)
    assert settle(held, now + HOUR).added == 36


def test_a_hold_ends_by_itself_when_the_changes_turn(held, cohort, people, now):
    move(cohort, now + PERIOD + timedelta(minutes=5), removed=people[:20])
    assert settle(held, now + PERIOD + LOOK_AGAIN) is None
    assert Hold.objects.get().outcome == "lifted"
    assert outcomes(held) == {("cancelled", ""): 40}
    assert not Batch.objects.exists()


def test_a_decision_is_made_once_and_only_about_what_was_seen(held, now):
    hold = hold_of(held)
    assert not decide(hold, Hold.Decision.SEND, None, now + HOUR, revision=2)
    assert decide(hold, Hold.Decision.SEND, None, now + HOUR, revision=1)
    assert not decide(hold, Hold.Decision.DROP, None, now + HOUR)
    settle(held, now + HOUR)
    assert not decide(hold, Hold.Decision.DROP, None, now + HOUR)


def test_a_decision_that_comes_while_a_worker_computes_is_not_lost(held, cohort, people, now, monkeypatch):
    """The worker found the hold undecided and no longer needed; meanwhile it was dropped."""
    move(cohort, now + PERIOD + timedelta(minutes=5), removed=people[:10])
    hold = hold_of(held)

    def decide_meanwhile(*_):
        assert decide(hold, Hold.Decision.DROP, None, now + HOUR)
        return ""

    monkeypatch.setattr("notifications.batching.doubt", decide_meanwhile)
    assert settle(held, now + HOUR) is None
    assert not Settlement.objects.exists()
    monkeypatch.undo()
    settle(held, now + HOUR)
    assert outcomes(held) == {("unwanted", "dropped"): 10, ("cancelled", ""): 20}


def test_there_is_one_hold_of_a_subscription_at_a_time(held, now):
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.create(subscription=held, customers=b"", added=0, removed=0, held_at=now, looked_at=now)


def test_operators_are_told_once_that_something_is_held(cohort, people, now):
    make_channel("email", config={"recipients": ["ops@example.com"]}, tells_operators=True)
    start(cohort, now)
    channel = make_channel(name="Growth team")
    subscription = subscribe(cohort, channel, now=now, hold_above=15)
    move(cohort, now + PERIOD, added=people[:20])
    settle(subscription, now + PERIOD)
    settle(subscription, now + PERIOD + LOOK_AGAIN)
    notice = Delivery.objects.get(about="notice")
    assert notice.title == "Held: Quiet for a week to Growth team"
    assert "20 customers would be told of at once, more than 15." in notice.content


# --- Events that stopped coming in


def heard(now, *, days: int, every: timedelta):
    """Events of one customer, up to `now`."""
    ann = make_user("ann", now - timedelta(days=days))
    at = now - timedelta(days=days)
    while at <= now:
        make_event(ann, at)
        at += every
    open_columns().seal(now)


def gone_quiet(cohort, people, at):
    move(cohort, at, added=people)
    MembershipChange.objects.update(reason=Reason.TIME)


def test_who_went_quiet_is_held_while_no_events_come_in(cohort, people, now):
    heard(now, days=4, every=HOUR)
    start(cohort, now)
    subscription = subscribe(cohort, make_channel(), now=now)
    at = now + 3 * HOUR
    gone_quiet(cohort, people[:20], at)
    assert settle(subscription, at) is None
    assert hold_of(subscription).why == (
        "No event has come in for 3\xa0hours (usually never longer than 1 hour), and 20 customers moved by time alone: "
        "they may not have gone quiet at all."
    )
    make_event(make_user("bob", at), at + timedelta(minutes=1))
    open_columns().seal(at + PERIOD)
    assert settle(subscription, at + LOOK_AGAIN).added == 20  # events come in again, and they are quiet still
    assert Hold.objects.get().outcome == "lifted"


def test_the_whole_cycle_finds_a_silence_and_goes_on_after_a_decision(now):
    """Twelve customers call every hour; then nobody is heard, and all of them seem to have gone quiet."""
    users = [make_user(f"user-{number:02}", now - timedelta(days=4)) for number in range(12)]
    for user in users:
        for hours in range(4 * 24):
            make_event(user, now - hours * HOUR)
    silent = {"performed": {"type": "api_call"}, "at_most": 0, "within": {"last": "3h"}}
    cohort = make_cohort(criteria={"version": 1, "match": silent})
    run_cycle(now)
    subscription = subscribe(cohort, make_channel(), now=now)
    report = run_cycle(now + 4 * HOUR)
    assert [evaluation.added for evaluation in report.evaluations] == [12]
    assert report.batches == []
    decide(hold_of(subscription), Hold.Decision.DROP, None, now + 4 * HOUR)
    assert run_cycle(now + 4 * HOUR).batches == []
    assert outcomes(subscription) == {("unwanted", "dropped"): 12}


@pytest.mark.parametrize(
    ("choices", "reason", "number"),
    [
        ({"hold_when_silent": False}, Reason.TIME, 20),
        ({}, Reason.PROFILE, 20),
        ({}, Reason.TIME, 9),
    ],
    ids=["switched off", "not by time", "a few"],
)
def test_what_is_told_while_no_events_come_in(cohort, people, now, choices, reason, number):
    heard(now, days=4, every=HOUR)
    start(cohort, now)
    subscription = subscribe(cohort, make_channel(), now=now, **choices)
    move(cohort, now + 3 * HOUR, added=people[:number])
    MembershipChange.objects.update(reason=reason)
    assert settle(subscription, now + 3 * HOUR).added == number


@pytest.mark.parametrize(
    ("days", "every", "later", "is_silent"),
    [
        (4, HOUR, timedelta(hours=3), True),
        (4, HOUR, timedelta(hours=2), False),
        (4, 6 * HOUR, timedelta(hours=12), False),
        (4, 6 * HOUR, timedelta(hours=13), True),
        (2, HOUR, timedelta(hours=9), False),
    ],
    ids=["silent", "a short while", "events are rare", "even for rare events", "too little is known"],
)
def test_a_silence_is_longer_than_any_that_is_usual(now, days, every, later, is_silent):
    heard(now, days=days, every=every)
    assert (silence(now + later) is not None) is is_silent


def test_where_nothing_ever_came_in_there_is_no_silence(now):
    assert silence(now) is None
