"""Rows to columns: nested fields and profiles become typed columns and maps by type. Pure; no engine, no models.

A path walks through objects only. Of two ways to the same path the one through more objects wins, so a literal key
with dots is reachable unless a nested value stands there. Entries with an empty key have no path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from ingest.columns.layout import COLUMN_TYPES, EVENTS, MAPS, VERSIONS
from ingest.fields import EVENT_COLUMNS, EVENT_MAPS, FieldType

EventRow = tuple[int, str, Any, Any, int | None, int | None, int, Any]
"id, type, time, received_at, user, company, weight, fields (JSON text)"
VersionRow = tuple[int, int, str, str, Any, int | None, Any]
"id, customer, kind, external_id, received_at, company, profile (JSON text)"


def _split(name: str) -> tuple[str, str]:
    """`request.headers` as (container, key); the container is empty at the top."""
    container, _, key = name.rpartition(".")
    return container, key


_TYPED = [(*_split(name), column, type_) for name, (column, type_) in EVENT_COLUMNS.items() if name != "type"]
_NESTED = [(*_split(prefix.removesuffix(".")), prefix, type_ is FieldType.ANY) for prefix, type_ in EVENT_MAPS.items()]
_NOTHING: Mapping[str, Any] = {}


def read_moment(text: str) -> datetime | None:
    """The instant that an ISO 8601 text names, naive UTC to the microsecond; none when it is not one."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


class _Map:
    """One column of maps, as Arrow wants it: all keys, all values, and where each row ends."""

    __slots__ = ("ends", "keys", "values")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.values: list[Any] = []
        self.ends: list[int] = [0]

    def array(self, type_: FieldType) -> pa.Array:
        keys, values = pa.array(self.keys, pa.string()), _typed(self.values, type_)
        return pa.MapArray.from_arrays(pa.array(self.ends, pa.int32()), keys, values)


class _Maps:
    """The columns `text`, `number`, `boolean`, `moment` and `present`, filled row by row."""

    def __init__(self) -> None:
        self.text, self.number, self.boolean, self.moment, self.present = (_Map() for _ in range(5))
        self._all = (self.text, self.number, self.boolean, self.moment, self.present)
        self._column_of = {bool: self.boolean, int: self.number, float: self.number}

    def end_row(self) -> None:
        for column in self._all:
            column.ends.append(len(column.keys))

    def walk(self, values: Mapping[str, Any], prefix: str, moments: bool, taken: set[str] | None = None) -> None:
        """Add what stands under the prefix. `moments`: whether texts can be times; `taken`: paths to leave alone."""
        items: Iterable[tuple[str, Any]] = values.items()
        if "." in "".join(values):
            items = sorted(items, key=lambda item: item[0].count("."))
            taken = self._paths_of_row() if taken is None else taken
        for key, value in items:
            if value is None or not key:
                continue
            path, kind = prefix + key, type(value)
            if taken is None or path not in taken:
                if taken is not None:
                    taken.add(path)
                if kind is str:
                    self._add_text(path, value, moments)
                else:
                    column = self._column_of.get(kind, self.present)
                    column.keys.append(path)
                    column.values.append(value)
            if kind is dict:
                self.walk(value, path + ".", moments, taken)

    def _add_text(self, path: str, value: str, moments: bool) -> None:
        self.text.keys.append(path)
        self.text.values.append(value)
        if moments and value[:1].isdigit() and (moment := read_moment(value)) is not None:
            self.moment.keys.append(path)
            self.moment.values.append(moment)

    def _paths_of_row(self) -> set[str]:
        return {path for column in self._all for path in column.keys[column.ends[-1] :]}

    def arrays(self) -> dict[str, pa.Array]:
        present = pa.ListArray.from_arrays(
            pa.array(self.present.ends, pa.int32()), pa.array(self.present.keys, pa.string())
        )
        return {name: getattr(self, name).array(type_) for name, type_ in MAPS.items()} | {"present": present}


def _typed(values: list[Any], type_: FieldType) -> pa.Array:
    """The values as a column; what is not of its type is left out (the collector lets nothing of the kind in)."""
    try:
        return pa.array(values, COLUMN_TYPES[type_])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_of_type(value, type_) for value in values], COLUMN_TYPES[type_])


def _of_type(value: Any, type_: FieldType) -> Any:
    if type_ is FieldType.NUMBER:
        return float(value) if type(value) in (int, float) else None
    if type_ is FieldType.TAGS:
        return [tag for tag in value if type(tag) is str] if type(value) is list else None
    return value if type(value) is str else None


def flatten_events(rows: Sequence[EventRow]) -> pa.Table:
    """Events as columns (`layout.EVENTS`), in the order of the rows."""
    leading = ("id", "type", "time", "received_at", "user_id", "company_id", "weight")
    columns: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(leading)}
    _read_times(columns, "time", "received_at")
    fields = [msgspec.json.decode(row[-1]) for row in rows]
    objects = {"": fields} | {name: [each.get(name) or _NOTHING for each in fields] for name in ("request", "response")}
    for container, key, column, type_ in _TYPED:
        columns[column] = _typed([each.get(key) for each in objects[container]], type_)
    return pa.table(columns | _map_events(objects), schema=EVENTS)


def _map_events(objects: dict[str, list[Any]]) -> dict[str, pa.Array]:
    maps = _Maps()
    nested = [(objects[container], key, prefix, moments) for container, key, prefix, moments in _NESTED]
    for place in range(len(objects[""])):
        for containers, key, prefix, moments in nested:
            values = containers[place].get(key)
            if type(values) is dict:
                maps.walk(values, prefix, moments)
        maps.end_row()
    return maps.arrays()


def flatten_versions(rows: Sequence[VersionRow], sealed: int) -> pa.Table:
    """Versions of customers as columns (`layout.VERSIONS`); of two copies of a version the one `sealed` later holds."""
    maps = _Maps()
    names = ("version", "customer", "kind", "external_id", "received_at", "company")
    columns: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    for row in rows:
        for key, value in msgspec.json.decode(row[-1]).items():
            if key == "subscriptions":  # all of them; the current one stands beside
                continue
            if type(value) is dict:
                maps.walk(value, key + ".", True)
            else:
                maps.walk({key: value}, "", True)
        maps.end_row()
    _read_times(columns, "received_at")
    columns["sealed"] = [sealed] * len(rows)
    return pa.table(columns | maps.arrays(), schema=VERSIONS)


def _read_times(columns: dict[str, list[Any]], *names: str) -> None:
    """Times as SQLite keeps them (text, UTC) become instants; PostgreSQL gives instants."""
    for name in names:
        values = columns[name]
        if values and type(values[0]) is str:
            columns[name] = [datetime.fromisoformat(value) for value in values]
