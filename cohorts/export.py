"""Customers, members and changes as CSV files, line by line; a spreadsheet takes no cell of them for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from django.http import StreamingHttpResponse

from cohorts.customer_rows import Column, Row, read_rows, text_of
from cohorts.feed import Cursor, read_changes, read_members
from cohorts.models import Cohort
from cohorts.serializers.customer import profile_of
from ingest.models import CustomerKind

CHUNK = 1_000
"""Customers read at once."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the start of a formula, also in the wide forms of Asian scripts."""


def csv_lines(facts: pa.Table, columns: Sequence[Column]) -> Iterator[str]:
    """The header, then a line for each customer of `Found.facts`, in its order."""
    writer = csv.writer(_Echo())
    yield writer.writerow([harmless(column.name) for column in columns])
    for start in range(0, facts.num_rows, CHUNK):
        for row in read_rows(facts.slice(start, CHUNK)):
            yield writer.writerow([_cell(row, column) for column in columns])


def harmless(text: str) -> str:
    """The text with an apostrophe before it if a spreadsheet would run it."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _cell(row: Row, column: Column) -> str:
    value = row.value(column)
    if isinstance(value, datetime):
        return _time(value)
    return text_of(value) if isinstance(value, int | float) else harmless(text_of(value))


class _Echo:
    """A file that answers each line instead of keeping it."""

    def write(self, line: Any) -> Any:
        return line


def member_lines(cohort: Cohort) -> Iterator[str]:
    """The header, then a line for each member by the order of their ids, and since when (empty: from the beginning)."""
    writer = csv.writer(_Echo())
    own = ("company_id", "email") if cohort.kind == CustomerKind.USER else ("company_domain",)
    yield writer.writerow([f"{cohort.kind}_id", *own, "name", "since"])
    page: str | None = ""
    while page is not None:
        read = read_members(cohort, page, CHUNK)
        for member in read.members:
            profile = profile_of(member.customer)
            told = [profile[name] or "" for name in (f"{cohort.kind}_id", *own, "name")]
            yield writer.writerow([*map(harmless, map(str, told)), _time(member.since)])
        page = read.next


def change_lines(cohort: Cohort) -> Iterator[str]:
    """The header, then a line for each change, oldest first."""
    writer = csv.writer(_Echo())
    yield writer.writerow(["changed_at", "change", f"{cohort.kind}_id", "reason", "because"])
    cursor = Cursor(version=0)
    while True:
        read = read_changes(cohort, cursor, CHUNK)
        for change in read.changes:
            because = "; ".join(change.because)
            told = [change.change, harmless(change.customer.external_id), change.reason, harmless(because)]
            yield writer.writerow([_time(change.changed_at), *told])
        if len(read.changes) < CHUNK:
            return
        cursor = read.cursor


def csv_response(lines: Iterator[str], name: str) -> StreamingHttpResponse:
    """The lines as a file that is sent while it is written."""
    return StreamingHttpResponse(
        (line.encode("utf-8", "replace") for line in lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )


def _time(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""
