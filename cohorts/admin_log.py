"""Backtests and the edits of lists in the admin: to look at, none to edit."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from pyroaring import BitMap
from unfold.decorators import display

from cohorts.models import Backtest, BacktestStep, CohortList, ListEdit
from ingest.admin_parts import LongListAdmin, ReadOnlyAdmin, link, list_links

STATE_COLORS = {
    Backtest.State.DONE: "success",
    Backtest.State.RUNNING: "info",
    Backtest.State.FAILED: "danger",
}


def count(members: bytes | memoryview) -> int:
    """How many customers a serialized bitmap holds."""
    return len(BitMap.deserialize(bytes(members)))


@admin.register(Backtest)
class BacktestAdmin(ReadOnlyAdmin):
    """Definitions that were tried on the past."""

    list_display = ["created_at", "cohort_link", "state_label", "days", "done", "total", "created_by", "error"]
    list_filter = ["state", "kind"]
    list_select_related = ["cohort", "created_by"]
    search_fields = ["=id", "cohort__name", "error"]
    ordering = ["-created_at"]
    fields = [
        "cohort_link",
        "kind",
        "criteria",
        "time_zone",
        "period",
        "start",
        "end",
        "state_label",
        "done",
        "total",
        "reached",
        "members_at_start",
        "tries",
        "leased_until",
        "error",
        "created_at",
        "created_by",
        "finished_at",
        "steps",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backtest]:
        return super().get_queryset(request).defer("parts", "kept", "cohort__criteria")

    @display(description="Cohort", ordering="cohort__name", empty_value="not saved")
    def cohort_link(self, backtest: Backtest) -> str:
        return link(backtest.cohort)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_label(self, backtest: Backtest) -> str:
        return backtest.state

    @display(description="More")
    def steps(self, backtest: Backtest) -> str:
        return list_links(("Moves", "cohorts.backteststep", {"backtest__id__exact": backtest.pk}))


@admin.register(BacktestStep)
class BacktestStepAdmin(LongListAdmin):
    """Who moved at the instants of backtests, as numbers: the pages of a backtest name the customers."""

    list_display = ["id", "backtest_link", "at", "joined", "left"]
    list_select_related = ["backtest"]
    search_fields = ["=backtest__id"]
    fields = ["backtest_link", "at", "joined", "left"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[BacktestStep]:
        return super().get_queryset(request).defer("backtest__parts", "backtest__kept", "backtest__criteria")

    @display(description="Backtest")
    def backtest_link(self, step: BacktestStep) -> str:
        return link(step.backtest)

    @display(description="Joined")
    def joined(self, step: BacktestStep) -> int:
        return count(step.added)

    @display(description="Left")
    def left(self, step: BacktestStep) -> int:
        return count(step.removed)


@admin.register(CohortList)
class CohortListAdmin(ReadOnlyAdmin):
    """How many stand on the list of each cohort that is one."""

    list_display = ["cohort_link", "customers", "edits"]
    list_display_links = ["customers"]
    list_select_related = ["cohort"]
    search_fields = ["cohort__name"]
    ordering = ["cohort__name"]
    fields = list_display
    readonly_fields = fields

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, listed: CohortList) -> str:
        return link(listed.cohort)

    @display(description="Customers")
    def customers(self, listed: CohortList) -> int:
        return count(listed.members)

    @display(description="More")
    def edits(self, listed: CohortList) -> str:
        return list_links(("Edits", "cohorts.listedit", {"cohort__id__exact": listed.pk}))


@admin.register(ListEdit)
class ListEditAdmin(LongListAdmin):
    """Who put whom on a list or took them off, and when."""

    list_display = ["id", "cohort_link", "at", "by", "note", "put_on", "taken_off"]
    list_filter = ["cohort"]
    list_select_related = ["cohort", "by"]
    search_fields = ["cohort__name", "note"]
    fields = ["cohort_link", "at", "by", "note", "put_on", "taken_off"]
    readonly_fields = fields

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, edit: ListEdit) -> str:
        return link(edit.cohort)

    @display(description="Put on")
    def put_on(self, edit: ListEdit) -> int:
        return count(edit.added)

    @display(description="Taken off")
    def taken_off(self, edit: ListEdit) -> int:
        return count(edit.removed)
