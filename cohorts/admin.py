"""Cohorts, their evaluations and who came and went in the admin; backtests and lists are in `admin_log`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import action, display

from cohorts import admin_log
from cohorts.criteria import CriteriaError
from cohorts.edit import DEFINITION, describe, edit_cohort
from cohorts.enums import ChangeKind
from cohorts.forms import CohortForm
from cohorts.models import Baseline, Cohort, Evaluation, Membership, MembershipChange
from cohorts.periods import format_period
from cohorts.references import CohortInUse, cohorts_that_use, delete_unused
from cohorts.refresh import evaluate_now
from ingest.admin import KIND_COLORS
from ingest.admin_parts import (
    LongListAdmin,
    PausableAdmin,
    ReadOnlyAdmin,
    act_on_one,
    confirm,
    link,
    list_links,
    person,
)

__all__ = [
    "BaselineAdmin",
    "CohortAdmin",
    "EvaluationAdmin",
    "MembershipAdmin",
    "MembershipChangeAdmin",
    "admin_log",
]

CHANGE_COLORS = {ChangeKind.ADDED: "success", ChangeKind.REMOVED: "warning"}


@admin.register(Cohort)
class CohortAdmin(PausableAdmin):
    """Cohorts: made and edited as JSON, evaluated, paused."""

    form = CohortForm
    list_display = ["name", "kind_label", "state", "member_count", "evaluated_at", "every", "error_"]
    list_filter = [
        "kind",
        ("paused_at", admin.EmptyFieldListFilter),
        ("error", admin.EmptyFieldListFilter),
    ]
    search_fields = ["name", "key", "=id"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "description", "key", "kind"]}),
        ("Definition", {"fields": ["words", "criteria", "time_zone", "week_starts_on", "tell"]}),
        ("Evaluation", {"fields": ["period", "state", "member_count", "evaluated_at", "error", "related"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["name", "description", "key", "kind"]}),
        ("Definition", {"fields": ["criteria", "time_zone", "week_starts_on"]}),
        ("Evaluation", {"fields": ["period"]}),
    ]
    readonly_fields = ["words", "state", "member_count", "evaluated_at", "error", "related"]
    actions = ["evaluate_selected", *PausableAdmin.actions]
    actions_detail = ["evaluate", *PausableAdmin.actions_detail]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cohort]:
        return super().get_queryset(request).annotate(members=F("membership__count"))

    def get_readonly_fields(self, request: HttpRequest, obj: Cohort | None = None) -> list[str]:
        return [*self.readonly_fields, "kind"] if obj else self.readonly_fields

    def get_deleted_objects(
        self, objs: QuerySet[Cohort] | Sequence[Cohort], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """A cohort that others use is protected, unless they are deleted with it."""
        deleted, counts, missing, protected = super().get_deleted_objects(objs, request)
        users = {user for cohort in objs for user in cohorts_that_use(cohort)} - set(objs)
        return deleted, counts, missing, [*protected, *(f"Cohort: {user}, which is defined by it" for user in users)]

    def delete_model(self, request: HttpRequest, obj: Cohort) -> None:
        delete_unused(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Cohort]) -> None:
        delete_unused(*queryset)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except CohortInUse as error:  # another came to use it since the page asked whether to delete it
            messages.error(request, str(error))
            return redirect("admin:cohorts_cohort_change", object_id)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Cohort]) -> HttpResponse:
        try:
            return super().response_action(request, queryset)
        except CohortInUse as error:
            messages.error(request, str(error))
            return redirect("admin:cohorts_cohort_changelist")

    def save_model(self, request: HttpRequest, obj: Cohort, form: CohortForm, change: bool) -> None:
        if not change:
            obj.created_at, obj.created_by = timezone.now(), person(request)
            obj.save()
            return
        values = {name: form.cleaned_data[name] for name in form.changed_data if name != "tell"}
        edit_cohort(obj, values, tell=form.cleaned_data["tell"])
        if set(values) & set(DEFINITION):
            told = "subscribers are told of" if form.cleaned_data["tell"] else "nobody is told of"
            messages.info(request, f"At the next evaluation {told} who joins or leaves by this edit.")

    @display(description="Kind", ordering="kind", label=KIND_COLORS)
    def kind_label(self, cohort: Cohort) -> str:
        return cohort.get_kind_display()

    @display(description="State", label={"active": "success", "paused": "warning", "failing": "danger"})
    def state(self, cohort: Cohort) -> str:
        if cohort.error:
            return "failing"
        return "paused" if cohort.paused_at else "active"

    @display(description="Members", ordering="members", empty_value="not evaluated yet")
    def member_count(self, cohort: Cohort) -> int | None:
        return cohort.members  # type: ignore[attr-defined]

    @display(description="Every", ordering="period")
    def every(self, cohort: Cohort) -> str:
        return format_period(cohort.period)

    @display(description="Last error", ordering="error")
    def error_(self, cohort: Cohort) -> str:
        return Truncator(cohort.error).chars(80)

    @display(description="In words")
    def words(self, cohort: Cohort) -> str:
        try:
            return describe(cohort)
        except CriteriaError as error:
            return f"The criteria are not valid: {error}"

    @display(description="More")
    def related(self, cohort: Cohort) -> SafeString:
        own = {"cohort__id__exact": cohort.pk}
        return list_links(
            ("Evaluations", "cohorts.evaluation", own),
            ("Changes", "cohorts.membershipchange", own),
            ("Subscriptions", "notifications.subscription", own),
        )

    @admin.action(description="Evaluate now", permissions=["change"])
    def evaluate_selected(self, request: HttpRequest, queryset: QuerySet[Cohort]) -> None:
        for evaluation in evaluate_now(list(queryset), timezone.now()):
            if evaluation.error:
                messages.error(request, f"{evaluation.cohort}: {evaluation.error}")
            else:
                messages.success(request, f"{evaluation.cohort}: {describe_evaluation(evaluation)}")

    @action(
        description="Evaluate now",
        icon="play_arrow",
        permissions=["change"],
        dialog=confirm("Evaluate now?", "New events are sealed first, then the members are found anew.", "Evaluate"),
    )
    def evaluate(self, request: HttpRequest, form: forms.Form, object_id: str) -> HttpResponse:
        return act_on_one(self, request, object_id, self.evaluate_selected)


@admin.register(Evaluation)
class EvaluationAdmin(LongListAdmin):
    """Every run of every cohort."""

    list_display = ["id", "cohort_link", "as_of", "outcome", "members", "added", "removed", "took", "error_"]
    list_filter = ["cohort", "baseline", ("error", admin.EmptyFieldListFilter)]
    list_select_related = ["cohort"]
    search_fields = ["cohort__name", "error"]
    fields = [
        "cohort_link",
        "as_of",
        "outcome",
        "members",
        "added",
        "removed",
        "took",
        "error",
        "definition_version",
        "criteria",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Evaluation]:
        return super().get_queryset(request).defer("cohort__criteria")

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, evaluation: Evaluation) -> str:
        return link(evaluation.cohort)

    @display(description="Outcome", label={"compared": "success", "baseline": "info", "failed": "danger"})
    def outcome(self, evaluation: Evaluation) -> str:
        if evaluation.error:
            return "failed"
        return "baseline" if evaluation.baseline else "compared"

    @display(description="Took", ordering="duration")
    def took(self, evaluation: Evaluation) -> str:
        return f"{evaluation.duration.total_seconds():.3f}\u00a0s"

    @display(description="Error")
    def error_(self, evaluation: Evaluation) -> str:
        return Truncator(evaluation.error).chars(80)


@admin.register(MembershipChange)
class MembershipChangeAdmin(LongListAdmin):
    """Who was added to and removed from which cohort, when and why."""

    list_display = ["id", "cohort_link", "change_label", "customer_link", "changed_at", "reason", "why"]
    list_filter = ["change", "reason", "cohort"]
    list_select_related = ["cohort", "customer"]
    search_fields = ["=customer__external_id"]
    search_help_text = "Whole id of a user or company"
    fields = ["cohort_link", "change_label", "customer_link", "changed_at", "reason", "why", "version"]
    readonly_fields = fields

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, change: MembershipChange) -> str:
        return link(change.cohort)

    @display(description="Change", ordering="change", label=CHANGE_COLORS)
    def change_label(self, change: MembershipChange) -> str:
        return change.change

    @display(description="Customer")
    def customer_link(self, change: MembershipChange) -> str:
        return link(change.customer)

    @display(description="Because")
    def why(self, change: MembershipChange) -> SafeString:
        return format_html_join("", "<p>{}</p>", [(sentence,) for sentence in change.because])


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """How many are in each cohort. The members themselves are a bitmap, which the cohort's pages read."""

    list_display = ["cohort_link", "count", "as_of", "version", "definition_version"]
    list_display_links = ["count"]
    list_select_related = ["cohort"]
    search_fields = ["cohort__name"]
    ordering = ["cohort__name"]
    fields = ["cohort_link", "count", "as_of", "version", "definition_version"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).defer("members", "universe", "leaves")

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, membership: Membership) -> str:
        return link(membership.cohort)


@admin.register(Baseline)
class BaselineAdmin(ReadOnlyAdmin):
    """Where the histories of cohorts start."""

    list_display = ["id", "cohort_link", "as_of", "version"]
    list_filter = ["cohort"]
    list_select_related = ["cohort"]
    search_fields = ["cohort__name"]
    ordering = ["-as_of"]
    fields = ["cohort_link", "as_of", "version"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Baseline]:
        return super().get_queryset(request).defer("members")

    @display(description="Cohort", ordering="cohort__name")
    def cohort_link(self, baseline: Baseline) -> str:
        return link(baseline.cohort)


def describe_evaluation(evaluation: Evaluation) -> str:
    """What an evaluation did, in a few words."""
    if evaluation.baseline:
        return f"{evaluation.members} members, as a silent baseline"
    return f"{evaluation.members} members, {evaluation.added} added, {evaluation.removed} removed"
