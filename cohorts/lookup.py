"""Look customers up: who matches at an instant, in the order asked for, without saving anything.

Sorting and cutting is the columnar engine's work: only the customers of one page ever become rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from pyroaring import BitMap

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
    """`count` customers match `of` all; `facts` are those asked for (see `customer_rows.read_rows`), in order."""

    count: int
    of: int
    facts: pa.Table


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
        members = universe if criteria is None else evaluate(criteria, snapshot, clock).members
        chosen = _sorted(snapshot, kind, _facts(snapshot, kind, members, universe), order)
        return Found(len(members), len(universe), snapshot.rows(chosen.limit(most, offset=start)))


def _facts(snapshot: Snapshot, kind: CustomerKind, members: BitMap, universe: BitMap) -> ir.Table:
    """`customer`, the times of its activity, and for a user its `company`."""
    facts = snapshot.activity(kind)
    if len(members) < len(universe):
        facts = facts.semi_join(snapshot.among(members), "customer")
    if kind == CustomerKind.COMPANY:
        return facts.mutate(company=ibis.null("int32"))
    belongs = snapshot.companies()
    return facts.left_join(belongs, facts.customer == belongs.user).drop("user")


def _sorted(snapshot: Snapshot, kind: CustomerKind, facts: ir.Table, order: Order) -> ir.Table:
    table, keys = _keyed(snapshot, kind, facts, order.field)
    by = [(table[key].desc if order.descending else table[key].asc)(nulls_first=False) for key in keys]
    return table.order_by([*by, table.customer]).select("customer", *CUSTOMER_ACTIVITY, "company")


def _keyed(snapshot: Snapshot, kind: CustomerKind, facts: ir.Table, name: str) -> tuple[ir.Table, list[str]]:
    """The facts, with the columns that hold the field's values for sorting."""
    if name in CUSTOMER_ACTIVITY:
        return facts, [name]
    if name == COMPANY and kind == CustomerKind.USER:
        companies = snapshot.profiles(CustomerKind.COMPANY).select(owner="customer", key0="external_id")
        return facts.left_join(companies, facts.company == companies.owner), ["key0"]
    profiles, field = snapshot.profiles(kind), customer_field(kind, name)
    values = [snapshot.value(profiles, field, type_) for type_ in SORTED_AS]
    keys = {f"key{place}": value.lower() if value.type().is_string() else value for place, value in enumerate(values)}
    profiles = profiles.select(owner=profiles.customer, **keys)
    return facts.left_join(profiles, facts.customer == profiles.owner), list(keys)
