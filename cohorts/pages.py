"""How the lists of the management API are cut into pages."""

from __future__ import annotations

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """Newest first by `created_at`; rows that come in meanwhile do not shift the pages."""

    ordering: str | tuple[str, ...] = "-created_at"
    page_size = 100
    page_size_query_param = "limit"
    max_page_size = 1_000


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
