"""The first page of the admin: what there is, and whatever needs a person."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince

from cohorts.models import Cohort
from cohortsite.models import Heartbeat
from ingest.models import Customer, SealQueue
from notifications.models import Channel, Delivery, Subscription


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: adds `cards`, each a title, a number, a note, whether it is bad news, and where to look."""
    failed = Delivery.objects.filter(state=Delivery.State.DEAD).count()
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING).count()
    cards = [
        _card("ingest.customer", "Customers", Customer.objects.filter(erased_at=None).count()),
        _card("cohorts.cohort", "Cohorts", Cohort.objects.count(), "failing", Cohort.objects.exclude(error="").count()),
        _card("notifications.subscription", "Subscriptions", Subscription.objects.count()),
        _card(
            "notifications.channel",
            "Channels",
            Channel.objects.count(),
            "failing",
            Channel.objects.exclude(last_error="").count(),
        ),
        _card("notifications.delivery", "Deliveries waiting", waiting, "given up", failed),
        _card("ingest.sealqueue", "Rows waiting to be sealed", SealQueue.objects.count()),
        _worker(),
    ]
    return {**context, "cards": [card for card in cards if _sees(request, card["model"])]}


def _card(model: str, title: str, number: object, fault: str = "", faults: int = 0) -> dict[str, Any]:
    note = f"{faults} {fault}" if faults else ""
    address = reverse("admin:{}_{}_changelist".format(*model.split(".")))
    return {"model": model, "title": title, "number": number, "note": note, "href": address}


def _worker() -> dict[str, Any]:
    beat = Heartbeat.objects.order_by("-at").first()
    card = _card("cohortsite.heartbeat", "Worker last seen", f"{timesince(beat.at)} ago" if beat else "never")
    return card if beat else {**card, "note": "start it with manage.py run_worker"}


def _sees(request: HttpRequest, model: str) -> bool:
    app, name = model.split(".")
    return request.user.has_perm(f"{app}.view_{name}")
