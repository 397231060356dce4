"""How our pages cut a long list: by one row more than is shown, so that nothing is ever counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows `first` to `last` of a list (from 1), and whether there are more on either side."""

    rows: Sequence[Row]
    number: int
    size: int
    has_next: bool

    @property
    def first(self) -> int:
        return (self.number - 1) * self.size + 1

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def previous(self) -> int | None:
        """Number of the page before; none for the first, whose address needs no number."""
        return self.number - 1 if self.number > 2 else None

    @property
    def next(self) -> int:
        return self.number + 1


def page_of(rows: QuerySet[Any, Row] | Sequence[Row], asked: str | None, size: int = PAGE_SIZE) -> Page[Row]:
    """The page whose number stands in the address (`request.GET.get("page")`); the first for anything that is none."""
    number = page_number(asked)
    start = (number - 1) * size
    return page_from(list(rows[start : start + size + 1]), number, size)


def page_number(asked: str | None) -> int:
    """The number of a page as it stands in the address, from 1."""
    return int(asked) if asked and re.fullmatch("[1-9][0-9]{0,3}", asked) else 1


def page_from(cut: Sequence[Row], number: int, size: int = PAGE_SIZE) -> Page[Row]:
    """The page of this number from its rows and, where there is one, the first of the next page."""
    return Page(cut[:size], number, size, has_next=len(cut) > size)
