"""How the lists of the management API are cut into pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description="Results per page: 1 to 1000, 100 if not given.")
"""What `read_limit` reads."""


class NewestFirst(CursorPagination):
    """Newest first by `created_at`; rows that come in meanwhile do not shift the pages."""

    ordering: str | tuple[str, ...] = "-created_at"
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1_000

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, DjangoValidationError):  # a cursor that somebody made up
            raise NotFound(self.invalid_cursor_message) from None


class NewestId(NewestFirst):
    """Newest first by the id, for tables that have no index of times."""

    ordering = "-id"


class NewestAsOf(NewestFirst):
    """Newest first by `as_of`."""

    ordering = "-as_of"


def read_limit(request: Request) -> int:
    """`?limit=` of a list that is not cut by a paginator: 1 to 1000, out of which it falls to the nearest."""
    try:
        asked = int(request.query_params.get("limit", NewestFirst.page_size))
    except ValueError:
        raise ValidationError({"limit": "expected a whole number"}) from None
    return max(1, min(asked, NewestFirst.max_page_size))
