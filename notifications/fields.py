"""The fields of customers that a subscription may send, as the dialog offers them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cohorts.models import Cohort
from ingest.fields import UnknownField, customer_field
from ingest.models import Customer, CustomerKind
from notifications.entries import KEYS, WHOLE

SAMPLE = 300
"""Newest customers whose profiles are looked at."""
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


def offered_fields(cohort: Cohort, chosen: Sequence[str]) -> dict[str, list[Offered]]:
    """By group: what every customer has, what profiles hold, and what is chosen besides."""
    kind = CustomerKind(cohort.kind)
    known = [key for key in KEYS if key not in NOT_OF[kind] and key not in WHOLE]
    seen = [*_seen(kind), *WHOLE]
    others = [name for name in chosen if name not in (*known, *seen)]
    return {
        "Profile": [_offer(name, chosen) for name in known],
        "Metadata": [_offer(name, chosen) for name in (*seen, *others)],
    }


def _offer(name: str, chosen: Sequence[str]) -> Offered:
    return Offered(name, LABELS.get(name) or name.removeprefix("metadata."), name in chosen)


def _seen(kind: CustomerKind) -> list[str]:
    """Fields of the newest profiles, the most frequent first."""
    newest = Customer.objects.filter(kind=kind, erased_at=None).order_by("-pk")[:SAMPLE]
    counted = Counter(
        name
        for profile in newest.values_list("profile", flat=True)
        for name in _paths(profile)
        if _may_send(kind, name)
    )
    return sorted(name for name, _ in counted.most_common(MOST_OFFERED))


def _paths(profile: Mapping[str, Any]) -> Iterator[str]:
    for whole in WHOLE:
        inside = profile.get(whole)
        if isinstance(inside, Mapping):
            yield from _paths_in(inside, f"{whole}.")


def _paths_in(inside: Mapping[str, Any], prefix: str, depth: int = 1) -> Iterator[str]:
    for key, value in inside.items():
        if isinstance(value, Mapping) and depth < 4:
            yield from _paths_in(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}"


def _may_send(kind: CustomerKind, name: str) -> bool:
    """Well-known ones stand among the others by their short names."""
    if name in ("metadata.email", "metadata.name") or len(name) > 200:
        return False
    try:
        customer_field(kind, name)
    except UnknownField:
        return False
    return True
