"""The DuckDB snapshot: what was visible at one instant, in tables that are made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns import seen
from ingest.columns.activity import Activity, Seen
from ingest.columns.base import BaseSnapshot
from ingest.columns.bitmaps import bitmap_of
from ingest.columns.engine import BROKEN, Engine, catalog
from ingest.columns.exact_numbers import ExactCompiler
from ingest.columns.few_profiles import FewProfiles
from ingest.columns.identities import Identities, read_identities
from ingest.columns.interface import Measure, Newest, Span
from ingest.columns.layout import (
    ACTIVITY_ROWS,
    ALL_EVENT_ROWS,
    COMPANY_ROWS,
    EVENT_ROWS,
    FIELD_ROWS,
    MAPS,
    NEW_ACTIVITY_ROWS,
    PROFILE_ROWS,
)
from ingest.columns.links import link
from ingest.columns.measuring import Measuring, compile_measure
from ingest.columns.memo import Arrays
from ingest.columns.newest import newest_of, newest_source
from ingest.columns.tables import Cursor
from ingest.columns.visible import MAPS as MAP_COLUMNS
from ingest.columns.visible import VALUES, VERSION, Visible
from ingest.columns.weighing import SOURCE, Weighing, reading
from ingest.columns.weights import Adoption
from ingest.fields import Field
from ingest.models import CustomerKind, Segment

LISTED = 2_000
"""Ids that are written into SQL; more of them are put into a table."""
_BEGINNING = Span(None, datetime.max.replace(tzinfo=UTC))


class DuckDBSnapshot(BaseSnapshot):
    """`interface.Snapshot` on one cursor. Not to be shared between threads."""

    def __init__(self, engine: Engine, cursor: Cursor, segments: Sequence[Segment], at: datetime, keep: bool) -> None:
        super().__init__(at)
        self._keep = keep
        self._engine = engine
        self._cursor = cursor
        self._segments = segments
        self._visible = Visible(segments, at)
        self._backend = ibis.duckdb.from_connection(cursor)
        self._backend.compiler = ExactCompiler()
        self._made: dict[Any, str] = {}
        self._holds: list[Any] = []
        self._narrowed: dict[str, tuple[BitMap, str]] = {}

    # --- Tables of the interface

    def events(self, kind: CustomerKind, span: Span) -> ir.Table:
        return self._table(self._events(kind, span, None), EVENT_ROWS)

    def all_events(self, span: Span) -> ir.Table:
        view = self._make("VIEW", ("all events", span), lambda: self._identified(self._visible.events(span)))
        return self._table(view, ALL_EVENT_ROWS)

    def weigh(self, chosen: Callable[[ir.Table], ir.Table], key: str | None) -> Weighing:
        sql = self._chosen(chosen, key)
        return Weighing(
            sql,
            self._keep and key is not None,
            self._engine,
            self._visible,
            self._arrays,
            self._identities,
            self._links,
            self._arrived,
        )

    def newest(self, chosen: Callable[[ir.Table], ir.Table], key: str | None, asked: Newest) -> list[dict[str, Any]]:
        source = self._identified(newest_source(asked, self._visible, self._arrived))
        adopting = self._adopting() if asked.kind == CustomerKind.COMPANY else None
        sql = newest_of(asked, self._chosen(chosen, key), adopting)
        rows: list[dict[str, Any]] = self._execute(reading(source, sql)).to_arrow_table().to_pylist()
        return rows

    def _chosen(self, chosen: Callable[[ir.Table], ir.Table], key: str | None) -> str:
        """The SQL of a choice among SOURCE."""

        def compile_() -> str:
            return str(self._backend.compile(chosen(self._table(SOURCE, ALL_EVENT_ROWS))))

        return self._compiled("weigh", key, compile_)

    def measured(
        self,
        kind: CustomerKind,
        span: Span,
        measure: Measure,
        *,
        seen_at: datetime | None = None,
        among: BitMap | None = None,
    ) -> ir.Table:
        if self._keep and measure.key is not None:
            visible = self._visible if seen_at is None else Visible(self._segments, seen_at)
            measuring = self._measuring(kind, measure)
            name = measuring.measure(visible, span, among)
            if name is not None:
                return self._table(name, measuring.compiled.schema)
        return super().measured(kind, span, measure, seen_at=seen_at, among=among)

    def _measuring(self, kind: CustomerKind, measure: Measure) -> Measuring:
        compiled = self._engine.compile(
            ("measure", measure.key), lambda: compile_measure(measure, self._backend, self._table)
        )
        return Measuring(
            compiled,
            _OWNERS[kind],
            self._engine,
            run=self._execute,
            make=self._make_anew,
            load=self._loaded,
            some=self._some_of,
            hold=self._holds.append,
            narrowed=self._narrowed,
            elsewhere=self._elsewhere(kind),
        )

    def _compiled(self, what: str, key: str | None, compile_: Callable[[], str]) -> str:
        return compile_() if key is None else self._engine.compile((what, key), compile_)

    def _arrived(self, since: datetime) -> str:
        """The events that were not yet visible then, as a table of their own: few, and asked by many leaves."""
        return self._make("TABLE", ("arrived", since), lambda: self._visible.events(_BEGINNING, since))

    def profiles(self, kind: CustomerKind) -> ir.Table:
        return self._table(self._profiles(kind), PROFILE_ROWS)

    def activity(self, kind: CustomerKind, among: BitMap | None = None) -> ir.Table:
        if among is None:
            return self._table(self._activity(kind), ACTIVITY_ROWS)
        some = self._seen_when(kind).table(np.array((among & self.universe(kind)).to_array(), dtype=np.int64))
        return self._table(self._make_of(f"some {len(self._made)}", lambda: some), ACTIVITY_ROWS)

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
        return self._once(("changed", kind, since), lambda: self._changed(kind, since)).copy()

    def _changed(self, kind: CustomerKind, since: datetime) -> BitMap:
        changed = self._fetch(self._visible.changed(kind, since))
        if kind == CustomerKind.USER:
            changed |= self.users_of(self._fetch(self._visible.changed(CustomerKind.COMPANY, since)))
        return changed & self.universe(kind)

    def passing(
        self, kind: CustomerKind, field: Field, test: Callable[[ir.Table], ir.BooleanValue], key: str | None
    ) -> BitMap:
        by_id = field.column is not None
        if self._keep and key is None and not by_id:
            fresh, base = self._field_values(kind, field)
            sql = self._tested(test, key, FIELD_ROWS)
            found = self._fetch(reading(fresh, sql))
            if base is not None:
                found |= self._fetch(reading(f"SELECT * FROM {base}", sql)) - self._once("renewed", self._renewed)
            return found - self._identities().hidden
        sql = self._tested(test, key, PROFILE_ROWS)
        found = self._fetch(reading(profiles_in(self._fresh(), kind), sql)) | self._passing_in_base(kind, sql, key)
        if by_id:
            found |= self._fetch(reading(f"SELECT * FROM {self._profiles(kind)}", sql))
        return found - self._identities().hidden

    def _passing_in_base(self, kind: CustomerKind, sql: str, key: str | None) -> BitMap:
        """Those who pass by what the base says, of whom nothing was said since."""
        base = self._visible.base()
        if base is None:
            return BitMap()
        of_base = reading(profiles_in(f"{catalog(base)}.newest", kind), sql)
        lasting = self._keep and key is not None
        of_key = ("passing", base.checksum, of_base)
        kept = self._engine.memo.get(of_key, lambda: self._arrays(of_base)) if lasting else self._arrays(of_base)
        return bitmap_of(kept["customer"]) - self._once("renewed", self._renewed)

    def _field_values(self, kind: CustomerKind, field: Field) -> tuple[str, str | None]:
        """One field of the profiles, as `layout.FIELD_ROWS`: SQL for what was said beside the base, and the table of
        what the base says, which is kept: a condition that moves with the clock asks for it in every cycle."""

        def compile_() -> str:
            profiles = self._table(SOURCE, PROFILE_ROWS)
            values = {name: self.value(profiles, field, type_) for name, type_ in MAPS.items()}
            rows = profiles.select("customer", **values, there=self.exists(profiles, field))
            return str(self._backend.compile(rows.filter(rows.there)))

        def of(table: str) -> str:
            return reading(profiles_in(table, kind), f"SELECT * FROM ({narrowing})")

        narrowing = self._compiled("field values", field.path, compile_)
        base = self._visible.base()
        if base is None:
            return of(self._fresh()), None
        of_base = of(f"{catalog(base)}.newest")
        key = ("field values", base.checksum, of_base)
        kept = self._engine.memo.get(key, lambda: self._engine.keep(self._execute, of_base))
        self._holds.append(kept)
        return of(self._fresh()), kept.name

    def _renewed(self) -> BitMap:
        """Of whom a segment beside the base says something."""
        return self._fetch(f"SELECT customer FROM {self._fresh()}")

    def _tested(self, test: Callable[[ir.Table], ir.BooleanValue], key: str | None, schema: ibis.Schema) -> str:
        """The SQL that gives the customers of SOURCE, a table with this schema, for whom the test is true."""

        def compile_() -> str:
            profiles = self._table(SOURCE, schema)
            return str(self._backend.compile(profiles.filter(test(profiles)).select("customer")))

        return f"SELECT customer FROM ({self._compiled('passing', key, compile_)})"

    def users_of(self, companies: BitMap) -> BitMap:
        links = self._links()
        asked = np.zeros(1 + max(int(links.links.max(initial=0)), companies.max() if companies else 0), dtype=bool)
        asked[np.array(companies.to_array(), dtype=np.int64)] = True
        return bitmap_of(links.users[asked[links.links]])

    def companies_of(self, users: BitMap) -> dict[int, int]:
        asked = np.array(users.to_array(), dtype=np.int64)
        companies = self._links().of(asked)
        return dict(zip(asked[companies > 0].tolist(), companies[companies > 0].tolist(), strict=True))

    def universe(self, kind: CustomerKind) -> BitMap:
        return self._once(("universe", kind), lambda: bitmap_of(self._seen_when(kind).customers)).copy()

    # --- What pickers offer

    def _some(self, kind: CustomerKind, rows: int) -> ir.Table:
        query = f"""SELECT customer, external_id, received_at AS held_from, {MAP_COLUMNS} FROM {self._held()}
            WHERE kind = '{kind}' AND customer NOT IN (SELECT customer FROM {self._hidden_table()}) LIMIT {rows}"""
        return self._table(self._make("VIEW", ("some", kind, rows), lambda: query), PROFILE_ROWS)

    def _named(self, kind: CustomerKind) -> ir.Table:
        none = ", ".join(f"NULL AS {name}" for name in ("held_from", *MAP_COLUMNS.split(", ")))
        query = f"""SELECT DISTINCT id AS customer, external_id, {none} FROM ({self._visible.customers()})
            WHERE kind = '{kind}' AND id NOT IN (SELECT customer FROM {self._hidden_table()}) LIMIT {seen.SURVEYED}"""
        return self._table(self._make("VIEW", ("named", kind), lambda: query), PROFILE_ROWS)

    def _recent(self, rows: int) -> ir.Table:
        recent = seen.recent_events(self._visible, rows)
        hidden = self._make_of("erased", lambda: {"customer": self._erased().to_array()})
        kept = f"SELECT * FROM ({recent}) WHERE customer IS NULL OR customer NOT IN (SELECT customer FROM {hidden})"
        return self._table(self._make("VIEW", ("recent", rows), lambda: kept), EVENT_ROWS)

    # --- Execution

    def keep(self, table: ir.Table) -> ir.Table:
        return self._table(self._make_anew("TABLE", self._backend.compile(table)), table.schema())

    def among(self, ids: BitMap) -> ir.Table:
        return self._table(self._loaded(ids), ibis.schema({"customer": "int32"}))

    def ids(self, table: ir.Table) -> BitMap:
        return self._fetch(f"SELECT customer FROM {self._from(table)}")

    def holding(self, table: ir.Table, *, holds: bool = True) -> BitMap:
        return self._fetch(f"SELECT customer FROM {self._from(table)} WHERE {'holds' if holds else 'NOT holds'}")

    def rows(self, table: ir.Table, among: BitMap | None = None) -> pa.Table:
        where = "" if among is None else f" WHERE customer IN {self._some_of(among)}"
        return self._execute(f"SELECT * FROM {self._from(table)}{where}").to_arrow_table()

    def of_profiles(
        self, kind: CustomerKind, ids: BitMap, field: Field, select: Callable[[ir.Table], ir.Table], key: str | None
    ) -> pa.Table:
        ids = ids & self.universe(kind)
        narrow = self._keep and key is None and field.column is None
        schema = FIELD_ROWS if narrow else PROFILE_ROWS

        def compile_() -> str:
            return str(self._backend.compile(select(self._table(SOURCE, schema))))

        few = self._few_values(kind, ids, field) if narrow else self._few_profiles.of(ids)
        selected = self._compiled("of profiles", key, compile_)
        return self._execute(reading(few, f"SELECT * FROM ({selected})")).to_arrow_table()

    def _few_values(self, kind: CustomerKind, ids: BitMap, field: Field) -> str:
        fresh, base = self._field_values(kind, field)
        some = f"SELECT * FROM ({fresh}) WHERE customer IN {self._some_of(ids)}"
        if base is None:
            return some
        old = ids - self._once("renewed", self._renewed)
        return f"{some} UNION ALL SELECT * FROM {base} WHERE customer IN {self._some_of(old)}"

    def _from(self, table: ir.Table) -> str:
        """A table in a FROM clause. One that stands there already is named: compiling takes as long as running it."""
        found = table.op()
        return found.name if isinstance(found, ops.DatabaseTable) else f"({self._backend.compile(table)})"

    def _some_of(self, ids: BitMap) -> str:
        """The ids after IN: a few are listed, more of them loaded."""
        if len(ids) > LISTED:
            return f"(SELECT customer FROM {self._loaded(ids)})"
        return f"({', '.join(map(str, ids)) or 0})"

    # --- Helper tables

    def _events(self, kind: CustomerKind, span: Span, since: datetime | None) -> str:
        visible = self._identified(self._visible.events(span, since))
        columns = f"id, time, received_at, weight, {VALUES}"
        if kind == CustomerKind.USER:
            query = f"SELECT {columns}, user_id AS customer FROM ({visible}) WHERE user_id IS NOT NULL"
        else:
            query = f"""SELECT {columns}, company_id AS customer FROM ({visible}) WHERE company_id IS NOT NULL
                UNION ALL SELECT {columns}, company AS customer
                FROM ({visible}) JOIN {self._adopting()} ON user_id = "user" WHERE company_id IS NULL"""
        return self._make("VIEW", ("events", kind, span, since), lambda: query)

    def _identities(self) -> Identities:
        """Who turned out to be whom, as the newest versions say."""
        base = self._visible.base()
        kept = (base.checksum, f"{catalog(base)}.newest") if base else None
        return self._once("identities", lambda: read_identities(self._arrays, self._engine.memo, self._fresh(), kept))

    def _identified(self, events: str) -> str:
        """The events, as those of users in place of visitors."""
        identities = self._identities()
        if not identities:
            return events
        known = self._make_of("identities", lambda: {"visitor": identities.visitors, "known": identities.users})
        return f"""SELECT e.* REPLACE (coalesce(i.known::INTEGER, e.user_id) AS user_id)
            FROM ({events}) AS e LEFT JOIN {known} AS i ON e.user_id = i.visitor"""

    def _hidden_table(self) -> str:
        """`customer`: those who are hidden."""
        return self._make_of("hidden", lambda: {"customer": self._hidden().to_array()})

    @cached_property
    def _seen(self) -> Seen:
        return Seen(self._engine, self._visible, self._arrays, self._identities())

    def _seen_when(self, kind: CustomerKind) -> Activity:
        company_of = self._links().companies if kind == CustomerKind.COMPANY else None
        return self._once(("activity", kind), lambda: self._seen.activity(kind, company_of, self._hidden()))

    def _fresh(self) -> str:
        """The newest versions of the customers of whom a segment beside the base says something."""
        return self._make("TABLE", "fresh", self._newest_beside)

    def _newest_beside(self) -> str:
        """A version of the base comes into it only where it is newer than those beside: found out by keys alone."""
        base = self._visible.base()
        beside = self._visible.versions_beside(base)
        keys = f"SELECT customer, received_at, version, sealed, false AS of_base FROM ({beside})"
        versions = f"SELECT {VERSION} FROM ({beside})"
        if base is not None:
            newest = f"{catalog(base)}.newest"
            keys += f""" UNION ALL SELECT customer, received_at, version, sealed, true FROM {newest}
                WHERE customer IN (SELECT customer FROM ({beside}))"""
            versions += f""" UNION ALL SELECT {VERSION} FROM {newest}
                WHERE customer IN (SELECT customer FROM chosen WHERE newest[4])"""
        return f"""WITH chosen AS MATERIALIZED (
                SELECT customer, max((received_at, version, sealed, of_base)) AS newest FROM ({keys}) GROUP BY customer)
            SELECT v.* FROM ({versions}) AS v JOIN chosen AS c
            ON v.customer = c.customer AND v.version = c.newest[2] AND v.sealed = c.newest[3]"""

    def _held(self) -> str:
        """The newest version of every customer, as in `layout.VERSIONS`."""
        base, fresh = self._visible.base(), self._fresh()
        query = f"SELECT {VERSION} FROM {fresh}"
        if base is not None:
            unchanged = f"customer NOT IN (SELECT customer FROM {fresh})"
            query += f" UNION ALL SELECT {VERSION} FROM {catalog(base)}.newest WHERE {unchanged}"
        return self._make("VIEW", "held", lambda: query)

    def _links(self) -> Adoption:
        """The company of each user, also as a table by `_companies`."""

        def find() -> Adoption:
            identities = self._identities()
            return link(self._given(), self._seen.pairs, identities, self._hidden(), self._latest_name)

        return self._once("links", find)

    def _given(self) -> Arrays:
        """`user, company` as the profiles say, 0 for none; those of the base first."""
        select = """SELECT customer AS "user", coalesce(company, 0) AS company FROM {} WHERE kind = 'user'"""
        fresh = self._arrays(select.format(self._fresh()))
        base = self._visible.base()
        if base is None:
            return fresh
        of_base = f"{catalog(base)}.newest"
        kept = self._engine.memo.get(("given", base.checksum), lambda: self._arrays(select.format(of_base)))
        return {name: np.concatenate([kept[name], fresh[name]]) for name in fresh}

    def _latest_name(self, users: np.ndarray, companies: np.ndarray) -> Arrays:
        tied = self._make_of(f"tied {len(self._made)}", lambda: {"user": users, "company": companies})
        return self._arrays(
            f"""SELECT "user", arg_max(company, external_id) AS company
                FROM {tied} JOIN ({self._visible.customers()}) ON id = company GROUP BY "user" """
        )

    def _companies(self) -> str:
        """`user, company`."""
        links = self._links()
        return self._make_of("companies", lambda: {"user": links.users, "company": links.links})

    def _elsewhere(self, kind: CustomerKind) -> str | None:
        """`owner, customer`: the owners, as _OWNERS tells them, whose events count for another customer, if any do."""
        identities, links = self._identities(), self._links() if kind == CustomerKind.COMPANY else None

        def find() -> Arrays:
            if links is None:
                return {"owner": identities.visitors, "customer": identities.users}
            named = np.concatenate([self._seen.alone, identities.visitors])
            companies = links.of(identities.of(named))
            return {"owner": -named[companies > 0], "customer": companies[companies > 0]}

        return self._make_of(("elsewhere", kind), find) if links is not None or identities else None

    def _adopting(self) -> str:
        """`user, company` of the users with events that name no company."""

        def find() -> Arrays:
            users = self._seen.alone
            companies = self._links().of(users)
            return {"user": users[companies > 0], "company": companies[companies > 0]}

        return self._make_of("adopting", find)

    def _activity(self, kind: CustomerKind) -> str:
        activity = self._seen_when(kind)
        return self._make_of(("activity", kind), lambda: activity.table(activity.customers))

    def _profiles(self, kind: CustomerKind) -> str:
        held, hidden = self._held(), self._hidden_table()
        none = ", ".join(f"NULL AS {name}" for name in MAP_COLUMNS.split(", "))
        return self._make(
            "VIEW",
            ("profiles", kind),
            lambda: (
                f"""SELECT customer, external_id, received_at AS held_from, {MAP_COLUMNS} FROM {held}
                        WHERE kind = '{kind}' AND customer NOT IN (SELECT customer FROM {hidden})
                        UNION ALL SELECT id, external_id, NULL, {none} FROM {self._unprofiled(kind)}"""
            ),
        )

    @cached_property
    def _few_profiles(self) -> FewProfiles:
        base = self._visible.base()
        newest = None if base is None else f"{catalog(base)}.newest"
        renewed = self._once("renewed", self._renewed)
        return FewProfiles(self._execute, self._some_of, self._fresh(), renewed, newest, self._visible.customers())

    def _unprofiled(self, kind: CustomerKind) -> str:
        """`id, external_id` of those who are known by events only."""
        ids = self._make_of(
            ("unprofiled ids", kind), lambda: {"id": (self.universe(kind) - self._profiled(kind)).to_array()}
        )
        customers = self._visible.customers()
        query = f"SELECT DISTINCT id, external_id FROM ({customers}) WHERE id IN (SELECT id FROM {ids})"
        return self._make("TABLE", ("unprofiled", kind), lambda: query)

    def _profiled(self, kind: CustomerKind) -> BitMap:
        """Of whom something was said."""
        select = f"SELECT customer FROM {{}} WHERE kind = '{kind}'"
        found = self._fetch(select.format(self._fresh()))
        base = self._visible.base()
        if base is None:
            return found
        of_base = f"{catalog(base)}.newest"
        kept = self._engine.memo.get(("profiled", base.checksum, kind), lambda: self._arrays(select.format(of_base)))
        return found | bitmap_of(kept["customer"])

    # --- SQL

    def _make(self, what: str, key: Any, query: Any) -> str:
        """The temporary view or table under this key; made when first asked for."""
        if key not in self._made:
            sql = query()
            name = f"made_{len(self._made)}"
            self._execute(f"CREATE TEMP {what} {name} AS {sql}")
            self._made[key] = name
        return self._made[key]

    def _make_anew(self, what: str, sql: str) -> str:
        """Another temporary view or table."""
        return self._make(what, f"another {len(self._made)}", lambda: sql)

    def _make_of(self, key: Hashable, find: Callable[[], Any]) -> str:
        """A view under this key of arrays by column name, or of an Arrow table, that `find` makes."""
        if key not in self._made:
            found = find()
            name = f"made_{len(self._made)}"
            self._cursor.register(name, found if isinstance(found, pa.Table) else pa.table(dict(found)))
            self._made[key] = name
        return self._made[key]

    def _loaded(self, ids: BitMap) -> str:
        """A temporary table with the column `customer`."""
        self._cursor.register("given", pa.table({"customer": pa.array(ids.to_array(), pa.int32())}))
        name = self._make_anew("TABLE", "SELECT customer FROM given")
        self._cursor.unregister("given")
        return name

    def _arrays(self, query: str) -> Arrays:
        """The columns of a query's answer, none of which is null."""
        arrays: dict[str, np.ndarray] = self._execute(query).fetchnumpy()
        return arrays

    def _fetch(self, query: str) -> BitMap:
        [column] = self._execute(f"SELECT CAST(column0 AS UINTEGER) FROM ({query}) AS t(column0)").fetchnumpy().values()
        return bitmap_of(column)

    def _execute(self, sql: str) -> Cursor:
        try:
            return self._cursor.execute(sql)
        except BROKEN as error:
            raise self._engine.diagnose(error, self._segments) from error

    def _table(self, name: str, schema: ibis.Schema) -> ir.Table:
        return ops.DatabaseTable(name=name, schema=schema, source=self._backend, namespace=ops.Namespace()).to_expr()


_OWNERS = {
    CustomerKind.USER: "user_id",
    CustomerKind.COMPANY: "CASE WHEN company_id IS NULL THEN -user_id ELSE company_id END",
}
"""Whose an event is, by itself alone: where companies are asked for, those of a user that name none are of `-user`."""


def profiles_in(table: str, kind: CustomerKind) -> str:
    """The newest versions in a table as rows of `layout.PROFILE_ROWS`."""
    columns = f"customer, external_id, received_at AS held_from, {MAP_COLUMNS}"
    return f"SELECT {columns} FROM {table} WHERE kind = '{kind}'"
