"""The groups that events fall into, from the engine's columns to what people read, and back.

Inside a pass a group is a number, and `raw`: of each field the type and the value, customers by their row. Outside it
is a `Group`: the fields and their values, customers by the ids that senders give.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_
from typing import Any, TypeAlias

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from cohorts.criteria.aggregate import SCALARS
from cohorts.criteria.cells import Cell
from ingest.columns.interface import Snapshot
from ingest.models import Customer, CustomerKind
from notifications.alerts.grouping import GroupField
from notifications.alerts.models import LONGEST_KEY

CUSTOMER = "customer"
Raw: TypeAlias = tuple[tuple[str, Any], ...]
"""Of each field the type and the value."""
_CUT = LONGEST_KEY - 65


@dataclass(frozen=True, eq=False)
class Group:
    """Of each field of a rule's groups the value; nothing where the rule has no groups. Equal by its key."""

    values: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """What tells it from the other groups of its rule, in a length that databases can index.

        The order of the fields says nothing: not every database keeps it.
        """
        in_order = [self.values[name] for name in sorted(self.values)]
        written = json.dumps(in_order, ensure_ascii=False, separators=(",", ":"))
        if len(written) <= LONGEST_KEY:
            return written
        return f"{written[:_CUT]} {hashlib.sha256(written.encode()).hexdigest()}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass
class Groups:
    """The groups that were met in a pass, by their numbers."""

    group_by: tuple[GroupField, ...]
    raws: list[Raw] = field(default_factory=list)
    _numbers: dict[Raw, int] = field(default_factory=dict)

    def number(self, raw: Raw) -> int:
        """The number of a group, from now on."""
        if raw not in self._numbers:
            self._numbers[raw] = len(self.raws)
            self.raws.append(raw)
        return self._numbers[raw]

    def numbers(self, table: pa.Table) -> np.ndarray:
        """The number of the group of each row of a table with the columns of `divide`."""
        if not self.group_by:
            return np.full(len(table), self.number(()))
        names = _names(table.column_names)
        codes = encode(table.select(names))
        _, firsts, inverse = np.unique(codes, return_index=True, return_inverse=True)
        few = table.select(names).take(pa.array(firsts)).to_pylist()
        return np.array([self.number(_raw(row)) for row in few], dtype=np.int64)[inverse]

    def named(self, numbers: Iterable[int]) -> dict[int, Group]:
        """The groups by their numbers, as people know them; without those of erased customers."""
        raws = {number: self.raws[number] for number in numbers}
        ids = {value for raw in raws.values() for type_, value in raw if type_ == CUSTOMER}
        known = dict(Customer.objects.filter(pk__in=ids, erased_at=None).values_list("pk", "external_id"))
        names = [each.name for each in self.group_by]
        found = {}
        for number, raw in raws.items():
            values = [known.get(value) if type_ == CUSTOMER else plain(value) for type_, value in raw]
            if None not in values:
                found[number] = Group(dict(zip(names, values, strict=True)))
        return found

    def find(self, groups: Sequence[Mapping[str, Any]]) -> list[int | None]:
        """The numbers of groups by their values; None of one that is no more."""
        asked = {
            (each.kind, values[each.name])
            for values in groups
            for each in self.group_by
            if each.is_customer and each.name in values
        }
        rows = Customer.objects.filter(external_id__in={external for _, external in asked}, erased_at=None)
        known = {(row.kind, row.external_id): row.pk for row in rows.only("kind", "external_id")}
        return [self._find(values, known) for values in groups]

    def _find(self, values: Mapping[str, Any], known: Mapping[tuple[str, str], int]) -> int | None:
        if set(values) != {each.name for each in self.group_by}:
            return None
        raw = []
        for each in self.group_by:
            value = values[each.name]
            if each.is_customer:
                assert each.kind is not None
                value = known.get((each.kind, value))
            raw.append((CUSTOMER if each.is_customer else _type(value), value))
        return None if any(value is None for _, value in raw) else self.number(tuple(raw))


def encode(table: pa.Table) -> np.ndarray:
    """A number for each row that tells it from rows with other values, as few as there are of those."""
    codes = np.zeros(len(table), dtype=np.int64)
    for column in table.columns:
        encoded = column.combine_chunks().dictionary_encode()
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes = np.unique(codes * (len(encoded.dictionary) + 1) + places + 1, return_inverse=True)[1]
    return codes


def plain(value: Any) -> Any:
    """A number without a needless fraction."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


# --- Columns of the engine: one for each field and type, named `group_0_text`


def group_values(events: ir.Table, group_by: Sequence[GroupField], snapshot: Snapshot) -> dict[str, ir.Value]:
    """What a selection from a table of all events has to keep for `divide`."""
    kept: dict[str, ir.Value] = {}
    for place, each in enumerate(group_by):
        if each.kind is not None:
            kept |= {"user_id": events.user_id, "company_id": events.company_id}
        elif each.field is not None:
            cell = Cell(snapshot, events, each.field)
            kept |= {f"group_{place}_{name}": read(cell) for name, read in SCALARS[each.field.type].items()}
    return kept


def divide(table: ir.Table, group_by: Sequence[GroupField], snapshot: Snapshot) -> ir.Table:
    """The selected rows that are in a group, with its columns in place of the customers'.

    An event is of the company it names, else of the one its user belongs to. What is said of customers is taken as
    it stands in the snapshot.
    """
    if any(each.kind == CustomerKind.COMPANY for each in group_by):
        links = snapshot.companies().rename(linked_user="user", linked="company")
        table = table.left_join(links, table.user_id == links.linked_user)
        # Where no row is linked, one engine has nulls and the other zeros.
        table = table.mutate(company_id=ibis.coalesce(table.company_id, table.linked).nullif(0))
        table = table.drop("linked_user", "linked")
    for place, each in enumerate(group_by):
        if each.kind is not None:
            table = _owned(table, place, each, each.kind, snapshot)
        names = [name for name in table.columns if name.startswith(f"group_{place}_")]
        table = table.filter(reduce(or_, (table[name].notnull() for name in names)))
    return table.drop(*({"user_id", "company_id"} & set(table.columns)))


def _owned(table: ir.Table, place: int, each: GroupField, kind: CustomerKind, snapshot: Snapshot) -> ir.Table:
    owner = f"{kind}_id"
    if each.field is None:
        return table.mutate(**{f"group_{place}_{CUSTOMER}": table[owner].cast("int64")})
    profiles = snapshot.profiles(kind)
    cell = Cell(snapshot, profiles, each.field)
    values = {f"group_{place}_{name}": read(cell) for name, read in SCALARS[each.field.type].items()}
    known = profiles.select(**{f"owner_{place}": profiles.customer}, **values)
    return table.inner_join(known, table[owner] == known[f"owner_{place}"]).drop(f"owner_{place}")


def pick(table: ir.Table, raws: Iterable[Raw]) -> ir.Table:
    """The rows of these groups, and perhaps of others: those that have, in each field, the value of one of them."""
    wanted: dict[tuple[int, str], set[Any]] = {}
    for raw in raws:
        for place, (type_, value) in enumerate(raw):
            wanted.setdefault((place, type_), set()).add(value)
    for place in {place for place, _ in wanted}:
        tests = [
            ibis.coalesce(table[f"group_{place}_{type_}"].isin(sorted(values)), False)
            for (its_place, type_), values in wanted.items()
            if its_place == place
        ]
        table = table.filter(reduce(or_, tests))
    return table


def group_columns(table: ir.Table) -> list[str]:
    """The names of the columns that tell its groups apart."""
    return _names(table.columns)


def _names(columns: Iterable[str]) -> list[str]:
    return sorted(name for name in columns if name.startswith("group_"))


def _place_and_type(name: str) -> tuple[int, str]:
    _, place, type_ = name.split("_")
    return int(place), type_


def _raw(row: Mapping[str, Any]) -> Raw:
    return tuple(
        (type_, value)
        for (_, type_), value in sorted((_place_and_type(name), value) for name, value in row.items())
        if value is not None
    )
