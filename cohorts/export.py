"""Customers as a CSV file, line by line, for spreadsheets: no cell of it can be taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from cohorts.customer_rows import Column, Row, read_rows, text_of

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
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return text_of(value) if isinstance(value, int | float) else harmless(text_of(value))


class _Echo:
    """A file that answers each line instead of keeping it."""

    def write(self, line: Any) -> Any:
        return line
