"""Answers of the server in the types that were asked for: what `dialect` wrote as numbers becomes instants again."""

from __future__ import annotations

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa


def selected(sql: str, schema: ibis.Schema) -> str:
    """The query, with whole numbers that Arrow has no type for as texts."""
    if not any(type_.is_decimal() for type_ in schema.types):
        return sql
    columns = (
        f'toString("{name}") AS "{name}"' if type_.is_decimal() else f'"{name}"' for name, type_ in schema.items()
    )
    return f"SELECT {', '.join(columns)} FROM ({sql})"


def as_asked(answer: pa.Table, schema: ibis.Schema) -> pa.Table:
    """The columns of the answer, with the types of the schema."""
    return pa.table({name: _as(answer[name], type_) for name, type_ in schema.items()})


def _as(column: pa.ChunkedArray, type_: dt.DataType) -> pa.ChunkedArray:
    if type_.is_timestamp():
        return column.cast(pa.timestamp("us"))
    if type_.is_map() and type_.value_type.is_timestamp():
        maps = [
            pa.MapArray.from_arrays(each.offsets, each.keys, _as(each.items, type_.value_type))
            for each in column.chunks
        ]
        return pa.chunked_array(maps, pa.map_(pa.string(), pa.timestamp("us")))
    return column.cast(type_.to_pyarrow())
