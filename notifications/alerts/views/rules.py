"""The list of alert rules."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from cohorts.paging import page_of
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
        "recipes": offers() if none_yet else [],
    }
    return render(request, "alerts/rules/list.html", context)
