"""The lists of saved cohorts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from cohorts.listing import describe_all, list_cohorts
from cohorts.models import Cohort
from cohorts.paging import page_of
from cohorts.recipes import recipes_for
from cohorts.views.access import LISTS, may_see
from cohorts.views.menus import menu_of
from ingest.models import CustomerKind

PAGE_SIZE = 30
NOUNS = {CustomerKind.USER: "users", CustomerKind.COMPANY: "companies"}


@may_see
def saved_cohorts(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The saved cohorts of a kind: criteria in words, members, what moved, state, who is told."""
    now = timezone.now()
    search, sort = request.GET.get("q", "").strip(), request.GET.get("sort", "name")
    page = page_of(list_cohorts(kind, search, sort), request.GET.get("page"), PAGE_SIZE)
    listed = [(each, menu_of(each.cohort, request.user)) for each in describe_all(page.rows, now)]
    none_yet = not page.rows and not Cohort.objects.filter(kind=kind).exists()
    context = {
        "title": f"Saved cohorts of {NOUNS[kind]}",
        "place": LISTS[kind],
        "kind": kind,
        "lookup": reverse(f"{kind}_lookup"),
        "search": search,
        "sort": sort,
        "page": page,
        "listed": listed,
        "now": now,
        "none_yet": none_yet,
        "recipes": recipes_for(kind) if none_yet else [],
    }
    return render(request, "cohorts/saved/list.html", context)
