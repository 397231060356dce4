"""What the pages of cohorts show of notifications: `{% load notifications %}`.

A page that uses these loads their stylesheet in its `head` block: `{% include "notifications/head.html" %}`.

    {% subscriptions_of page.rows as subscriptions %}        once for a list, one query
    {% cohort_channels cohort subscriptions %}               in each row: the channels, and the plus button
    {% cohort_subscriptions cohort %}                        on a cohort's page: its subscriptions
    {% cohort_batches cohort %}                              on a cohort's page: what was sent, paged by `?page=`

Each renews itself when a subscription of its cohort is made, changed or deleted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from cohorts.models import Cohort
from cohorts.paging import page_of
from notifications import overview, schedule
from notifications.channels import CHANNELS
from notifications.channels.charts import thaw
from notifications.channels.drawing import data_url
from notifications.models import Channel, Delivery, Subscription

register = template.Library()
register.filter("every", schedule.every)

TONES = {"working": "good", "unused": "", "failing": "bad", "paused": "warn", "disabled": "bad"}
STATE_TONES = {Delivery.State.DELIVERED: "good", Delivery.State.PENDING: "info", Delivery.State.DEAD: "bad"}
STATE_WORDS = {
    Delivery.State.DELIVERED: "delivered",
    Delivery.State.PENDING: "waiting",
    Delivery.State.DEAD: "given up",
}


@register.simple_tag
def subscriptions_of(cohorts: Iterable[Cohort]) -> dict[uuid.UUID, list[Subscription]]:
    """Per cohort its subscriptions with their channels; one query for all of them."""
    return overview.subscriptions_of(cohorts)


@register.inclusion_tag("notifications/cohort_channels.html", takes_context=True)
def cohort_channels(
    context: Context, cohort: Cohort, subscriptions: Mapping[uuid.UUID, Sequence[Subscription]] | None = None
) -> dict[str, Any]:
    """The channels that are told of the cohort, and the plus button for who may add one."""
    known = overview.subscriptions_of([cohort]) if subscriptions is None else subscriptions
    return {**_common(context), "cohort": cohort, "subscriptions": known.get(cohort.pk, [])}


@register.inclusion_tag("notifications/cohort_subscriptions.html", takes_context=True)
def cohort_subscriptions(context: Context, cohort: Cohort) -> dict[str, Any]:
    """The cohort's subscriptions: where, what, how often, what was sent last; pause, edit, delete."""
    rules = overview.rules_of(cohort)
    rows = [{"rule": rule, "menu": _menu(rule.subscription)} for rule in rules]
    return {**_common(context), "cohort": cohort, "rows": rows}


@register.inclusion_tag("notifications/cohort_batches.html", takes_context=True)
def cohort_batches(context: Context, cohort: Cohort) -> dict[str, Any]:
    """What was sent of the cohort, with counts, state and the way to the deliveries."""
    common = _common(context)
    page = page_of(overview.batches_of(cohort), common["request"].GET.get("page"))
    return {**common, "cohort": cohort, "page": page, "rows": overview.sent(page.rows)}


@register.filter
def kind_label(kind: str) -> str:
    """`Webhook`, `Slack`, `Email`."""
    return CHANNELS[kind].label


@register.filter
def kind_icon(kind: str) -> str:
    """The name of the icon of a kind of channel."""
    return CHANNELS[kind].icon


@register.filter
def channel_tone(channel: Channel) -> str:
    """The tone of a pill with the channel's state."""
    return TONES[channel.state]


@register.filter
def state_words(state: str) -> str:
    """A channel's state in words."""
    return {"unused": "not used yet", "disabled": "switched off"}.get(state, state)


@register.filter
def delivery_tone(state: str) -> str:
    """The tone of a pill with a delivery's state."""
    return STATE_TONES[Delivery.State(state)]


@register.filter
def delivery_state(state: str) -> str:
    """A delivery's state in words."""
    return STATE_WORDS[Delivery.State(state)]


@register.filter
def picture(chart: Any) -> str:
    """The picture of an alert's chart as it was frozen, as an address that holds it."""
    return data_url(thaw(chart))


@register.filter
def told(subscription: Subscription) -> str:
    """`joins and leaves`: what of a cohort the subscription tells."""
    kinds = {"joins": subscription.send_on_addition, "leaves": subscription.send_on_removal}
    return " and ".join(name for name, wanted in kinds.items() if wanted)


def _common(context: Context) -> dict[str, Any]:
    request: HttpRequest = context["request"]
    return {"request": request, "perms": context.get("perms")}


def _menu(subscription: Subscription) -> list[dict[str, str]]:
    def address(view: str) -> str:
        return reverse(view, args=[subscription.pk])

    pausing = (
        {"label": "Resume", "icon": "play_arrow", "post": address("resume_subscription")}
        if subscription.paused_at
        else {"label": "Pause", "icon": "pause", "post": address("pause_subscription")}
    )
    return [
        {"label": "Edit", "icon": "edit", "get": address("subscription")},
        pausing,
        {
            "label": "Delete…",
            "icon": "delete",
            "tone": "bad",
            "post": address("delete_subscription"),
            "confirm": "Stop telling this channel of the cohort? The log of what it was sent is deleted too.",
        },
    ]
