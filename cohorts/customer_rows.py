"""Customers as lists show them: the columns that one may choose, and what stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from ingest.fields import CUSTOMER_ACTIVITY, FieldType, UnknownField, customer_field
from ingest.models import Customer, CustomerKind
from ingest.paths import find

COMPANY = "company_id"
"""The column of a user's company."""
LABELS = {
    "user_id": "User",
    "company_id": "Company",
    "company_domain": "Domain",
    "email": "Email",
    "name": "Name",
    "first_seen_time": "First seen",
    "last_seen_time": "Last seen",
    "created": "Created",
}
STANDARD = {
    CustomerKind.USER: ("email", "name", COMPANY, *CUSTOMER_ACTIVITY),
    CustomerKind.COMPANY: ("name", "company_domain", *CUSTOMER_ACTIVITY),
}
"""The columns beside the id that a list has as long as nobody chooses."""


@dataclass(frozen=True)
class Column:
    """A field of a customer as a column; `name` is the field's, as in criteria."""

    name: str
    is_time: bool

    @property
    def label(self) -> str:
        return LABELS.get(self.name) or self.name.removeprefix("metadata.")


@dataclass(frozen=True)
class Row:
    """One customer. `activity` has the times of CUSTOMER_ACTIVITY, none for events that there are not."""

    customer: Customer
    company: str | None
    activity: Mapping[str, datetime | None]

    def value(self, column: Column) -> Any:
        """What stands in the column; None for nothing."""
        if column.name in CUSTOMER_ACTIVITY:
            return self.activity[column.name]
        if column.name == f"{self.customer.kind}_id":
            return self.customer.external_id
        if column.name == COMPANY:
            return self.company
        found = find(self.customer.profile, _path(self.customer.kind, column.name).split("."))
        return found[1] if found else None


def customer_path(kind: str, external_id: str) -> str:
    """The address of a customer's page on this site."""
    return f"/customers/{kind}/{quote(external_id, safe='')}/"


def text_of(value: Any) -> str:
    """A value from a profile as text: `pro`, `400`, `true`; lists and objects as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def id_column(kind: CustomerKind) -> Column:
    """The column that every list has."""
    return Column(f"{kind}_id", is_time=False)


def read_columns(kind: CustomerKind, names: Sequence[str]) -> list[Column]:
    """The columns of these names, beside the id; names that are no field are left out."""
    known = [name for name in dict.fromkeys(names) if name != f"{kind}_id" and is_column(kind, name)]
    return [Column(name, is_time=name in CUSTOMER_ACTIVITY) for name in known]


def is_column(kind: CustomerKind, name: str) -> bool:
    """Whether customers of the kind have such a field."""
    if name == COMPANY:
        return True
    try:
        return "\0" not in name and customer_field(kind, name).type is not FieldType.TAGS
    except UnknownField:
        return False


def read_rows(facts: pa.Table) -> Iterator[Row]:
    """The customers of a table with the columns `customer`, CUSTOMER_ACTIVITY and `company`, in its order.

    Those who were erased since then are left out.
    """
    rows = facts.to_pylist()
    customers = Customer.objects.filter(erased_at=None).in_bulk([row["customer"] for row in rows])
    companies = dict(
        Customer.objects.filter(pk__in={row["company"] for row in rows} - {None}).values_list("pk", "external_id")
    )
    for row in rows:
        if customer := customers.get(row["customer"]):
            yield Row(customer, companies.get(row["company"]), {name: _utc(row[name]) for name in CUSTOMER_ACTIVITY})


def _path(kind: str, name: str) -> str:
    return customer_field(CustomerKind(kind), name).path


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
