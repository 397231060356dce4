"""The fields of customers that a subscription may send, as the dialog offers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cohorts.models import Cohort
from ingest.columns import open_columns
from ingest.columns.interface import ColumnsDamaged
from ingest.fields import UnknownField, customer_field
from ingest.models import CustomerKind
from notifications.entries import KEYS, WHOLE

MOST_OFFERED = 60
LABELS = {
    "company_id": "Company",
    "email": "Email",
    "company_domain": "Domain",
    "name": "Name",
    "created": "Created",
    "first_seen_time": "First seen",
    "last_seen_time": "Last seen",
    "campaign": "Campaign, whole",
    "metadata": "Metadata, whole",
    "url": "Link to the page here",
}
NOT_OF = {CustomerKind.USER: {"company_domain"}, CustomerKind.COMPANY: {"company_id", "email"}}
"""What customers of a kind do not have."""


@dataclass(frozen=True)
class Offered:
    """One field; `name` as in criteria."""

    name: str
    label: str
    chosen: bool


def offered_fields(cohort: Cohort, chosen: Sequence[str], now: datetime) -> dict[str, list[Offered]]:
    """By group: what every customer has, what profiles hold, and what is chosen besides."""
    kind = CustomerKind(cohort.kind)
    known = [key for key in KEYS if key not in NOT_OF[kind] and key not in WHOLE]
    seen = [*_seen(kind, now), *WHOLE]
    others = [name for name in chosen if name not in (*known, *seen)]
    return {
        "Profile": [_offer(name, chosen) for name in known],
        "Metadata": [_offer(name, chosen) for name in (*seen, *others)],
    }


def _offer(name: str, chosen: Sequence[str]) -> Offered:
    return Offered(name, LABELS.get(name) or name.removeprefix("metadata."), name in chosen)


def _seen(kind: CustomerKind, now: datetime) -> list[str]:
    """The fields that most profiles have, by name; none while the columns are to be rebuilt."""
    try:
        with open_columns().snapshot(now) as snapshot:
            seen = [found.path for found in snapshot.fields_seen(kind) if _may_send(kind, found.path)]
    except ColumnsDamaged:
        return []
    return sorted(seen[:MOST_OFFERED])


def _may_send(kind: CustomerKind, name: str) -> bool:
    """Well-known ones stand among the others by their short names."""
    if name in ("metadata.email", "metadata.name") or len(name) > 200:
        return False
    try:
        customer_field(kind, name)
    except UnknownField:
        return False
    return True
