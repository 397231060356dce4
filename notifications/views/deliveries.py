"""The log of deliveries: what was sent where, every attempt, and sending it again."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_POST

from cohorts.models import Cohort
from cohorts.paging import page_of
from notifications.channels import CHANNELS
from notifications.channels.email import Email, readable
from notifications.delivery import SETTLED, replay, replay_found
from notifications.models import Channel, Delivery
from notifications.overview import held
from notifications.views.answers import done
from notifications.views.filters import MOST_OFFERED, drop_down, id_in

SINCE = {
    "1h": ("The last hour", timedelta(hours=1)),
    "24h": ("The last 24 hours", timedelta(days=1)),
    "7d": ("The last 7 days", timedelta(days=7)),
    "30d": ("The last 30 days", timedelta(days=30)),
}
MOST_REPLAYED = 50
"""At once: what one page shows."""
ABOUT = {
    Delivery.About.BATCH: "Cohorts",
    Delivery.About.ALERT: "Alerts",
    Delivery.About.NOTICE: "Notices to operators",
}
HEAVY = ("channel__config", "batch__subscription__cohort__criteria")
"""Columns that no list shows."""


@dataclass(frozen=True)
class Asked:
    """The filters as the address has them; what is no such value is left out."""

    state: str
    about: str
    channel: uuid.UUID | None
    cohort: uuid.UUID | None
    batch: uuid.UUID | None
    since: str

    @property
    def is_empty(self) -> bool:
        return not any((self.state, self.about, self.channel, self.cohort, self.batch, self.since))


@permission_required("notifications.view_delivery", raise_exception=True)
def deliveries(request: HttpRequest) -> HttpResponse:
    """Deliveries, newest first, by state, what they tell, channel, cohort and time."""
    asked = _asked(request.GET)
    page = page_of(_found(asked, timezone.now()), request.GET.get("page"))
    context = {
        "title": "Deliveries",
        "place": "deliveries",
        "asked": asked,
        "page": page,
        "filters": _filters(asked),
        "settled": SETTLED,
        "query": request.GET.urlencode(),
    }
    if request.headers.get("HX-Target") == "delivery-list":
        return render(request, "notifications/delivery_list.html", context)
    return render(request, "notifications/deliveries.html", {**context, "held": held()})


@permission_required("notifications.view_delivery", raise_exception=True)
def delivery(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One delivery with its attempts and its content."""
    found = get_object_or_404(_with_relations(Delivery.objects.all()), pk=pk)
    context = {
        "title": "Delivery",
        "place": "deliveries",
        "delivery": found,
        "attempts": list(found.attempts.order_by("-number")),
        "content": json.loads(found.content),
        "kind": CHANNELS[found.channel.kind],
        "frame": reverse("delivery_mail", args=[pk]),
        "is_settled": found.state in SETTLED,
    }
    return render(request, "notifications/delivery.html", context)


@permission_required("notifications.view_delivery", raise_exception=True)
@xframe_options_sameorigin
def mail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The mail of a delivery alone, for a frame that may run nothing."""
    found = get_object_or_404(Delivery, pk=pk, channel__kind=Email.kind)
    return HttpResponse(readable(json.loads(found.content)))


@permission_required("notifications.change_delivery", raise_exception=True)
@require_POST
def replay_one(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Send a delivery again, under its own id; its page is shown anew."""
    found = get_object_or_404(Delivery.objects.only("pk"), pk=pk)
    if not replay([found.pk], timezone.now()):
        return done("It is waiting to be sent already.", tone="warn")
    return HttpResponse(status=204, headers={"HX-Refresh": "true"})


@permission_required("notifications.change_delivery", raise_exception=True)
@require_POST
def replay_selected(request: HttpRequest) -> HttpResponse:
    """Send the ticked deliveries again."""
    chosen = [found for text in request.POST.getlist("delivery")[:MOST_REPLAYED] if (found := id_in(text))]
    if not chosen:
        return done("Tick the deliveries to send again.", tone="warn")
    number = replay(chosen, timezone.now())
    if not number:
        return done("They are waiting to be sent already.", tone="warn")
    text = "1 delivery is sent again" if number == 1 else f"{number} deliveries are sent again"
    return done(f"{text} with the next cycle.", "deliveries-changed")


@permission_required("notifications.change_delivery", raise_exception=True)
@require_POST
def replay_all(request: HttpRequest) -> HttpResponse:
    """Send again all that the filters in the address find: those that were given up, unless a state is asked for."""
    now, asked = timezone.now(), _asked(request.GET)
    number = replay_found(_narrowed(replace(asked, state=asked.state or Delivery.State.DEAD), now), now)
    if not number:
        return done("Nothing of that was given up.", tone="warn")
    text = "1 delivery is sent again" if number == 1 else f"{number:,} deliveries are sent again"
    return done(f"{text} with the next cycles.", "deliveries-changed")


def _asked(query: QueryDict) -> Asked:
    state, about, since = (query.get(name, "") for name in ("state", "about", "since"))
    return Asked(
        state=state if state in Delivery.State.values else "",
        about=about if about in Delivery.About.values else "",
        channel=id_in(query.get("channel", "")),
        cohort=id_in(query.get("cohort", "")),
        batch=id_in(query.get("batch", "")),
        since=since if since in SINCE else "",
    )


def _found(asked: Asked, now: datetime) -> QuerySet[Delivery]:
    return _with_relations(_narrowed(asked, now)).defer(*HEAVY, "content").order_by("-created_at", "pk")


def _narrowed(asked: Asked, now: datetime) -> QuerySet[Delivery]:
    wanted: dict[str, Any] = {
        "state": asked.state,
        "about": asked.about,
        "channel": asked.channel,
        "batch__subscription__cohort": asked.cohort,
        "batch": asked.batch,
    }
    found = Delivery.objects.filter(**{name: value for name, value in wanted.items() if value})
    if asked.since:
        found = found.filter(created_at__gte=now - SINCE[asked.since][1])
    return found


def _with_relations(found: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return found.select_related("channel", "batch__subscription__cohort").defer(*HEAVY)


def _filters(asked: Asked) -> list[dict[str, Any]]:
    words = {"pending": "Waiting", "delivered": "Delivered", "dead": "Given up"}
    return [
        drop_down("State", "state", asked.state, words.items()),
        drop_down("What", "about", asked.about, ABOUT.items()),
        drop_down("Channel", "channel", asked.channel, _named(Channel)),
        drop_down("Cohort", "cohort", asked.cohort, _named(Cohort)),
        drop_down("Time", "since", asked.since, [(key, words) for key, (words, _) in SINCE.items()]),
    ]


def _named(model: type[Channel] | type[Cohort]) -> QuerySet[Any, tuple[uuid.UUID, str]]:
    return model.objects.order_by("name").values_list("pk", "name")[:MOST_OFFERED]
