"""A condition on a field of the customer, or of the company that a user belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from django.db.models import OuterRef, Subquery
from pyroaring import BitMap

from cohorts.criteria.ahead import Ahead, Foretold
from cohorts.criteria.cells import Cell, as_utc
from cohorts.criteria.conditions import Condition, parse_condition
from cohorts.criteria.leaf import Before, Evidence, Leaf, LeafKind, Matched, Value, View
from cohorts.criteria.operators import borders_of, is_about_time, looks_at_calendar, moves, passes_at
from cohorts.criteria.place import Place
from cohorts.criteria.steps import Steps
from cohorts.criteria.turning import MOST_CUSTOMERS
from cohorts.criteria.windows import TICK, Clock
from cohorts.criteria.wording import say_found
from cohorts.enums import Reason
from ingest.columns.interface import Snapshot
from ingest.fields import CUSTOMER_ACTIVITY, Field, FieldType, customer_field
from ingest.models import Customer, CustomerKind, CustomerVersion
from ingest.paths import find

COMPANY = "company."
TIMES = {"time", "first_new", "last_new"}
"Columns of the rows that are read here which hold instants."
SEEN_TIMES = ("first_seen_time", "last_seen_time")
Row = dict[str, Any]


@dataclass(frozen=True)
class Profile(Leaf):
    """The customers whose field passes the condition. `owner` has the field: the customer's kind, or its company."""

    path: str
    kind: CustomerKind
    owner: CustomerKind
    condition: Condition

    def words(self) -> str:
        return self.condition.words()

    def evaluate(self, view: View) -> Matched:
        """Finds the customers that pass the positive check; a negative one is their complement."""
        owners = self._passing_owners(view)
        found = (owners if self.owner == self.kind else view.snapshot.users_of(owners)) & view.universe
        return Matched(view.universe - found if self.condition.negative else found, partial(self._explain, view))

    def _passing_owners(self, view: View) -> BitMap:
        snapshot = view.snapshot
        if self._is_activity:
            cell = self._cell(snapshot.activity(self.owner), snapshot)
            return snapshot.ids(cell.table.filter(self._holds(cell.table, view)))
        holds = partial(self._holds, view=view)
        return snapshot.passing(self.owner, self.condition.field, holds, self.condition.key)

    def _holds(self, owners: ir.Table, view: View) -> ir.BooleanValue:
        return self.condition.holds(self._cell(owners, view.snapshot), view.clock)

    @property
    def _is_activity(self) -> bool:
        return self.condition.field.column in CUSTOMER_ACTIVITY

    def _cell(self, owners: ir.Table, snapshot: Snapshot) -> Cell:
        return Cell(snapshot, owners, self.condition.field)

    def foretell(self, ahead: Ahead) -> Foretold:
        owner_of = dict(zip(ahead.ids, ahead.ids, strict=True))
        if self.owner != self.kind:
            owner_of = ahead.companies_of(ahead.ids)
        check = self.condition.check
        if self._is_activity or moves(check):
            found = self._foretell_times(ahead, BitMap(owner_of.values()))
        else:
            passing = self._passing_among(ahead.view, BitMap(owner_of.values()))
            found = {owner: Steps(owner in passing) for owner in owner_of.values()}
        nothing = Steps(first=False)
        steps = {id_: found[owner_of[id_]] if id_ in owner_of else nothing for id_ in ahead.ids}
        return {id_: each.negated() for id_, each in steps.items()} if self.condition.negative else steps

    def _passing_among(self, view: View, owners: BitMap) -> BitMap:
        table = view.snapshot.profiles(self.owner).semi_join(view.snapshot.among(owners), "customer")
        return view.snapshot.ids(table.filter(self._holds(table, view)))

    def _foretell_times(self, ahead: Ahead, owners: BitMap) -> dict[int, Steps]:
        """For a condition on a time; one that follows from events changes with those that are still to come."""
        snapshot = ahead.view.snapshot
        table = snapshot.activity(self.owner) if self._is_activity else snapshot.profiles(self.owner)
        cell = self._cell(table.semi_join(snapshot.among(owners), "customer"), snapshot)
        rows = snapshot.rows(cell.table.select("customer", time=cell.time())).to_pylist()
        times = {row["customer"]: as_utc(row["time"]) for row in rows}
        coming = self._coming(ahead, owners) if self.condition.field.column in SEEN_TIMES else {}

        def foretell_one(owner: int) -> Steps:
            now, later = times.get(owner), coming.get(owner, [])
            values = [*([now] if now else []), *later]
            instants = (
                *(border for value in values for border in borders_of(self.condition.check, value)),
                *later,
                *(ahead.days() if looks_at_calendar(self.condition.check) else ()),
            )

            def holds(clock: Clock) -> bool:
                seen = [value for value in later if value <= clock.at]
                return passes_at(self.condition.check, self._latest(now, seen), clock)

            return ahead.trace(iter(instants), holds)

        return {owner: foretell_one(owner) for owner in owners}

    def _coming(self, ahead: Ahead, owners: BitMap) -> dict[int, list[datetime]]:
        """The times of events that are known and still to come."""
        events = ahead.events(self.owner, ahead.now + TICK, owners)
        rows = ahead.later.rows(events.select("customer", "time").distinct()).to_pylist()
        found: dict[int, list[datetime]] = {}
        for row in sorted(rows, key=lambda row: row["time"]):
            found.setdefault(row["customer"], []).append(row["time"].replace(tzinfo=UTC))
        return found

    def _latest(self, now: datetime | None, seen: list[datetime]) -> datetime | None:
        """The first or the last seen time, once these events have come."""
        if self.condition.field.column == "first_seen_time" and now is not None:
            return now
        if not seen:
            return now
        return seen[0] if self.condition.field.column == "first_seen_time" else seen[-1]

    def _explain(self, view: View, ids: BitMap, before: Before | None) -> dict[int, Evidence]:
        since = before.as_of if before else None
        found = self._read(view, ids, partial(self._values, view, since))
        reasons = {} if since is None else self._reasons(view, ids, found, since)
        name, subject, threshold = self.condition.name, self.condition.subject, self.condition.predicate

        was = {} if since is None else self._was(reasons, since)

        def explain(id_: int) -> Evidence:
            row = found.get(id_, {})
            said = self._say(row, view.clock)
            sentence = f"{subject} {said} ({threshold})" if said else f"{name} is not set ({threshold})"
            figures = {"was": was[id_]} if id_ in was else {}
            return Evidence(sentence, reasons.get(id_, Reason.BEHAVIOR), self._value(row), threshold, figures)

        return {id_: explain(id_) for id_ in ids}

    def _read(self, view: View, ids: BitMap, select: Callable[[BitMap], pa.Table]) -> dict[int, Row]:
        """Per customer the row that `select` gives of its owner, from these owners."""
        snapshot = view.snapshot
        owner_of = dict(zip(ids, ids, strict=True)) if self.owner == self.kind else snapshot.companies_of(ids)
        table = select(BitMap(owner_of.values()))
        rows: dict[int, Row] = {row["customer"]: row for row in table.to_pylist()}
        for name in TIMES & set(table.column_names):
            for row in rows.values():
                row[name] = as_utc(row[name])
        return {id_: rows[owner] for id_, owner in owner_of.items() if owner in rows}

    def _values(self, view: View, since: datetime | None, owners: BitMap) -> pa.Table:
        """Per owner the field's value of each type it can have, and whether the clock alone turns the answer."""
        aging = since if moves(self.condition.check) else None
        select = partial(self._select_values, view, aging)
        if self._is_activity:
            return view.snapshot.rows(select(view.snapshot.activity(self.owner, owners)))
        key = repr(self.condition.field) if aging is None else None
        return view.snapshot.of_profiles(self.owner, owners, self.condition.field, select, key)

    def _select_values(self, view: View, aging: datetime | None, table: ir.Table) -> ir.Table:
        cell = self._cell(table, view.snapshot)
        values: dict[str, ir.Value] = {name: read(cell) for name, read in READERS[self.condition.field.type].items()}
        values["exists"] = cell.exists()
        if aging is not None:
            now, then = (self.condition.holds(cell, clock) for clock in (view.clock, view.at(aging)))
            values["aged"] = now != then
        return cell.table.select("customer", **values)

    def _arrived(self, view: View, since: datetime, owners: BitMap) -> pa.Table:
        return view.snapshot.rows(view.snapshot.new_activity(self.owner, since), owners)

    def _reasons(self, view: View, ids: BitMap, found: dict[int, Row], since: datetime) -> dict[int, Reason]:
        snapshot = view.snapshot
        said = snapshot.changed_profiles(self.kind, since)
        erased = snapshot.erased_since(self.kind, since)
        arrived = self._read(view, ids, partial(self._arrived, view, since)) if self._is_activity else {}

        def reason(id_: int) -> Reason:
            row = found.get(id_, {})
            if self._is_activity and self._is_new(row.get("time"), arrived.get(id_, {}), since):
                return Reason.BEHAVIOR if id_ in arrived else Reason.PROFILE
            if not self._is_activity and id_ in said:
                return Reason.PROFILE
            if id_ not in erased and row.get("aged"):
                return Reason.TIME
            moved = self._is_activity and self.owner == CustomerKind.COMPANY and id_ not in arrived
            return Reason.PROFILE if moved or id_ in said else Reason.BEHAVIOR

        return {id_: reason(id_) for id_ in ids}

    def _is_new(self, value: datetime | None, arrived: Row, since: datetime) -> bool:
        """Whether a time of the customer's activity is not what it was at `since`."""
        if value is None:
            return False
        match self.condition.field.column:
            case "first_seen_time":
                return value == arrived.get("first_new")
            case "last_seen_time":
                return value == arrived.get("last_new")
        return value > since

    def _was(self, reasons: dict[int, Reason], since: datetime) -> dict[int, Value]:
        """The values in the profiles that held at `since`, of those whom their own profile moved."""
        said = [id_ for id_, reason in reasons.items() if reason == Reason.PROFILE]
        if self._is_activity or self.owner != self.kind or self.condition.field.column or len(said) > MOST_CUSTOMERS:
            return {}
        earlier = CustomerVersion.objects.filter(customer=OuterRef("pk"), received_at__lte=since)
        newest = earlier.order_by("-received_at", "-pk").values("profile")[:1]
        path = self.condition.field.path.split(".")
        profiles = Customer.objects.filter(pk__in=said).annotate(then=Subquery(newest)).values_list("pk", "then")
        found = {id_: find(profile or {}, path) for id_, profile in profiles}
        values = {id_: match[1] if match else None for id_, match in found.items()}
        return {id_: value for id_, value in values.items() if value is None or isinstance(value, str | float | int)}

    def _value(self, row: Row) -> Value:
        """The value as the change keeps it: a time of activity as ISO text, other times as they were written."""
        if self._is_activity:
            time = row.get("time")
            return time.isoformat().replace("+00:00", "Z") if time else None
        return next((row[type_] for type_ in ("text", "number", "boolean") if row.get(type_) is not None), None)

    def _say(self, row: Row, clock: Clock) -> str:
        """The value that was found, e.g. `is "pro"`; nothing where there is none."""
        if row.get("time") is not None and (self._is_activity or is_about_time(self.condition.check)):
            return f"{'' if self._is_activity else 'is '}{clock.local(row['time'])}"
        for type_ in ("text", "number", "boolean"):
            if row.get(type_) is not None:
                return f"is {say_found(row[type_])}"
        return "is of another type" if row.get("exists") else ""


READERS: dict[FieldType, dict[str, Callable[[Cell], ir.Value]]] = {
    FieldType.TEXT: {"text": Cell.text},
    FieldType.TIME: {"time": Cell.time},
    FieldType.ANY: {"text": Cell.text, "number": Cell.number, "boolean": Cell.boolean, "time": Cell.time},
}
"The types that a customer's field of a type can be found in."


def parse(value: dict[str, Any], place: Place) -> Profile:
    """The leaf of an object with the key `field`. Raises CriteriaError."""
    condition = parse_condition(value, place, partial(find_field, place.kind))
    return Profile(place.path, place.kind, _owner(place.kind, condition.name), condition)


KIND = LeafKind(parse=parse, label="Where", icon="badge", form="profile", blank={"field": "", "op": "is", "value": ""})


def _owner(kind: CustomerKind, name: str) -> CustomerKind:
    return CustomerKind.COMPANY if kind == CustomerKind.USER and name.startswith(COMPANY) else kind


def find_field(kind: CustomerKind, name: str) -> Field:
    """The field of a customer of the kind, or of its company, with this name. Raises UnknownField."""
    owner = _owner(kind, name)
    return customer_field(owner, name if owner == kind else name.removeprefix(COMPANY))
