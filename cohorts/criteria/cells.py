"""A field of a table of the columnar copy, as the operators read it: each of its types apart, never null in a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir

from ingest.columns.interface import Snapshot
from ingest.fields import CUSTOMER_ACTIVITY, Field, FieldType


@dataclass(frozen=True)
class Cell:
    """One field of the rows of a table."""

    snapshot: Snapshot
    table: ir.Table
    field: Field

    def text(self) -> ir.StringValue:
        """The text there, else null."""
        return self._value(FieldType.TEXT)

    def number(self) -> ir.NumericValue:
        """The number there, else null."""
        return self._value(FieldType.NUMBER)

    def boolean(self) -> ir.BooleanValue:
        """The boolean there, else null."""
        return self._value(FieldType.BOOLEAN)

    def time(self) -> ir.TimestampValue:
        """The instant there, else null."""
        if self.field.column in CUSTOMER_ACTIVITY:
            return self.table[self.field.column]
        return self._value(FieldType.TIME)

    def tags(self) -> ir.ArrayValue:
        """The list of texts there."""
        return self.snapshot.tags(self.table)

    def exists(self) -> ir.BooleanValue:
        """Whether anything is there; never null."""
        if self.field.column in CUSTOMER_ACTIVITY:
            return self.table[self.field.column].notnull()
        return self.snapshot.exists(self.table, self.field)

    def any_text(self, test: Callable[[ir.StringValue], ir.BooleanValue]) -> ir.BooleanValue:
        """Whether the text there passes the test, or any of a list of texts; never null."""
        if self.field.type == FieldType.TAGS:
            return self.tags().filter(test).length() > 0
        return known(test(self.text()))

    def _value(self, as_type: FieldType) -> ir.Value:
        return self.snapshot.value(self.table, self.field, as_type)


def known(test: ir.BooleanValue) -> ir.BooleanValue:
    """The test, false where it is null: a missing or wrongly typed value passes no positive test."""
    return ibis.coalesce(test, False)


def instant(at: datetime) -> ir.TimestampScalar:
    """The instant as a literal to compare columns with, in which times are UTC without saying so."""
    return ibis.literal(at.astimezone(UTC).replace(tzinfo=None), type="timestamp(6)")


def as_utc(at: datetime | None) -> datetime | None:
    """An instant that was read from the columns, which now says that it is UTC."""
    return None if at is None else at.replace(tzinfo=UTC)
