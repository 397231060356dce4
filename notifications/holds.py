"""Batches that are held until a person sends or drops them.

A hold settles nothing: it says of whom a decision is wanted, and keeps the subscription from telling. The worker looks
at it again now and then, with what the changes come to by then, and carries the decision out. So what is told is
always the net change of that moment, and every change is settled once, by the one code that settles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from pyroaring import BitMap

from notifications.message import one_line
from notifications.models import Hold, Subscription
from notifications.net import Net
from notifications.notices import tell_operators

LOOK_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True)
class Verdict:
    """What a person decided of a hold: whom to tell of without a further look, and of whom nothing is told."""

    let_through: BitMap
    drop: BitMap


def open_holds() -> QuerySet[Hold]:
    """Those that last, the oldest first, with what they are about."""
    found = Hold.objects.filter(ended_at=None).select_related("subscription__cohort", "subscription__channel")
    return found.defer("customers", "subscription__channel__config").order_by("held_at", "pk")


def hold_of(subscription: Subscription) -> Hold | None:
    """The hold of a subscription that lasts."""
    return Hold.objects.filter(subscription=subscription, ended_at=None).first()


def wants_a_look(hold: Hold, now: datetime) -> bool:
    """Whether the worker should look at it: to carry a decision out, or because the changes may have turned."""
    return bool(hold.decision) or hold.looked_at + LOOK_AGAIN <= now


def verdict(hold: Hold | None) -> Verdict:
    """Nobody, where nothing is decided."""
    if hold is None or not hold.decision:
        return Verdict(BitMap(), BitMap())
    customers = BitMap.deserialize(bytes(hold.customers))
    sent = hold.decision == Hold.Decision.SEND
    return Verdict(customers, BitMap()) if sent else Verdict(BitMap(), customers)


def decide(hold: Hold, decision: Hold.Decision, by: Any, now: datetime, revision: int | None = None) -> bool:
    """Have the worker send or drop what is held; whether it was still to be decided.

    With `revision` only if the customers are still those that the person saw.
    """
    wanted = Hold.objects.filter(pk=hold.pk, ended_at=None, decision="")
    if revision is not None:
        wanted = wanted.filter(revision=revision)
    with transaction.atomic():
        # First the fence: what a worker computes just now, not knowing of the decision, is thrown away.
        Subscription.objects.filter(pk=hold.subscription_id).update(turn=F("turn") + 1)
        return bool(wanted.update(decision=decision, decided_at=now, decided_by=by))


def keep_held(subscription: Subscription, hold: Hold | None, net: Net, why: str, now: datetime) -> None:
    """Begin a hold, or renew one that is still needed; operators are told when there is something new to decide.

    Called behind the fence of the subscription. A decision that newcomers have overtaken is to be made again.
    """
    customers = (net.told | net.dropped).serialize()
    counts = {"added": len(net.added), "removed": len(net.removed), "why": why, "looked_at": now}
    if hold is None:
        hold = Hold.objects.create(subscription=subscription, customers=customers, held_at=now, **counts)
    else:
        changed = bytes(hold.customers) != customers
        hold.revision += changed
        again = {"customers": customers, "revision": hold.revision, "decision": "", "decided_at": None}
        Hold.objects.filter(pk=hold.pk).update(**again, **counts, decided_by=None)
        if not hold.decision:
            return
    key = f"hold {hold.pk} {hold.revision}"
    title = f"Held: {one_line(subscription.cohort.name, 80)} to {one_line(subscription.channel.name, 80)}"
    url = f"{settings.SITE_URL}{reverse('deliveries')}"
    tell_operators(key, title, f"{why} Nothing is sent until somebody sends or drops it.", url, now)


def end_hold(hold: Hold, now: datetime) -> None:
    """It is over: carried out, or no longer needed. Called behind the fence of the subscription."""
    outcomes = {Hold.Decision.SEND: Hold.Outcome.SENT, Hold.Decision.DROP: Hold.Outcome.DROPPED}
    outcome = outcomes[Hold.Decision(hold.decision)] if hold.decision else Hold.Outcome.LIFTED
    Hold.objects.filter(pk=hold.pk, ended_at=None).update(outcome=outcome, ended_at=now)
