"""The DuckDB snapshot: what was visible at one instant, in tables that are made when first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns import seen
from ingest.columns.engine import BROKEN, Engine, catalog
from ingest.columns.interface import FieldSeen, Span, ValueSeen
from ingest.columns.layout import (
    ACTIVITY_ROWS,
    ALL_EVENT_ROWS,
    COLUMN_TYPES,
    COMPANY_ROWS,
    EVENT_ROWS,
    MAPS,
    NEW_ACTIVITY_ROWS,
    PROFILE_ROWS,
)
from ingest.columns.tables import Cursor
from ingest.columns.visible import MAPS as MAP_COLUMNS
from ingest.columns.visible import VALUES, VERSION, Visible
from ingest.fields import Field, FieldType
from ingest.models import CustomerKind, Erasure, Segment

_BEGINNING = Span(None, datetime.max.replace(tzinfo=UTC))
_MAP_OF = {type_: name for name, type_ in MAPS.items()}
_NONE_OF = {type_: ibis.null(ibis.dtype(COLUMN_TYPES[type_])) for type_ in MAPS.values()}


class DuckDBSnapshot:
    """`interface.Snapshot` on one cursor. Not to be shared between threads."""

    def __init__(self, engine: Engine, cursor: Cursor, segments: Sequence[Segment], at: datetime) -> None:
        self.at = at
        self._engine = engine
        self._cursor = cursor
        self._segments = segments
        self._visible = Visible(segments, at)
        self._backend = ibis.duckdb.from_connection(cursor)
        self._made: dict[Any, str] = {}
        self._universes: dict[CustomerKind, BitMap] = {}

    # --- Tables of the interface

    def events(self, kind: CustomerKind, span: Span) -> ir.Table:
        return self._table(self._events(kind, span, None), EVENT_ROWS)

    def all_events(self, span: Span) -> ir.Table:
        view = self._make("VIEW", ("all events", span), lambda: self._visible.events(span))
        return self._table(view, ALL_EVENT_ROWS)

    def new_events(self, kind: CustomerKind, span: Span, since: datetime) -> ir.Table:
        return self._table(self._events(kind, span, since), EVENT_ROWS)

    def profiles(self, kind: CustomerKind) -> ir.Table:
        return self._table(self._profiles(kind), PROFILE_ROWS)

    def activity(self, kind: CustomerKind) -> ir.Table:
        return self._table(self._activity(kind), ACTIVITY_ROWS)

    def new_activity(self, kind: CustomerKind, since: datetime) -> ir.Table:
        events = self._events(kind, _BEGINNING, since)
        name = self._make(
            "TABLE",
            ("new_activity", kind, since),
            lambda: f"SELECT customer, min(time) AS first_new, max(time) AS last_new FROM {events} GROUP BY customer",
        )
        return self._table(name, NEW_ACTIVITY_ROWS)

    def companies(self) -> ir.Table:
        return self._table(self._companies(), COMPANY_ROWS)

    # --- Sets of customers

    def changed_profiles(self, kind: CustomerKind, since: datetime) -> BitMap:
        changed = self._fetch(self._visible.changed(kind, since))
        if kind == CustomerKind.USER:
            companies = self._visible.changed(CustomerKind.COMPANY, since)
            changed |= self._fetch(f'SELECT "user" FROM {self._companies()} WHERE company IN ({companies})')
        return changed & self.universe(kind)

    def erased_since(self, kind: CustomerKind, since: datetime) -> BitMap:
        erasures = Erasure.objects.filter(erased_at__gt=since, erased_at__lte=self.at, customer__kind=kind)
        return BitMap(erasures.values_list("customer_id", flat=True))

    def universe(self, kind: CustomerKind) -> BitMap:
        if kind not in self._universes:
            self._universes[kind] = self._fetch(f"SELECT customer FROM {self._activity(kind)}")
        return self._universes[kind].copy()

    # --- Values

    def value(self, table: ir.Table, field: Field, as_type: FieldType) -> ir.Value:
        if field.column is None:
            return table[_MAP_OF[as_type]].get(field.path)
        return table[field.column] if field.type == as_type else _NONE_OF[as_type]

    def tags(self, table: ir.Table) -> ir.ArrayValue:
        return table.tags.fill_null(ibis.literal([], "array<string>"))

    def exists(self, table: ir.Table, field: Field) -> ir.BooleanValue:
        if field.column is not None:
            return table[field.column].notnull()
        found = table.present.contains(field.path).fill_null(False)
        for name in ("text", "number", "boolean"):
            found = found | table[name].keys().contains(field.path).fill_null(False)
        return found

    # --- What pickers offer

    def fields_seen(self, kind: CustomerKind | None) -> list[FieldSeen]:
        table = self._recent(seen.SKIMMED) if kind is None else self.profiles(kind).limit(seen.SKIMMED)
        return seen.fields_of(self, table)

    def values_seen(self, kind: CustomerKind | None, field: Field, containing: str = "") -> list[ValueSeen]:
        if field.type == FieldType.TIME:
            return []
        table = self._recent(seen.RECENT) if kind is None else self.profiles(kind)
        return seen.values_of(self, table, field, containing)

    def _recent(self, rows: int) -> ir.Table:
        """The newest events of customers who were not erased."""
        recent = seen.recent_events(self._visible, rows)
        hidden = self._hidden()
        kept = f"SELECT * FROM ({recent}) WHERE customer IS NULL OR customer NOT IN (SELECT customer FROM {hidden})"
        return self._table(self._make("VIEW", ("recent", rows), lambda: kept), EVENT_ROWS)

    # --- Execution

    def keep(self, table: ir.Table) -> ir.Table:
        name = f"kept_{len(self._made)}"
        self._execute(f"CREATE TEMP TABLE {name} AS {self._backend.compile(table)}")
        self._made[name] = name
        return self._table(name, table.schema())

    def among(self, ids: BitMap) -> ir.Table:
        name = f"among_{len(self._made)}"
        self._load(name, ids)
        self._made[name] = name
        return self._table(name, ibis.schema({"customer": "int32"}))

    def ids(self, table: ir.Table) -> BitMap:
        return self._fetch(self._backend.compile(table.select("customer")))

    def rows(self, table: ir.Table) -> pa.Table:
        return self._execute(self._backend.compile(table)).to_arrow_table()

    # --- Helper tables

    def _events(self, kind: CustomerKind, span: Span, since: datetime | None) -> str:
        visible = self._visible.events(span, since)
        columns = f"id, time, received_at, weight, {VALUES}"
        if kind == CustomerKind.USER:
            query = f"SELECT {columns}, user_id AS customer FROM ({visible}) WHERE user_id IS NOT NULL"
        else:
            query = f"""SELECT {columns}, company_id AS customer FROM ({visible}) WHERE company_id IS NOT NULL
                UNION ALL SELECT {columns}, company AS customer
                FROM ({visible}) JOIN {self._adopting()} ON user_id = "user" WHERE company_id IS NULL"""
        return self._make("VIEW", ("events", kind, span, since), lambda: query)

    def _hidden(self) -> str:
        """`customer`: those who were erased."""
        if "hidden" not in self._made:
            erased = Erasure.objects.filter(customer__erased_at__isnull=False)
            self._load("hidden", BitMap(erased.values_list("customer_id", flat=True)))
            self._made["hidden"] = "hidden"
        return "hidden"

    def _seen(self) -> str:
        """Who was seen when; what has to be summed up from events is summed up once."""
        summed = all(self._visible.complete(each) for each in self._segments)
        return self._make("VIEW" if summed else "TABLE", "seen", self._visible.seen)

    def _fresh(self) -> str:
        """The newest versions of the customers of whom a segment beside the base says something."""
        return self._make("TABLE", "fresh", self._newest_beside)

    def _newest_beside(self) -> str:
        base = self._visible.base()
        beside = self._visible.versions_beside(base)
        if base is not None:
            also = f"SELECT {VERSION} FROM {catalog(base)}.newest WHERE customer IN (SELECT customer FROM ({beside}))"
            beside = f"{beside} UNION ALL {also}"
        return f"""SELECT v.* FROM ({beside}) AS v JOIN (
                SELECT customer, max((received_at, version, sealed)) AS newest FROM ({beside}) GROUP BY customer) AS n
            ON v.customer = n.customer AND v.version = n.newest[2] AND v.sealed = n.newest[3]"""

    def _held(self) -> str:
        """The newest version of every customer, as in `layout.VERSIONS`."""
        base, fresh = self._visible.base(), self._fresh()
        query = f"SELECT {VERSION} FROM {fresh}"
        if base is not None:
            unchanged = f"customer NOT IN (SELECT customer FROM {fresh})"
            query += f" UNION ALL SELECT {VERSION} FROM {catalog(base)}.newest WHERE {unchanged}"
        return self._make("VIEW", "held", lambda: query)

    def _companies(self) -> str:
        """`user, company`: given by the profile, else that of the user's latest event that names one."""
        given = self._make(
            "TABLE",
            "given",
            lambda: (
                f"""SELECT customer AS "user", company FROM {self._held()}
                        WHERE kind = 'user' AND company IS NOT NULL"""
            ),
        )
        named = self._make(
            "TABLE",
            "named",
            lambda: (
                f"""SELECT user_id AS "user", company_id AS company, max(last_time) AS last_time FROM {self._seen()}
                        WHERE user_id IS NOT NULL AND company_id IS NOT NULL
                          AND user_id NOT IN (SELECT "user" FROM {given}) GROUP BY ALL"""
            ),
        )
        return self._make(
            "TABLE",
            "companies",
            lambda: (
                f"""SELECT "user", company FROM (
                    SELECT "user", company FROM {given} UNION ALL
                    SELECT "user", arg_max(company, external_id)
                    FROM {named} JOIN ({self._visible.customers()}) ON id = company
                    WHERE ("user", last_time) IN (SELECT ("user", max(last_time)) FROM {named} GROUP BY "user")
                    GROUP BY "user")
                WHERE company NOT IN (SELECT customer FROM {self._hidden()})"""
            ),
        )

    def _adopting(self) -> str:
        """`user, company` of the users with events that name no company."""
        return self._make(
            "TABLE",
            "adopting",
            lambda: (
                f"""SELECT * FROM {self._companies()}
                        WHERE "user" IN (SELECT user_id FROM {self._seen()} WHERE company_id IS NULL)"""
            ),
        )

    def _activity(self, kind: CustomerKind) -> str:
        return self._make("TABLE", ("activity", kind), lambda: self._activity_query(kind))

    def _activity_query(self, kind: CustomerKind) -> str:
        column = f"{kind}_id"
        sources = [
            f"SELECT {column} AS customer, first_time, last_time, first_received FROM {self._seen()}",
            f"SELECT customer, NULL, NULL, first_received FROM ({self._visible.said(kind)})",
        ]
        if kind == CustomerKind.COMPANY:
            own = f'{self._seen()} JOIN {self._adopting()} ON user_id = "user" WHERE company_id IS NULL'
            sources.append(f"SELECT company, first_time, last_time, NULL FROM {own}")
        return f"""SELECT customer, min(first_time) AS first_seen_time, max(last_time) AS last_seen_time,
                          min(first_received) AS created
            FROM ({" UNION ALL ".join(sources)})
            WHERE customer IS NOT NULL AND customer NOT IN (SELECT customer FROM {self._hidden()})
            GROUP BY customer HAVING created IS NOT NULL"""

    def _profiles(self, kind: CustomerKind) -> str:
        held, hidden = self._held(), self._hidden()
        known = self._make("TABLE", ("unprofiled", kind), lambda: self._unprofiled_query(kind))
        none = ", ".join(f"NULL AS {name}" for name in MAP_COLUMNS.split(", "))
        return self._make(
            "VIEW",
            ("profiles", kind),
            lambda: (
                f"""SELECT customer, external_id, received_at AS held_from, {MAP_COLUMNS} FROM {held}
                        WHERE kind = '{kind}' AND customer NOT IN (SELECT customer FROM {hidden})
                        UNION ALL SELECT id, external_id, NULL, {none} FROM {known}"""
            ),
        )

    def _unprofiled_query(self, kind: CustomerKind) -> str:
        """Those who are known by events only."""
        profiled = f"SELECT customer FROM {self._held()} WHERE kind = '{kind}'"
        return f"""SELECT DISTINCT id, external_id FROM ({self._visible.customers()})
            WHERE kind = '{kind}' AND id IN (SELECT customer FROM {self._activity(kind)}) AND id NOT IN ({profiled})"""

    # --- SQL

    def _make(self, what: str, key: Any, query: Any) -> str:
        """The temporary view or table under this key; made when first asked for."""
        if key not in self._made:
            sql = query()
            name = f"made_{len(self._made)}"
            self._execute(f"CREATE TEMP {what} {name} AS {sql}")
            self._made[key] = name
        return self._made[key]

    def _load(self, name: str, ids: BitMap) -> None:
        given = pa.table({"customer": pa.array(ids.to_array(), pa.uint32())})
        self._cursor.register("given", given)
        self._execute(f"CREATE TEMP TABLE {name} AS SELECT customer::INTEGER AS customer FROM given")
        self._cursor.unregister("given")

    def _fetch(self, query: str) -> BitMap:
        [column] = self._execute(f"SELECT CAST(column0 AS UINTEGER) FROM ({query}) AS t(column0)").fetchnumpy().values()
        return BitMap(column)

    def _execute(self, sql: str) -> Cursor:
        try:
            return self._cursor.execute(sql)
        except BROKEN as error:
            raise self._engine.diagnose(error, self._segments) from error

    def _table(self, name: str, schema: ibis.Schema) -> ir.Table:
        return ops.DatabaseTable(name=name, schema=schema, source=self._backend, namespace=ops.Namespace()).to_expr()
