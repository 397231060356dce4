"""The list of alert rules."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from cohorts.paging import page_of
from ingest.columns import ColumnsDamaged
from notifications.alerts.charts import sparks_of
from notifications.alerts.listing import describe_rules, list_rules
from notifications.alerts.models import AlertRule
from notifications.alerts.recipes import offers
from notifications.alerts.views.access import may_see
from notifications.alerts.views.menus import menu_of
from notifications.alerts.views.tabs import RULES, tabs

PAGE_SIZE = 30


@may_see
def rules(request: HttpRequest) -> HttpResponse:
    """The rules with what they watch, how they are doing and whom they tell; on an empty site some to start from."""
    now, search = timezone.now(), request.GET.get("q", "").strip()
    page = page_of(list_rules(search), request.GET.get("page"), PAGE_SIZE)
    none_yet = not page.rows and not AlertRule.objects.exists()
    context = {
        "title": "Alert rules",
        "place": RULES,
        "tabs": tabs(RULES),
        "search": search,
        "page": page,
        "listed": [(each, menu_of(each.rule, request.user, now)) for each in describe_rules(page.rows, now)],
        "now": now,
        "none_yet": none_yet,
        "recipes": offers() if none_yet and request.user.has_perm("alerts.add_alertrule") else [],
    }
    return render(request, "alerts/rules/list.html", context)


@may_see
@require_GET
def sparklines(request: HttpRequest) -> HttpResponse:
    """What the metrics of a page of rules were lately, for the places that wait for it there."""
    found = AlertRule.objects.filter(pk__in=_ids(request.GET.get("of", "")))
    sparks: dict[uuid.UUID, Any] = {}
    with suppress(ColumnsDamaged):
        sparks = sparks_of(list(found), timezone.now())
    return render(request, "alerts/rules/sparklines.html", {"sparks": sparks})


def _ids(text: str) -> list[uuid.UUID]:
    found = []
    for part in text.split(",")[:PAGE_SIZE]:
        with suppress(ValueError):
            found.append(uuid.UUID(part))
    return found
