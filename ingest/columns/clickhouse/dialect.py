"""Ibis expressions in ClickHouse's SQL, where what Ibis writes would not be exact.

- An instant is the number of its microseconds since 1970: `DateTime64` ends in 2299 and knows time zones.
- Large whole numbers are `Int256`, in which no sum and no product of ours overflows.
- Distinct values are counted exactly; Ibis takes an estimate.
- Text is lower-cased character by character (criteria rule 15), which `lower` and `lowerUTF8` do not do.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.clickhouse import Backend
from ibis.backends.sql.compilers.clickhouse import ClickHouseCompiler
from ibis.backends.sql.datatypes import ClickHouseType

EPOCH = datetime(1970, 1, 1)
MICROSECONDS = {"s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "D": 86400 * 10**6}
_LETTERS = {
    letter: letter.lower()[0]
    for letter in map(chr, range(sys.maxunicode + 1))
    if not "\ud800" <= letter <= "\udfff" and letter.lower()[0] != letter
}
UPPER, LOWER = "upper_letters", "lower_letters"
LETTERS = f"'{''.join(_LETTERS)}' AS {UPPER}, '{''.join(_LETTERS.values())}' AS {LOWER}"
"""What has to stand in the WITH of a query that names UPPER."""


def microseconds(at: datetime) -> int:
    """An instant as it stands in the tables; without a zone it is UTC."""
    apart = at.replace(tzinfo=None) - (at.utcoffset() or EPOCH - EPOCH) - EPOCH
    return (apart.days * 86400 + apart.seconds) * 10**6 + apart.microseconds


class _Types(ClickHouseType):  # type: ignore[misc]
    @classmethod
    def _from_ibis_Timestamp(cls, dtype: dt.Timestamp) -> sge.DataType:
        return sge.DataType(this=sge.DataType.Type.BIGINT)

    @classmethod
    def _from_ibis_Decimal(cls, dtype: dt.Decimal) -> sge.DataType:
        return sge.DataType(this=sge.DataType.Type.INT256)


class _Compiler(ClickHouseCompiler):  # type: ignore[misc]
    __slots__ = ()
    type_mapper = _Types
    SIMPLE_OPS = {ops.CountDistinct: "uniqExact"}

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: dt.DataType) -> Any:
        if dtype.is_timestamp():
            return sge.convert(microseconds(value))
        if dtype.is_interval():
            return sge.convert(int(value) * MICROSECONDS[dtype.unit.short])
        if dtype.is_decimal():
            return self.f.toInt256(str(int(value)))
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_TimestampTruncate(self, op: Any, *, arg: Any, unit: Any) -> Any:
        return arg - self.f.positiveModulo(arg, MICROSECONDS[unit.short])

    def visit_TimestampDelta(self, op: Any, *, part: Any, left: Any, right: Any) -> Any:
        """The number of microseconds: no other part is asked for."""
        return left - right

    def visit_MapGet(self, op: Any, *, arg: Any, key: Any, default: Any) -> Any:
        """The values of our maps are nullable: of a key that is not there the value is null."""
        return self.f.arrayElement(arg, key)

    def visit_Lowercase(self, op: Any, *, arg: Any) -> Any:
        letters = (sg.to_identifier(name) for name in (UPPER, LOWER))
        plain = self.f.length(arg).eq(self.f.lengthUTF8(arg))
        return self.if_(plain, self.f.anon.lower(arg), self.f.anon.translateUTF8(arg, *letters))


class ExactBackend(Backend):  # type: ignore[misc]
    """Compiles for us; what it compiles is executed elsewhere."""

    compiler = _Compiler()
