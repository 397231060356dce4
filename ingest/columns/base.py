"""What the snapshots of all engines share: how values are read, who is hidden, what pickers offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TypeVar

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.db.models import Prefetch, prefetch_related_objects
from pyroaring import BitMap

from ingest.columns import seen
from ingest.columns.identities import Identities
from ingest.columns.interface import FieldSeen, Measure, Span, ValueSeen, instant
from ingest.columns.layout import COLUMN_TYPES, MAPS
from ingest.fields import Field, FieldType
from ingest.models import Customer, CustomerKind, Erasure

Found = TypeVar("Found")
_MAP_OF = {type_: name for name, type_ in MAPS.items()}
_NONE_OF = {type_: ibis.null(ibis.dtype(COLUMN_TYPES[type_])) for type_ in MAPS.values()}


class BaseSnapshot(ABC):
    """The part of `interface.Snapshot` that knows no engine. Not to be shared between threads."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._found: dict[Hashable, object] = {}

    def _once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What was found under this key; found when first asked for."""
        if key not in self._found:
            self._found[key] = find()
        found: Found = self._found[key]  # type: ignore[assignment]
        return found

    # --- Events

    def measured(
        self,
        kind: CustomerKind,
        span: Span,
        measure: Measure,
        *,
        seen_at: datetime | None = None,
        among: BitMap | None = None,
    ) -> ir.Table:
        events = self.events(kind, span)
        if seen_at is not None:
            events = events.filter(events.time <= instant(seen_at), events.received_at <= instant(seen_at))
        return self.keep(measure.of(self._among(events, among)))

    def _among(self, table: ir.Table, ids: BitMap | None) -> ir.Table:
        """The rows of these customers, if any are asked for."""
        return table if ids is None else table.semi_join(self.among(ids), "customer")

    @abstractmethod
    def events(self, kind: CustomerKind, span: Span) -> ir.Table:
        """See `interface.Snapshot`."""

    @abstractmethod
    def among(self, ids: BitMap) -> ir.Table:
        """See `interface.Snapshot`."""

    @abstractmethod
    def keep(self, table: ir.Table) -> ir.Table:
        """See `interface.Snapshot`."""

    def of_profiles(
        self, kind: CustomerKind, ids: BitMap, field: Field, select: Callable[[ir.Table], ir.Table], key: str | None
    ) -> pa.Table:
        return self.rows(select(self._among(self.profiles(kind), ids)))

    @abstractmethod
    def profiles(self, kind: CustomerKind) -> ir.Table:
        """See `interface.Snapshot`."""

    def holding(self, table: ir.Table, *, holds: bool = True) -> BitMap:
        return self.ids(table.filter(table.holds if holds else ~table.holds))

    @abstractmethod
    def ids(self, table: ir.Table) -> BitMap:
        """See `interface.Snapshot`."""

    # --- Values

    def value(self, table: ir.Table, field: Field, as_type: FieldType) -> ir.Value:
        if "there" in table.columns:
            return table[_MAP_OF[as_type]]
        if field.column is None:
            return table[_MAP_OF[as_type]].get(field.path)
        return table[field.column] if field.type == as_type else _NONE_OF[as_type]

    def tags(self, table: ir.Table) -> ir.ArrayValue:
        return table.tags.fill_null(ibis.literal([], "array<string>"))

    def exists(self, table: ir.Table, field: Field) -> ir.BooleanValue:
        if "there" in table.columns:
            return table.there
        if field.column is not None:
            return table[field.column].notnull()
        found = table.present.contains(field.path).fill_null(False)
        for name in ("text", "number", "boolean"):
            found = found | table[name].keys().contains(field.path).fill_null(False)
        return found

    # --- Who was erased

    def erased_since(self, kind: CustomerKind, since: datetime) -> BitMap:
        return BitMap(
            each.customer_id
            for each in self._erasures()
            if each.customer.kind == kind and since < each.erased_at <= self.at
        )

    def _erased(self) -> BitMap:
        """Those who were erased, also after the instant."""
        return BitMap(each.customer_id for each in self._erasures() if each.customer.erased_at is not None)

    def _hidden(self) -> BitMap:
        """Those who are nobody any more: erased, or somebody else."""
        return self._erased() | self._identities().hidden

    @abstractmethod
    def _identities(self) -> Identities:
        """Who turned out to be whom, as the newest versions say."""

    def _erasures(self) -> list[Erasure]:
        """All of them, with their customers; read one after the other, since no database knows how few there are."""

        def read() -> list[Erasure]:
            erasures = list(Erasure.objects.all())
            prefetch_related_objects(erasures, Prefetch("customer", Customer.objects.only("kind", "erased_at")))
            return erasures

        return self._once("erasures", read)

    # --- What pickers offer

    def fields_seen(self, kind: CustomerKind | None) -> list[FieldSeen]:
        table = self._recent(seen.SKIMMED) if kind is None else self._some(kind, seen.SKIMMED)
        return seen.fields_of(self, table)

    def values_seen(self, kind: CustomerKind | None, field: Field, containing: str = "") -> list[ValueSeen]:
        if field.type == FieldType.TIME:
            return []
        if kind is None:
            table = self._recent(seen.RECENT)
        else:
            table = self._named(kind) if field.column == "external_id" else self._some(kind, seen.SURVEYED)
        return seen.values_of(self, table, field, containing)

    @abstractmethod
    def rows(self, table: ir.Table, among: BitMap | None = None) -> pa.Table:
        """See `interface.Snapshot`."""

    @abstractmethod
    def _recent(self, rows: int) -> ir.Table:
        """About so many of the newest events, of customers who were not erased."""

    @abstractmethod
    def _some(self, kind: CustomerKind, rows: int) -> ir.Table:
        """So many profiles of the kind, without the work of finding who else exists."""

    @abstractmethod
    def _named(self, kind: CustomerKind) -> ir.Table:
        """The ids of the customers of the kind, whether or not they have a profile."""
