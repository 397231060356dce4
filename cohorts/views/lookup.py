"""The look-up: who matches right now, as a page and as a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from cohorts.builder import builder_from, builder_of
from cohorts.builder.kept import say_kept
from cohorts.criteria import Criteria
from cohorts.customer_rows import (
    COMPANY,
    STANDARD,
    Column,
    Row,
    customer_path,
    id_column,
    read_columns,
    read_rows,
    text_of,
)
from cohorts.evaluation import clock_at
from cohorts.export import csv_lines, csv_response
from cohorts.lookup import Found, Order, look_up
from cohorts.page_forms import DefinitionForm
from cohorts.paging import PAGE_SIZE, page_from, page_number
from cohorts.recipes import recipes_for
from ingest.columns import ColumnsDamaged, open_columns
from ingest.models import Customer, CustomerKind

MOST_COLUMNS = 40
SHOWN_OTHERWISE = ("metadata.email", "metadata.name")
"""Fields that have a column of another name."""
LONGEST_TEXT = 200
"""Characters of a value that a table shows; the file has all."""
NEWEST_FIRST = Order("last_seen_time", descending=True)
PLURAL = {CustomerKind.USER: "users", CustomerKind.COMPANY: "companies"}
may_look = permission_required("ingest.view_customer", raise_exception=True)


@dataclass(frozen=True)
class Asked:
    """A look-up as its address says it. With a `fault` there are no criteria: the sentence tells what is wrong."""

    kind: CustomerKind
    document: Any
    criteria: Criteria | None
    fault: str
    time_zone: str
    week_starts_on: int
    columns: list[Column]
    order: Order

    @property
    def text(self) -> str:
        """The criteria as the address has them; empty for everybody."""
        return json.dumps(self.document, separators=(",", ":"), ensure_ascii=False) if self.document is not None else ""

    @property
    def fingerprint(self) -> str:
        """The builder's of these criteria."""
        zone, week = self.time_zone, self.week_starts_on
        return builder_of(self.kind, self.document, time_zone=zone, week_starts_on=week).fingerprint

    @property
    def sort(self) -> str:
        """The order as the address has it."""
        return f"{'-' if self.order.descending else ''}{self.order.field}"

    @property
    def query(self) -> str:
        """What reproduces this look-up in an address; what is as usual is left out."""
        names = [column.name for column in self.columns]
        parts: dict[str, Any] = {}
        if self.document is not None:
            parts["criteria"] = self.text
        if self.time_zone != "UTC":
            parts["time_zone"] = self.time_zone
        if self.week_starts_on != 1:
            parts["week_starts_on"] = self.week_starts_on
        if names != list(STANDARD[self.kind]):
            parts["columns"] = names or [""]
        if self.order != NEWEST_FIRST:
            parts["sort"] = self.sort
        return urlencode(parts, doseq=True)

    def find(self, now: datetime, **cut: int) -> Found:
        """The customers that match. Raises ColumnsDamaged."""
        clock = clock_at(now, self.time_zone, self.week_starts_on)
        return look_up(self.criteria, self.kind, clock, self.order, **cut)


@dataclass(frozen=True)
class Cell:
    """What the table shows in one place: an instant, or a text that may lead somewhere."""

    time: datetime | None = None
    text: str = ""
    address: str = ""


def read_asked(given: QueryDict, kind: CustomerKind) -> Asked:
    """The look-up that the parameters of an address ask for."""
    form = DefinitionForm(kind, given)
    valid = form.is_valid()
    columns = read_columns(kind, given.getlist("columns") if "columns" in given else STANDARD[kind])[:MOST_COLUMNS]
    sort = given.get("sort", "")
    order = Order(sort.removeprefix("-"), descending=sort.startswith("-"))
    shown = {id_column(kind).name, *(column.name for column in columns)}
    return Asked(
        kind=kind,
        document=form.cleaned_data.get("criteria"),
        criteria=form.parsed if valid else None,
        fault="" if valid else " ".join(f"{message}" for messages in form.errors.values() for message in messages),
        time_zone=form.cleaned_data.get("time_zone") or "UTC",
        week_starts_on=form.cleaned_data.get("week_starts_on") or 1,
        columns=columns,
        order=order if order.field in shown else NEWEST_FIRST,
    )


@may_look
def lookup(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The page: the criteria, and a place for the results, which it fetches itself.

    Its own links for sorting and paging ask for the results alone; the browser then shows this address for them.
    """
    asked = read_asked(request.GET, kind)
    if "HX-Boosted" in request.headers:
        response = _results(request, asked, page_number(request.GET.get("page")))
    else:
        response = _page(request, asked)
    patch_vary_headers(response, ["HX-Boosted"])
    return response


@may_look
def lookup_results(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The results alone; they put the address that reproduces them into the address bar."""
    asked, number = read_asked(request.GET, kind), page_number(request.GET.get("page"))
    response = _results(request, asked, number)
    if not asked.fault:
        response.headers["HX-Replace-Url"] = _address(asked, number)
    return response


@may_look
def lookup_columns(request: HttpRequest, kind: CustomerKind) -> HttpResponse:
    """The columns to choose from, the chosen ones ticked."""
    asked = read_asked(request.GET, kind)
    chosen = [column.name for column in asked.columns]
    standard = read_columns(kind, STANDARD[kind])
    seen = [column for column in read_columns(kind, _fields_seen(kind, timezone.now())) if column not in standard]
    others = {column.name: column for column in [*asked.columns, *seen] if column not in standard}
    return render(
        request,
        "cohorts/lookup/columns.html",
        {"chosen": chosen, "standard": standard, "others": [others[name] for name in sorted(others)]},
    )


@may_look
def lookup_export(request: HttpRequest, kind: CustomerKind) -> HttpResponse | StreamingHttpResponse:
    """All customers that match, in the chosen columns, as a CSV file."""
    asked, now = read_asked(request.GET, kind), timezone.now()
    if asked.fault:
        return _page(request, asked, status=400)
    try:
        found = asked.find(now)
    except ColumnsDamaged as damage:
        return _page(request, asked, status=503, damage=str(damage))
    lines = csv_lines(found.facts, [id_column(kind), *asked.columns])
    return csv_response(lines, f"{PLURAL[kind]}-{now:%Y-%m-%d}")


def _page(request: HttpRequest, asked: Asked, status: int = 200, damage: str = "") -> HttpResponse:
    builder = builder_from(request.GET, asked.kind)
    context = {**_context(asked), "builder": builder, "damage": damage}
    return render(request, "cohorts/lookup/page.html", context, status=status)


def _results(request: HttpRequest, asked: Asked, number: int) -> HttpResponse:
    now = timezone.now()
    # The links of the pager and of the column heads are made from what the request asks for: here the shortest form.
    request.GET = QueryDict(asked.query)
    context = {**_context(asked), "now": now}
    if not asked.fault:
        try:
            found = asked.find(now, start=(number - 1) * PAGE_SIZE, most=PAGE_SIZE + 1)
            page = page_from(list(read_rows(found.facts)), number)
            context |= {"found": found, "page": page, "rows": [_shown(row, asked) for row in page.rows]}
            context |= {"kept": say_kept(found.conditions), "fingerprint": asked.fingerprint}
            context["waiting"] = not found.of and _are_waiting(asked.kind)
        except ColumnsDamaged as damage:
            context["damage"] = str(damage)
    return render(request, "cohorts/lookup/results.html", context)


def _shown(row: Row, asked: Asked) -> dict[str, Any]:
    external_id = row.customer.external_id
    return {
        "id": external_id,
        "address": customer_path(asked.kind, external_id),
        "cells": [_cell(row, column) for column in asked.columns],
    }


def _cell(row: Row, column: Column) -> Cell:
    value = row.value(column)
    if column.is_time:
        return Cell(time=value)
    address = customer_path(CustomerKind.COMPANY, value) if column.name == COMPANY and value else ""
    return Cell(text=text_of(value)[:LONGEST_TEXT], address=address)


def _context(asked: Asked) -> dict[str, Any]:
    one, many = asked.kind.value, PLURAL[asked.kind]
    return {
        "title": many.capitalize(),
        "asked": asked,
        "kind": one,
        "many": many,
        "id_column": id_column(asked.kind),
        "recipes": recipes_for(asked.kind) if asked.document is None else [],
        "page_address": reverse(f"{one}_lookup"),
        "results_address": reverse(f"{one}_lookup_results"),
        "columns_address": reverse(f"{one}_lookup_columns"),
        "export_address": _with_query(reverse(f"{one}_lookup_export"), asked.query),
        "first_address": _address(asked),
        "save_address": reverse(f"{one}_cohort_new"),
        "backtest_address": reverse(f"{one}_backtest_new"),
    }


def _address(asked: Asked, number: int = 1) -> str:
    page = f"&page={number}" if number > 1 else ""
    return _with_query(reverse(f"{asked.kind.value}_lookup"), f"{asked.query}{page}".removeprefix("&"))


def _with_query(address: str, query: str) -> str:
    return f"{address}?{query}" if query else address


def _are_waiting(kind: CustomerKind) -> bool:
    """Whether there are customers who are not in the columns yet."""
    return Customer.objects.filter(kind=kind, erased_at=None).exists()


def _fields_seen(kind: CustomerKind, now: datetime) -> list[str]:
    """The fields that some customers have; none where the columns cannot be read, which the results tell."""
    try:
        with open_columns().snapshot(now) as snapshot:
            return [seen.path for seen in snapshot.fields_seen(kind) if seen.path not in SHOWN_OTHERWISE]
    except ColumnsDamaged:
        return []
