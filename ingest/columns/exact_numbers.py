"""Numbers of questions as DuckDB has to be told them."""

from __future__ import annotations

from math import isfinite
from typing import Any

from ibis.backends.sql.compilers.duckdb import DuckDBCompiler


class ExactCompiler(DuckDBCompiler):  # type: ignore[misc]  # ibis has no types here
    """Writes questions so that a floating-point number is the very one that was asked for.

    DuckDB takes plain digits for a decimal, and what a decimal of 17 digits becomes is off by one in the last place:
    `0.010433000000000001` is then `0.010433`. From text it reads them exactly.
    """

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:
        if dtype.is_floating() and isfinite(value):
            return self.cast(repr(float(value)), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)
