"""Snapshots of many ascending instants, each found from the one before: what came in between is all that is read.

A look at the past finds its segments incomplete, and would sum up all history anew at every instant. Here four things
are carried on from instant to instant: the newest version of every customer, who was seen when, how much chosen events
weigh in a window, and who passes a test of profiles. All else is asked as ever.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from dataclasses import field as default
from datetime import datetime, timedelta
from functools import cached_property

import ibis.expr.types as ir
import numpy as np
from pyroaring import BitMap

from ingest.columns.activity import Seen, grow, moved, put_all
from ingest.columns.bitmaps import bitmap_of
from ingest.columns.engine import Engine
from ingest.columns.identities import Identities, read_identities
from ingest.columns.interface import Span, without
from ingest.columns.layout import PROFILE_ROWS
from ingest.columns.memo import Arrays
from ingest.columns.snapshot import DuckDBSnapshot, profiles_in
from ingest.columns.tables import Cursor
from ingest.columns.visible import VERSION, Visible, moment
from ingest.columns.weighing import Weighing, reading
from ingest.columns.weights import Weights
from ingest.fields import Field
from ingest.models import CustomerKind, Segment

_NOTHING = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True)
class PastVisible(Visible):
    """The segments seen from an instant of a replay: no segment is taken as it stands."""

    def base(self) -> Segment | None:
        return None

    def said_since(self, kind: CustomerKind, since: datetime) -> str:
        """`customer, received`: what was said after `since`."""
        first, each = (f"customer, epoch_us({name}) AS received" for name in ("first_received", "received_at"))
        return self._versions(first, each, [f"kind = '{kind}'", f"received_at > {moment(since)}"])


@dataclass
class Sums:
    """What chosen events weigh that were visible at `at` and lie in the span: by user, and by company where one is
    named and companies are asked for."""

    at: datetime
    span: Span
    users: np.ndarray = default(default_factory=_NOTHING.copy)
    companies: np.ndarray = default(default_factory=_NOTHING.copy)

    def add(self, part: Arrays, sign: int) -> None:
        for name, ids in (("users", part["user"]), ("companies", part["company"])):
            sums = grow(getattr(self, name), ids, 0)
            np.add.at(sums, ids, sign * part["n"].astype(np.int64))
            sums[0] = 0
            setattr(self, name, sums)

    def parts(self) -> list[Arrays]:
        """As `weights.add_up` takes them."""
        users, companies = np.flatnonzero(self.users), np.flatnonzero(self.companies)
        return [
            {"user": users, "company": np.zeros_like(users), "n": self.users[users]},
            {"user": np.zeros_like(companies), "company": companies, "n": self.companies[companies]},
        ]

    def distance(self, span: Span) -> timedelta | None:
        """How far the span's borders lie from these; none where only one of both begins."""
        if self.span.start is None or span.start is None:
            return abs(span.end - self.span.end) if self.span.start is span.start else None
        return abs(span.end - self.span.end) + abs(span.start - self.span.start)


@dataclass
class Passed:
    """Who passed a test at an instant."""

    at: datetime
    customers: BitMap


class Carried:
    """What is carried on. `table` holds the newest versions of customers at `versions_at`."""

    def __init__(self) -> None:
        self.table = f"replayed_{uuid.uuid4().hex}"
        self.versions_at: datetime | None = None
        self.seen_at: datetime | None = None
        self.pairs: list[Arrays] = []
        self.said: dict[CustomerKind, list[Arrays]] = {}
        self.sums: dict[tuple[str, CustomerKind], list[Sums]] = {}
        self.passed: dict[tuple[str, CustomerKind], Passed] = {}
        self.identities: tuple[datetime, Identities] | None = None
        self.universes: dict[CustomerKind, tuple[np.ndarray, BitMap]] = {}
        self._instants: dict[str, tuple[int, Arrays]] = {}

    def instants(self, who: str) -> dict[str, np.ndarray]:
        """As `Seen` has them; a copy."""
        done, found = self._instants.get(who, (0, put_all({}, who, [])))
        if done < len(self.pairs):
            found = put_all(found, who, self.pairs[done:])
            self._instants[who] = (len(self.pairs), found)
        return {name: array.copy() for name, array in found.items()}

    def closest(self, key: tuple[str, CustomerKind], span: Span, at: datetime) -> Sums | None:
        """The sums, the same or of an earlier instant, from which those of the span take the least reading."""
        length = None if span.start is None else span.end - span.start
        found = [
            (distance, place)
            for place, sums in enumerate(self.sums.get(key, ()))
            if (sums.at < at or sums.span == span)
            and (distance := sums.distance(span)) is not None
            and (length is None or distance <= max(length, timedelta(hours=1)))
        ]
        return self.sums[key][min(found)[1]] if found else None


@dataclass(frozen=True)
class CarriedSeen(Seen):
    """Who was seen when, from what is carried."""

    carried: Carried

    @property
    def named(self) -> list[Arrays]:
        return self.carried.pairs

    def said(self, kind: CustomerKind) -> list[Arrays]:
        return self.carried.said[kind]

    def _instants(self, who: str) -> dict[str, np.ndarray]:
        return moved(self.carried.instants(who), self.identities)


@dataclass(frozen=True)
class CarriedWeighing(Weighing):
    """Weighs by what came into and fell out of a window since the instant before."""

    carried: Carried

    def within(self, kind: CustomerKind, span: Span) -> Weights:
        if not self.lasting:  # the clock decides too: other events are chosen at every instant
            return super().within(kind, span)
        key = (self.chosen, kind)
        sums = self.carried.closest(key, span, self.visible.at)
        if sums is None:
            sums = Sums(self.visible.at, span)
            sums.add(self._of(self.visible.events(span), kind), 1)
            self.carried.sums.setdefault(key, []).append(sums)
        elif sums.at < self.visible.at:
            self._move(sums, kind, span)
        if kind == CustomerKind.COMPANY or self.identities():
            return self._add_up(sums.parts(), kind)
        customers = np.flatnonzero(sums.users)
        return Weights(customers, sums.users[customers])

    def _move(self, sums: Sums, kind: CustomerKind, span: Span) -> None:
        before = replace(self.visible, at=sums.at)
        sums.add(self.arrived_parts(kind, span, sums.at), 1)
        for parts, sign in ((without(span, sums.span), 1), (without(sums.span, span), -1)):
            for part in parts:
                if part.start is None or part.start <= sums.at:
                    sums.add(self._of(before.events(part), kind), sign)
        sums.at, sums.span = self.visible.at, span


class ReplaySnapshot(DuckDBSnapshot):
    """A snapshot that carries on what the one before it left."""

    def __init__(
        self, engine: Engine, cursor: Cursor, segments: Sequence[Segment], at: datetime, carried: Carried
    ) -> None:
        super().__init__(engine, cursor, segments, at, keep=True)
        self._past = PastVisible(segments, at)
        self._visible = self._past
        self._carried = carried

    def weigh(self, chosen: Callable[[ir.Table], ir.Table], key: str | None) -> Weighing:
        plain = super().weigh(chosen, key)
        return CarriedWeighing(**vars(plain), carried=self._carried)

    def passing(
        self, kind: CustomerKind, field: Field, test: Callable[[ir.Table], ir.BooleanValue], key: str | None
    ) -> BitMap:
        if key is None or field.column is not None:
            return super().passing(kind, field, test, key)
        sql, profiles = self._tested(test, key, PROFILE_ROWS), profiles_in(self._fresh(), kind)
        before = self._carried.passed.get((sql, kind))
        if before is None:
            found = self._fetch(reading(profiles, sql))
        elif before.at == self.at:
            found = before.customers
        else:
            changed = self._changed_since(before.at)
            found = before.customers
            if changed:
                among = self._make_of(("changed", before.at), lambda: {"customer": changed.to_array()})
                again = f"{profiles} AND customer IN (SELECT customer FROM {among})"
                found = (found - changed) | self._fetch(reading(again, sql))
        self._carried.passed[sql, kind] = Passed(self.at, found)
        return found - self._identities().hidden

    def universe(self, kind: CustomerKind) -> BitMap:
        """Made anew only where somebody came or went: making a bitmap takes longer than comparing ids."""
        customers = self._seen_when(kind).customers
        before = self._carried.universes.get(kind)
        if before is None or not np.array_equal(before[0], customers):
            before = self._carried.universes[kind] = (customers, bitmap_of(customers))
        return before[1].copy()

    def _identities(self) -> Identities:
        """Those of the instant before, and who turned out to be somebody since: nobody does twice."""

        def find() -> Identities:
            fresh, carried = self._fresh(), self._carried
            if carried.identities is None:
                found = read_identities(self._arrays, self._engine.memo, fresh, None)
            else:
                since, found = carried.identities
                changed = self._changed_since(since) if since < self.at else BitMap()
                if changed:
                    among = self._make_of("perhaps merged", lambda: {"customer": changed.to_array()})
                    some = f"(SELECT * FROM {fresh} WHERE customer IN (SELECT customer FROM {among}))"
                    found = found.with_more(read_identities(self._arrays, self._engine.memo, some, None))
            carried.identities = (self.at, found)
            return found

        return self._once("identities", find)

    @cached_property
    def _seen(self) -> Seen:
        carried = self._carried
        if carried.seen_at is None:
            plain = Seen(self._engine, self._visible, self._arrays, self._identities())
            carried.pairs += plain.named
            carried.said = {kind: plain.said(kind) for kind in CustomerKind}
        elif carried.seen_at < self.at:
            carried.pairs.append(self._pairs_since(carried.seen_at))
            for kind, said in carried.said.items():
                said.append(self._arrays(self._past.said_since(kind, carried.seen_at)))
        carried.seen_at = self.at
        return CarriedSeen(self._engine, self._visible, self._arrays, self._identities(), carried)

    def _pairs_since(self, since: datetime) -> Arrays:
        return self._arrays(
            f"""SELECT coalesce(user_id, 0) AS "user", coalesce(company_id, 0) AS company, epoch_us(time) AS first,
                       epoch_us(time) AS last, epoch_us(received_at) AS received
                FROM {self._arrived(since)} WHERE coalesce(user_id, company_id) IS NOT NULL"""
        )

    def _fresh(self) -> str:
        """The newest versions of all customers: there is no base beside them."""
        carried = self._carried
        if carried.versions_at is None:
            self._execute(f"CREATE TABLE {carried.table} AS {self._newest_beside()}")
        elif carried.versions_at < self.at:
            self._renew(carried.table, self._changed_since(carried.versions_at))
        carried.versions_at = self.at
        return carried.table

    def _renew(self, table: str, changed: BitMap) -> None:
        if not changed:
            return
        among = (
            f"customer IN (SELECT customer FROM {self._make_of('renewed', lambda: {'customer': changed.to_array()})})"
        )
        self._execute(f"DELETE FROM {table} WHERE {among}")
        self._execute(
            f"""INSERT INTO {table}
                SELECT {VERSION} FROM ({self._visible.versions_beside(None)}) WHERE {among}
                QUALIFY row_number() OVER (
                    PARTITION BY customer ORDER BY received_at DESC, version DESC, sealed DESC) = 1"""
        )

    def _changed_since(self, since: datetime) -> BitMap:
        """Of whom, user or company, something was said since then."""

        def find() -> BitMap:
            kinds = (self._visible.changed(kind, since) for kind in CustomerKind)
            return self._fetch(" UNION ALL ".join(f"SELECT customer FROM ({each})" for each in kinds))

        return self._once(("said", since), find)


@contextmanager
def replaying(
    engine: Engine, segments: Sequence[Segment], instants: Sequence[datetime]
) -> Iterator[Iterator[DuckDBSnapshot]]:
    """The snapshots, one after the other; the segments are attached."""
    carried = Carried()
    try:
        yield _snapshots(engine, segments, instants, carried)
    finally:
        with engine.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {carried.table}")


def _snapshots(
    engine: Engine, segments: Sequence[Segment], instants: Sequence[datetime], carried: Carried
) -> Iterator[DuckDBSnapshot]:
    for at in instants:
        with engine.cursor() as cursor:
            yield ReplaySnapshot(engine, cursor, segments, at, carried)
