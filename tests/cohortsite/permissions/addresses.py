"""Every address of a page, and what it takes: a parameter that is new to addresses needs a line here."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.urls import URLPattern, get_resolver
from django.utils import timezone

from ingest.models import CustomerKind
from notifications.channels.charts import chart_url
from notifications.channels.email import WayOut, unsubscribe_url
from notifications.suppression import suppress
from tests.cohortsite.permissions.world import World
from tests.factories import NOON

MACHINES = ("api/", "v1/", "health/", "hooks/")
"""Addresses for software, which has keys; their tests are in `tests/cohorts/api` and the like."""


@cache
def addresses() -> dict[str, str]:
    """Every address of a page: its name and its route."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for each in patterns:
            route = prefix + str(each.pattern)
            if isinstance(each, URLPattern):
                yield each.name or "", route
            elif each.namespace != "admin":
                yield from walk(each.url_patterns, route)

    named = dict(walk(get_resolver("cohortsite.urls").url_patterns, ""))
    return {name: route for name, route in named.items() if not route.startswith(MACHINES)}


def arguments_of(name: str, world: World) -> dict[str, Any]:
    """What its address takes."""
    route = addresses()[name]
    if name == "customer":
        return {"kind": "user", "external_id": world.user.external_id}
    if name in ("edit_list", "preview_list", "remove_from_list"):
        return {"pk": world.listed.pk}
    if name == "unsubscribe":
        return {"token": unsubscribe_url(WayOut("ann@example.com", "", "Active")).split("/")[-2]}
    if name == "signed_chart":
        return {"token": chart_url(str(world.charted.pk), timezone.now()).split("/")[-1].removesuffix(".png")}
    if name == "lift_suppression":
        return {"pk": suppress("ann@example.com", "bounced", NOON).pk}
    if name == "delivery_mail":
        return {"pk": world.mail.pk}
    row = {
        "cohorts/": world.cohort,
        "backtests/": world.backtest,
        "customers/": world.user,
        "events/": world.event,
        "subscriptions/": world.subscription,
        "channels/": world.channel,
        "deliveries/": world.delivery,
        "holds/": world.hold,
        "mail-preview/": world.cohort,
        "alert-rules/": world.rule,
        "alerts/": world.alert,
        "maintenance/": world.window,
    }
    prefix = next((prefix for prefix in row if route.startswith(prefix)), None)
    arguments: dict[str, Any] = {"pk": row[prefix].pk} if prefix and ":pk>" in route else {}
    return arguments | ({"kind": CustomerKind.USER} if "kind>" in route else {})
