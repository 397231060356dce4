"""Look customers up: who matches at an instant, in the order asked for, without saving anything.

Sorting and cutting is the columnar engine's work: only the customers of one page ever become rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from cohorts.counts import Kept, count_conditions
from cohorts.criteria import Clock, Criteria
from cohorts.customer_rows import COMPANY
from cohorts.evaluation import evaluate
from ingest.columns import open_columns
from ingest.columns.interface import Snapshot
from ingest.fields import CUSTOMER_ACTIVITY, FieldType, customer_field
from ingest.models import CustomerKind

SORTED_AS = (FieldType.NUMBER, FieldType.TEXT, FieldType.BOOLEAN)
"""A field can hold values of several types: numbers come first, then texts, then the others; none at the end."""


@dataclass(frozen=True)
class Order:
    """By which field of the customers a list is sorted."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Found:
    """`count` customers match `of` all; `facts` are those asked for (see `customer_rows.read_rows`), in order.

    `conditions` tell how many each part of the criteria keeps.
    """

    count: int
    of: int
    facts: pa.Table
    conditions: list[Kept]


def look_up(
    criteria: Criteria | None,
    kind: CustomerKind,
    clock: Clock,
    order: Order,
    *,
    start: int = 0,
    most: int | None = None,
) -> Found:
    """The customers that match at the clock's instant (without criteria all), from place `start` on.

    Raises ColumnsDamaged.
    """
    with open_columns().snapshot(clock.at) as snapshot:
        universe = snapshot.universe(kind)
        evaluated = evaluate(criteria, snapshot, clock) if criteria else None
        members = evaluated.members if evaluated else universe
        everybody = snapshot.activity(kind).select("customer")
        table = everybody if len(members) == len(universe) else snapshot.among(members)
        keyed, keys = _keyed(snapshot, kind, table, order.field)
        # Cut before anything else is looked up: then the engine sorts nothing but keys and ids.
        cut = _sorted(keyed, keys, order).limit(most, offset=start)
        facts = _sorted(_facts(snapshot, kind, cut), keys, order)
        return Found(
            len(members),
            len(universe),
            snapshot.rows(facts.select("customer", *CUSTOMER_ACTIVITY, "company")),
            count_conditions(evaluated, snapshot) if evaluated else [],
        )


def _sorted(table: ir.Table, keys: list[str], order: Order) -> ir.Table:
    by = [(table[key].desc if order.descending else table[key].asc)(nulls_first=False) for key in keys]
    return table.order_by([*by, table.customer])


def _keyed(snapshot: Snapshot, kind: CustomerKind, table: ir.Table, name: str) -> tuple[ir.Table, list[str]]:
    """The customers of the table with the field's values to sort by, and the names of those columns."""
    if name in CUSTOMER_ACTIVITY:
        activity = snapshot.activity(kind)
        return _with(table, activity.select(owner="customer", key0=name)), ["key0"]
    if name == COMPANY and kind == CustomerKind.USER:
        belongs, companies = snapshot.companies(), snapshot.profiles(CustomerKind.COMPANY)
        named = belongs.join(companies, belongs.company == companies.customer)
        return _with(table, named.select(owner="user", key0="external_id")), ["key0"]
    profiles, field = snapshot.profiles(kind), customer_field(kind, name)
    types = SORTED_AS if field.type == FieldType.ANY else (FieldType.TEXT,)
    values = [snapshot.value(profiles, field, type_) for type_ in types]
    keys = {f"key{place}": value.lower() if value.type().is_string() else value for place, value in enumerate(values)}
    return _with(table, profiles.select(owner="customer", **keys)), list(keys)


def _with(table: ir.Table, owners: ir.Table) -> ir.Table:
    """The customers of the table, with what stands beside their ids in `owner`."""
    return table.left_join(owners, table.customer == owners.owner).drop("owner")


def _facts(snapshot: Snapshot, kind: CustomerKind, table: ir.Table) -> ir.Table:
    """The table with the times of the customers' activity and, for users, the company they belong to."""
    activity = snapshot.activity(kind)
    table = _with(table, activity.select(*CUSTOMER_ACTIVITY, owner="customer"))
    if kind == CustomerKind.COMPANY:
        return table.mutate(company=ibis.null("int32"))
    belongs = snapshot.companies()
    return _with(table, belongs.select("company", owner="user"))
