"""What is on its way into the columnar copy, and what that consists of, in the admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from unfold.decorators import display

from ingest.admin_parts import LongListAdmin, ReadOnlyAdmin, link
from ingest.models import Arrival, Erasure, SealQueue, Segment


@admin.register(Arrival)
class ArrivalAdmin(LongListAdmin):
    """What was accepted and is not recorded yet, or could not be."""

    list_display = ["id", "received_at", "items", "error"]
    list_filter = [("error", admin.EmptyFieldListFilter)]
    search_fields = ["error"]
    fields = ["received_at", "items", "error"]
    actions = ["try_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Arrival]:
        return super().get_queryset(request).defer("content")

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ingest.change_arrival")

    @admin.action(description="Try again to record it", permissions=["try_again"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Arrival]) -> None:
        queryset.update(error="")
        messages.success(request, "The next cycle tries again.")


@admin.register(SealQueue)
class SealQueueAdmin(LongListAdmin):
    """What waits to be sealed."""

    list_display = ["id", "source", "row", "segment_link"]
    list_filter = ["source", ("segment", admin.EmptyFieldListFilter)]
    list_select_related = ["segment"]
    search_fields = ["=row"]

    @display(description="Segment")
    def segment_link(self, queued: SealQueue) -> str:
        return link(queued.segment)


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    """The list of files that the columnar copy consists of."""

    list_display = ["id", "kind", "state_label", "level", "rows", "size_", "min_time", "max_time", "published_at"]
    list_filter = ["state", "kind", "level"]
    search_fields = ["file"]
    ordering = ["-pk"]

    @display(
        description="State",
        ordering="state",
        label={
            Segment.State.ASSIGNED: "warning",
            Segment.State.PUBLISHED: "success",
            Segment.State.REPLACED: "default",
        },
    )
    def state_label(self, segment: Segment) -> str:
        return segment.state

    @display(description="Size", ordering="size")
    def size_(self, segment: Segment) -> str:
        return filesizeformat(segment.size)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Erasures of customers' events."""

    list_display = ["id", "customer_link", "erased_at", "events"]
    list_select_related = ["customer"]
    search_fields = ["=customer__external_id"]
    ordering = ["-erased_at"]

    @display(description="Customer")
    def customer_link(self, erasure: Erasure) -> str:
        return link(erasure.customer)
