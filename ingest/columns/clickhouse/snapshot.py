"""The ClickHouse snapshot: what was visible at one instant, worked out by the server.

What is asked once and used often becomes a temporary table of the session; everything else is a named query (WITH) that
the server puts in its place. Nothing is kept for later snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns import seen
from ingest.columns.base import BaseSnapshot
from ingest.columns.clickhouse.answers import as_asked, selected
from ingest.columns.clickhouse.dialect import LETTERS, UPPER, ExactBackend, microseconds
from ingest.columns.clickhouse.session import Session
from ingest.columns.clickhouse.tables import EVENT_VALUES, MAP_NAMES, NO_MAPS
from ingest.columns.clickhouse.visible import Visible
from ingest.columns.clickhouse.weighing import Weighing
from ingest.columns.identities import Identities
from ingest.columns.interface import NAMED, Newest, Span
from ingest.columns.layout import (
    ACTIVITY_ROWS,
    ALL_EVENT_ROWS,
    COMPANY_ROWS,
    EVENT_ROWS,
    NEW_ACTIVITY_ROWS,
    PROFILE_ROWS,
)
from ingest.fields import Field, FieldType
from ingest.models import CustomerKind, Segment

BEGINNING = Span(None, datetime.max.replace(tzinfo=UTC))
_ALSO = ibis.schema({"tagged": "boolean"})
"""What tells events with an empty list of tags from those without any."""
_CUSTOMER = ibis.schema({"customer": "int32"})
_UNPROFILED = f"""SELECT id AS customer, any(external_id) AS external_id, CAST(NULL AS Nullable(Int64)) AS held_from,
    {NO_MAPS} FROM customers"""
_EVENT = f"id, time, received_at, weight, {EVENT_VALUES}"


class ClickHouseSnapshot(BaseSnapshot):
    """`interface.Snapshot` in one session."""

    def __init__(self, session: Session, segments: Sequence[Segment], at: datetime) -> None:
        super().__init__(at)
        self._session = session
        self._segments = segments
        self._visible = Visible(segments, at)
        self._backend = ExactBackend()
        self._views: dict[str, str] = {}
        self._made: dict[Hashable, str] = {}

    # --- Tables of the interface

    def events(self, kind: CustomerKind, span: Span) -> ir.Table:
        return self._table(self.events_view(kind, span), _also(EVENT_ROWS))

    def all_events(self, span: Span) -> ir.Table:
        def query() -> str:
            named = "nullIf(user_id, 0) AS user_id, nullIf(company_id, 0) AS company_id"
            return f"SELECT {_EVENT}, {named} FROM {self._identified('events', self._visible.events(span))}"

        return self._table(self._view(("all events", span), query), _also(ALL_EVENT_ROWS))

    def profiles(self, kind: CustomerKind) -> ir.Table:
        def query() -> str:
            known = f"SELECT customer FROM {self._newest()} WHERE kind = '{kind}'"
            unknown = f"SELECT customer FROM {self._activity(kind)} WHERE customer NOT IN ({known})"
            return f"""SELECT customer, external_id, held_from, {MAP_NAMES} FROM {self._held(kind)}
                UNION ALL
                {_UNPROFILED} WHERE {self._visible.customers()} AND id IN ({unknown}) GROUP BY id"""

        return self._table(self._view(("profiles", kind), query), PROFILE_ROWS)

    def activity(self, kind: CustomerKind, among: BitMap | None = None) -> ir.Table:
        return self._among(self._table(self._activity(kind), ACTIVITY_ROWS), among)

    def new_activity(self, kind: CustomerKind, since: datetime) -> ir.Table:
        def query() -> str:
            events = self.events_view(kind, BEGINNING, since)
            return f"SELECT customer, min(time) AS first_new, max(time) AS last_new FROM {events} GROUP BY customer"

        return self._table(self._temporary(("new activity", kind, since), query), NEW_ACTIVITY_ROWS)

    def companies(self) -> ir.Table:
        return self._table(self._links(), COMPANY_ROWS)

    # --- Sets of customers

    def weigh(self, chosen: Callable[[ir.Table], ir.Table], key: str | None) -> Weighing:
        return Weighing(chosen, self.event_table, self.rows)

    def newest(self, chosen: Callable[[ir.Table], ir.Table], key: str | None, asked: Newest) -> list[dict[str, Any]]:
        among = self.among(asked.ids)
        parts = [
            chosen(self.event_table(asked.kind, span, asked.since, asked.then))
            .semi_join(among, "customer")
            .select("customer", *NAMED)
            for span in asked.spans
        ]
        events = ibis.union(*parts, distinct=True)
        order = [events.time, events.id] if asked.first else [events.time.desc(), events.id.desc()]
        place = ibis.row_number().over(group_by=events.customer, order_by=order)
        few = events.mutate(place=place).filter(ibis._.place < asked.most)
        rows: list[dict[str, Any]] = self.rows(few.order_by("customer", "place").drop("place")).to_pylist()
        return rows

    def passing(
        self, kind: CustomerKind, field: Field, test: Callable[[ir.Table], ir.BooleanValue], key: str | None
    ) -> BitMap:
        profiles = self.profiles(kind) if field.column is not None else self._table(self._held(kind), PROFILE_ROWS)
        return self.ids(profiles.filter(test(profiles)))

    def changed_profiles(self, kind: CustomerKind, since: datetime) -> BitMap:
        return self._once(("changed", kind, since), lambda: self._changed(kind, since)).copy()

    def _changed(self, kind: CustomerKind, since: datetime) -> BitMap:
        said = f"SELECT customer FROM {self._newest()} WHERE newest_at > {microseconds(since)} AND kind = "
        changed = self._fetch(f"{said}'{kind}'")
        if kind == CustomerKind.USER:
            changed |= self.users_of(self._fetch(f"{said}'{CustomerKind.COMPANY}'"))
        return changed & self.universe(kind)

    def users_of(self, companies: BitMap) -> BitMap:
        if not companies:
            return BitMap()
        links, among = self.companies(), self.among(companies)
        return self.ids(links.semi_join(among, links.company == among.customer).select(customer=links.user))

    def companies_of(self, users: BitMap) -> dict[int, int]:
        links, among = self.companies(), self.among(users)
        found = self.rows(links.semi_join(among, links.user == among.customer))
        return dict(zip(found["user"].to_pylist(), found["company"].to_pylist(), strict=True))

    def universe(self, kind: CustomerKind) -> BitMap:
        return self._once(
            ("universe", kind), lambda: self._fetch(f"SELECT customer FROM {self._activity(kind)}")
        ).copy()

    # --- Values

    def tags(self, table: ir.Table) -> ir.ArrayValue:
        return table.tags

    def exists(self, table: ir.Table, field: Field) -> ir.BooleanValue:
        return table.tagged if field.type == FieldType.TAGS else super().exists(table, field)

    # --- What pickers offer

    def _recent(self, rows: int) -> ir.Table:
        def query() -> str:
            owner = "nullIf(if(user_id != 0, user_id, company_id), 0)"
            events = self._identified("events", self._visible.events(BEGINNING))
            shown = self._shown("if(user_id != 0, user_id, company_id)")
            return f"SELECT {_EVENT}, {owner} AS customer FROM {events} AND {shown} ORDER BY time DESC LIMIT {rows}"

        return self._table(self._temporary(("recent", rows), query), _also(EVENT_ROWS))

    def _some(self, kind: CustomerKind, rows: int) -> ir.Table:
        view = self._view(("some", kind, rows), lambda: f"SELECT * FROM {self._held(kind)} LIMIT {rows}")
        return self._table(view, PROFILE_ROWS)

    def _named(self, kind: CustomerKind) -> ir.Table:
        def query() -> str:
            listed = f"{self._visible.customers()} AND kind = '{kind}' AND {self._shown('id')}"
            return f"{_UNPROFILED} WHERE {listed} GROUP BY id LIMIT {seen.SURVEYED}"

        return self._table(self._view(("named", kind), query), PROFILE_ROWS)

    # --- Execution

    def keep(self, table: ir.Table) -> ir.Table:
        name = self._temporary(("kept", len(self._made)), lambda: self._backend.compile(table))
        return self._table(name, table.schema())

    def among(self, ids: BitMap) -> ir.Table:
        return self._table(self._loaded(ids), _CUSTOMER)

    def ids(self, table: ir.Table) -> BitMap:
        return self._fetch(self._backend.compile(table.select("customer")))

    def rows(self, table: ir.Table, among: BitMap | None = None) -> pa.Table:
        table = self._among(table, among)
        schema = table.schema()
        return as_asked(self._run(selected(self._backend.compile(table), schema)), schema)

    # --- Helper tables

    def events_view(
        self, kind: CustomerKind, span: Span, since: datetime | None = None, then: datetime | None = None
    ) -> str:
        """The events in the span that belong to customers of the kind, by who belongs to whom now.

        With `since` those that were not yet visible then; with `then` those that were visible then.
        """

        def query() -> str:
            visible = self._visible if then is None else Visible(self._segments, then)
            events = self._identified("events", visible.events(span, since))
            if kind == CustomerKind.USER:
                return f"SELECT {_EVENT}, user_id AS customer FROM {events} AND user_id != 0"
            return f"""SELECT {_EVENT}, company_id AS customer FROM {events} AND company_id != 0
                UNION ALL
                SELECT {_EVENT}, company AS customer
                FROM (SELECT * FROM {events} AND company_id = 0 AND user_id != 0) AS e
                INNER JOIN {self._links()} AS l ON e.user_id = l.user"""

        return self._view(("events", kind, span, since, then), query)

    def event_table(
        self, kind: CustomerKind, span: Span, since: datetime | None = None, then: datetime | None = None
    ) -> ir.Table:
        """The same as a table with the columns of `events`."""
        return self._table(self.events_view(kind, span, since, then), _also(EVENT_ROWS))

    def _pairs(self) -> str:
        """Who was seen when: a row for each user and company that events name together."""
        return self._temporary(
            "pairs",
            lambda: (
                f"""SELECT user_id, company_id, min(first_time) AS first_time, max(last_time) AS last_time,
                min(first_received) AS first_received FROM {self._identified(f"({self._visible.pairs()})", "true")}
                GROUP BY user_id, company_id"""
            ),
        )

    def _newest(self) -> str:
        """Of each customer of whom something was said the newest version, and when something was said first."""
        return self._temporary(
            "newest",
            lambda: (
                f"""SELECT kind, customer, max((received_at, version, sealed)) AS place,
                max(received_at) AS newest_at, min(received_at) AS said
                FROM versions WHERE {self._visible.versions()} GROUP BY kind, customer"""
            ),
        )

    def _identities(self) -> Identities:
        return self._once("identities", self._find_identities)

    def _find_identities(self) -> Identities:
        found = self._run(f"SELECT visitor, known FROM {self._merged()} ORDER BY visitor")
        return Identities(*(found[name].to_numpy().astype(np.int64) for name in ("visitor", "known")))

    def _merged(self) -> str:
        """`visitor, known`: who turned out to be whom, as the newest versions say."""
        columns = "customer AS visitor, toInt32(number['merged_into']) AS known"
        query = f"{self._versions(CustomerKind.USER, columns)} AND mapContains(number, 'merged_into')"
        return self._temporary("merged", lambda: query)

    def _identified(self, source: str, condition: str, column: str = "user_id") -> str:
        """The rows of the source that the condition holds for, with users in place of visitors, up to a WHERE."""
        if not self._identities():
            return f"{source} WHERE {condition}"
        of = "(SELECT groupArray({}) FROM (SELECT visitor, known FROM " + self._merged() + " ORDER BY visitor))"
        known = f"transform({column}, {of.format('visitor')}, {of.format('known')}, {column})"
        return f"(SELECT * REPLACE ({known} AS {column}) FROM {source} WHERE {condition}) WHERE true"

    def _versions(self, kind: CustomerKind, columns: str) -> str:
        """The newest version of every customer of the kind."""
        newest = f"SELECT customer, place FROM {self._newest()} WHERE kind = '{kind}'"
        return f"""SELECT {columns} FROM versions WHERE {self._visible.versions()} AND kind = '{kind}'
            AND (customer, (received_at, version, sealed)) IN ({newest})"""

    def _held(self, kind: CustomerKind) -> str:
        """The profiles of the customers of the kind who are not hidden."""
        columns = f"customer, external_id, CAST(received_at AS Nullable(Int64)) AS held_from, {MAP_NAMES}"
        return self._view(("held", kind), lambda: f"{self._versions(kind, columns)} AND {self._shown('customer')}")

    def _links(self) -> str:
        """`user, company`: the one given by the profile, else the one that the latest event names. None is hidden."""

        def query() -> str:
            given = self._temporary("given", lambda: self._versions(CustomerKind.USER, "customer AS user, company"))
            names = f"""SELECT id, any(external_id) AS external_id FROM customers
                WHERE {self._visible.customers()} AND kind = '{CustomerKind.COMPANY}' GROUP BY id"""
            return f"""SELECT user, company FROM (
                SELECT user, company FROM {given} WHERE company != 0 AND {self._shown("user")}
                UNION ALL
                SELECT user_id AS user, argMax(company_id, (last_time, external_id)) AS company
                FROM {self._pairs()} INNER JOIN ({names}) AS names ON company_id = names.id
                WHERE user_id != 0 AND user_id NOT IN (SELECT user FROM {given} WHERE company != 0)
                GROUP BY user_id) WHERE {self._shown("company")}"""

        return self._temporary("links", query)

    def _activity(self, kind: CustomerKind) -> str:
        """A row for each customer of the kind that exists, with the columns `layout.ACTIVITY_ROWS`."""

        def query() -> str:
            times = "first_time AS first, last_time AS last"
            named = f"SELECT {kind}_id AS customer, {times}, first_received AS received FROM {self._pairs()}"
            said = self._identified(self._newest(), f"kind = '{kind}'", "customer")
            parts = [
                f"{named} WHERE customer != 0",
                f"SELECT customer, NULL, NULL, said FROM {said}",
            ]
            if kind == CustomerKind.COMPANY:  # also events that name none; they make no company known
                parts.append(
                    f"""SELECT company, first_time, last_time, NULL FROM {self._pairs()} INNER JOIN {self._links()} AS l
                        ON user_id = l.user WHERE company_id = 0"""
                )
            return f"""SELECT customer, min(first) AS first_seen_time, max(last) AS last_seen_time,
                assumeNotNull(min(received)) AS created FROM ({" UNION ALL ".join(parts)})
                WHERE {self._shown("customer")} GROUP BY customer HAVING min(received) IS NOT NULL"""

        return self._temporary(("activity", kind), query)

    def _shown(self, column: str) -> str:
        """The condition that a customer is not hidden."""
        hidden = self._hidden()
        if not hidden:
            return "true"
        if "hidden" not in self._made:
            self._made["hidden"] = self._loaded(hidden)
        return f"{column} NOT IN (SELECT customer FROM {self._made['hidden']})"

    # --- SQL

    def _view(self, key: Hashable, query: Callable[[], str]) -> str:
        """A named query under this key."""
        if key not in self._made:
            sql = query()
            self._made[key] = f"made_{len(self._made)}"
            self._views[self._made[key]] = sql
        return self._made[key]

    def _temporary(self, key: Hashable, query: Callable[[], str]) -> str:
        """A temporary table under this key; made when first asked for."""
        if key not in self._made:
            sql = self._complete(query())
            name = f"made_{len(self._made)}"
            self._session.do(f"CREATE TEMPORARY TABLE {name} ENGINE = Memory AS {sql}")
            self._made[key] = name
        return self._made[key]

    def _loaded(self, ids: BitMap) -> str:
        """A temporary table of these ids."""
        name = f"made_{len(self._made)}"
        self._session.do(f"CREATE TEMPORARY TABLE {name} (customer Int32) ENGINE = Memory")
        if ids:
            self._session.insert(name, pa.table({"customer": np.array(ids.to_array(), dtype=np.int32)}))
        self._made[("loaded", name)] = name
        return name

    def _complete(self, sql: str) -> str:
        """The query with the named ones that it needs before it."""
        needed: list[str] = []
        text = sql
        for name, view in reversed(self._views.items()):
            if name in text:
                needed.insert(0, f"{name} AS ({view})")
                text += view
        if UPPER in text:
            needed.insert(0, LETTERS)
        if not needed:
            return sql
        begun = f"WITH {', '.join(needed)}"
        return f"{begun}, {sql.removeprefix('WITH ')}" if sql.startswith("WITH ") else f"{begun} {sql}"

    def _run(self, sql: str) -> pa.Table:
        return self._session.ask(self._complete(sql))

    def _fetch(self, query: str) -> BitMap:
        found = self._run(f"SELECT CAST(customer AS UInt32) AS customer FROM ({query})")
        return BitMap(found["customer"].to_numpy())

    def _table(self, name: str, schema: ibis.Schema) -> ir.Table:
        return ops.DatabaseTable(name=name, schema=schema, source=self._backend, namespace=ops.Namespace()).to_expr()


def _also(schema: ibis.Schema) -> ibis.Schema:
    return ibis.schema({**schema, **_ALSO})
