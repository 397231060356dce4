"""What ought to be true of notifications: every change is settled once, every batch is whole, every attempt counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, Subquery

from cohorts.enums import ChangeKind
from cohorts.models import Membership, MembershipChange
from ingest.examination import Check, Examination, Finding, Severity
from notifications import compose
from notifications.delivery import DELAYS, LEASE
from notifications.holds import open_holds
from notifications.models import Attempt, Batch, Channel, Delivery, Settlement, Subscription, Waiting
from notifications.telling import told_id

READ = 5_000
"""Rows fetched at a time."""
LATE = timedelta(minutes=15)
"""How long something may be due."""
HAND = "Rows were changed by hand or restored in part: restore the database from a backup."
WORKER = "Start the worker: manage.py run_worker."


def changes_not_settled_once(examination: Examination) -> Iterator[Finding]:
    """Subscriptions that left a change out, settled one that is not theirs, or let one wait that is settled. That none
    is settled twice the database itself sees to."""
    for subscription in Subscription.objects.select_related("cohort", "channel").iterator(100):
        first, last = subscription.started_version, subscription.settled_version
        due = MembershipChange.objects.filter(cohort=subscription.cohort_id, version__gt=first, version__lte=last)
        theirs = Settlement.objects.filter(subscription=subscription)
        settled = theirs.count()
        examination.seen(settled)
        strange = theirs.filter(
            ~Q(change__cohort=subscription.cohort_id) | Q(change__version__lte=first) | Q(change__version__gt=last)
        ).count()
        waiting = Waiting.objects.filter(subscription=subscription, change__in=due)
        doubled = waiting.filter(change__settlements__subscription=subscription).count()
        missing = due.count() - (settled - strange) - (waiting.count() - doubled)
        if missing:
            what = f'"{subscription}" left out {missing} of the changes up to version {last}.'
            yield Finding(what, f"{HAND} Or catch up from GET /api/cohorts/ID/members/.")
        if strange:
            yield Finding(f'"{subscription}" settled {strange} changes that are not its business.', HAND)
        if doubled:
            yield Finding(f'"{subscription}" settled {doubled} changes and lets them wait too.', HAND)
        newest = Membership.objects.filter(cohort=subscription.cohort_id).values_list("version", flat=True).first()
        if last > (newest or 0):
            yield Finding(f'"{subscription}" has settled more than its cohort has changed.', HAND)


def sequences_with_gaps(examination: Examination) -> Iterator[Finding]:
    """Subscriptions whose batches are not numbered 1, 2, 3 up to the last."""
    numbered = Subscription.objects.annotate(
        number=Count("batches"), first=Min("batches__sequence"), last=Max("batches__sequence")
    )
    whole = Q(sequence=0, number=0) | Q(number=F("sequence"), first=1, last=F("sequence"))
    for subscription in numbered.exclude(whole).select_related("cohort", "channel").iterator(READ):
        yield Finding(
            f'The batches of "{subscription}" are not numbered without gaps up to {subscription.sequence}.', HAND
        )


def batches_that_tell_otherwise(examination: Examination) -> Iterator[Finding]:
    """Batches whose counts are not those of the changes they tell. A first one may tell of existing members too."""
    told = Batch.objects.annotate(
        told_added=Count("settlements", filter=Q(settlements__change__change=ChangeKind.ADDED)),
        told_removed=Count("settlements", filter=Q(settlements__change__change=ChangeKind.REMOVED)),
    )
    existing = Q(subscription__tell_existing=True, sequence=1, told_added__lte=F("added"))
    right = Q(told_removed=F("removed")) & (Q(told_added=F("added")) | existing)
    for batch in told.exclude(right).iterator(READ):
        what = f"Batch {batch.pk} says {batch.added} added and {batch.removed} removed; the changes told in it differ."
        yield Finding(what, HAND)


def batches_that_are_not_whole(examination: Examination) -> Iterator[Finding]:
    """Batches without deliveries, and messages of which a part is missing for some recipient."""
    for batch in Batch.objects.filter(~Exists(Delivery.objects.filter(batch=OuterRef("pk")))).iterator(READ):
        yield Finding(f"Batch {batch.pk} has no delivery: nobody is told of it.", HAND)
    parts = Delivery.objects.order_by().values("batch", "about", "key", "channel", "recipient")
    parts = parts.annotate(
        number=Count("part"), first=Min("part"), last=Max("part"), least=Min("parts"), of=Max("parts")
    )
    for one in parts.exclude(number=F("of"), first=1, last=F("of"), least=F("of")).iterator(READ):
        what = f"Batch {one['batch']}" if one["about"] == "batch" else f'{one["about"].capitalize()} "{one["key"]}"'
        yield Finding(f"{what} has {one['number']} of {one['of']} parts.", HAND)


def ids_that_changed(examination: Examination) -> Iterator[Finding]:
    """Deliveries whose id is not the one that follows from what they are."""
    columns = ("pk", "batch_id", "about", "key", "channel_id", "part", "recipient")
    for pk, batch, about, key, channel, part, recipient in Delivery.objects.values_list(*columns).iterator(READ):
        examination.seen(1)
        of_batch = about == Delivery.About.BATCH
        told = told_id(about, key, channel, part, recipient)
        if pk != (compose.part_id(str(batch), part, recipient) if of_batch else told):
            yield Finding(f"Delivery {pk} should have another id: its receiver may take it for something new.", HAND)


def attempts_not_counted(examination: Examination) -> Iterator[Finding]:
    """Deliveries whose state does not follow from their attempts."""
    of_this = Attempt.objects.filter(delivery=OuterRef("pk"))
    succeeded, pending = of_this.filter(succeeded=True), Q(state=Delivery.State.PENDING)
    delivered, dead = Q(state=Delivery.State.DELIVERED), Q(state=Delivery.State.DEAD)
    limit = len(DELAYS)
    numbers = Delivery.objects.annotate(number=Count("attempts"), last=Max("attempts__number"))
    rules = (
        (
            numbers.filter(Q(number__gt=F("attempt_count")) | Q(last__gt=F("attempt_count"))),
            "more attempts than counted",
        ),
        (Delivery.objects.filter(pending, attempt_count__gt=F("replayed_after") + limit), "more attempts than allowed"),
        (Delivery.objects.filter(delivered & ~Exists(succeeded)), "arrived without an attempt that succeeded"),
        (Delivery.objects.filter(delivered, delivered_at=None), "arrived at no time"),
        (Delivery.objects.filter(dead, last_error=""), "been given up without a reason"),
    )
    for deliveries, fault in rules:
        for delivery in deliveries.only("pk").iterator(READ):
            yield Finding(f"Delivery {delivery.pk} has {fault}.", "Look at its attempts; replay it under Deliveries.")


def waiting_that_nobody_looks_at(examination: Examination) -> Iterator[Finding]:
    """Subscriptions that do not know when the first change that waits can be told."""
    first = Waiting.objects.filter(subscription=OuterRef("pk")).order_by("ripe_at").values("ripe_at")[:1]
    forgotten = Subscription.objects.annotate(first=Subquery(first)).filter(first__isnull=False)
    forgotten = forgotten.filter(Q(ripe_at=None) | Q(ripe_at__gt=F("first")))
    for subscription in forgotten.select_related("cohort", "channel").iterator(READ):
        yield Finding(f'"{subscription}" would tell too late of what waits.', "Save it again: all is looked at anew.")


def holds_that_wait(examination: Examination) -> Iterator[Finding]:
    """Batches that nobody has sent or dropped for a day."""
    for hold in open_holds().filter(held_at__lt=examination.now - timedelta(days=1)):
        what = f'"{hold.subscription}" is held since {hold.held_at:%Y-%m-%d %H:%M} UTC: {hold.why}'
        yield Finding(what, "Send or drop it under Deliveries.", Severity.WARNING)


def leases_over_their_limit(examination: Examination) -> Iterator[Finding]:
    """Deliveries that nobody took over, or that are held for longer than any worker may."""
    leased = Delivery.objects.filter(leased_by__isnull=False)
    for delivery in leased.filter(leased_until__lt=examination.now - LATE, channel__paused_at=None).iterator(READ):
        what = f"Delivery {delivery.pk} was being sent when its worker died, and nobody has taken it over."
        yield Finding(what, WORKER)
    for delivery in leased.filter(leased_until__gt=examination.now + 2 * LEASE).iterator(READ):
        what = f"Delivery {delivery.pk} is held until {delivery.leased_until:%Y-%m-%d %H:%M} UTC, longer than may be."
        yield Finding(what, "Set the clocks of the machines right.")
    for delivery in leased.exclude(state=Delivery.State.PENDING).iterator(READ):
        yield Finding(f"Delivery {delivery.pk} is {delivery.state} but still held by a worker.", HAND)


def deliveries_that_wait(examination: Examination) -> Iterator[Finding]:
    """What was given up, and what is due and not sent."""
    dead = Delivery.objects.filter(state=Delivery.State.DEAD).order_by().values("channel__name")
    for one in dead.annotate(number=Count("pk")):
        what = f'{one["number"]} deliveries to "{one["channel__name"]}" were given up.'
        yield Finding(what, "Mend the receiver, then replay them under Deliveries.", Severity.WARNING)
    due = Delivery.objects.filter(
        state=Delivery.State.PENDING, channel__paused_at=None, next_attempt_at__lt=examination.now - LATE
    )
    for one in due.order_by().values("channel__name").annotate(number=Count("pk"), since=Min("next_attempt_at")):
        since = f"{one['since']:%Y-%m-%d %H:%M} UTC"
        what = f'{one["number"]} deliveries to "{one["channel__name"]}" are due since {since} and not sent.'
        yield Finding(what, f"{WORKER} If it runs, give it more WORKERS.", Severity.WARNING)


def channels_that_fail(examination: Examination) -> Iterator[Finding]:
    """Channels that cannot be used, or whose newest attempt failed."""
    for channel in Channel.objects.order_by("name").iterator(100):
        if not channel.is_readable:
            what = f'The settings of channel "{channel}" cannot be decrypted.'
            yield Finding(what, "Put the earlier SECRET_KEY back, or among SECRET_KEY_FALLBACKS; or enter them again.")
        elif channel.failing_since and not channel.paused_at:
            since = f"{channel.failing_since:%Y-%m-%d %H:%M} UTC"
            what = f'Channel "{channel}" fails since {since}: {channel.last_error}'
            yield Finding(what, "Send a test from its page and read the answer.", Severity.WARNING)


CHECKS = (
    Check("settlements", "Every change is settled once for each subscription", changes_not_settled_once, deep=True),
    Check("sequences", "Batches are numbered without gaps", sequences_with_gaps),
    Check("batches", "Batches count what is told in them", batches_that_tell_otherwise, deep=True),
    Check("parts", "Everything goes out whole", batches_that_are_not_whole),
    Check("ids", "Deliveries have the ids that follow from what they are", ids_that_changed, deep=True),
    Check("attempts", "Every attempt is counted, and none is made beyond the last", attempts_not_counted),
    Check("waiting", "What waits is told in time", waiting_that_nobody_looks_at),
    Check("held", "Nothing is held without a decision for long", holds_that_wait),
    Check("leases", "Nobody holds a delivery for longer than a send can take", leases_over_their_limit),
    Check("deliveries", "What is due is sent, and nothing was given up", deliveries_that_wait),
    Check("channels", "Every channel works", channels_that_fail),
)
