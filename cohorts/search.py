"""Find customers by what people know of them."""

from __future__ import annotations

from datetime import datetime

from pyroaring import BitMap

from cohorts.criteria import CriteriaError, parse
from cohorts.evaluation import clock_at, evaluate
from ingest.columns import open_columns
from ingest.models import Customer, CustomerKind

SEARCHED = {
    CustomerKind.USER: ("user_id", "email", "name"),
    CustomerKind.COMPANY: ("company_id", "company_domain", "name"),
}
"""The fields that a text is looked for in."""


def find_customers(kind: CustomerKind, text: str, now: datetime) -> BitMap:
    """Customers with the text in their id, name, or email address or domain, without regard to case.

    One whose whole id it is is found also when it was erased. Raises ColumnsDamaged.
    """
    whole = BitMap(Customer.objects.filter(kind=kind, external_id=text).values_list("pk", flat=True))
    holds = [{"field": field, "op": "contains", "value": text} for field in SEARCHED[kind]]
    try:
        criteria = parse({"version": 1, "match": {"any": holds}}, kind)
    except CriteriaError:  # no text that a field could hold
        return whole
    with open_columns().snapshot(now) as snapshot:
        return whole | evaluate(criteria, snapshot, clock_at(now, "UTC", 1)).members
