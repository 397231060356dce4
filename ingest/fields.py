"""The fields that criteria can ask of events and customers, their types and where their values stand.

A field is named by a path (`request.headers.accept`, `metadata.plan`). Well-known ones have one type and, in the
columns, a column of their own; the others stand in maps by type, under the path, with whatever types were sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingest.models import CustomerKind
from ingest.subscriptions import SUBSCRIPTION_TEXTS, SUBSCRIPTION_TIMES


class FieldType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    TAGS = "tags"
    "A list of texts, of which any may match."
    ANY = "any"
    "Decided by each value: text, number, boolean, or a text that is a time."


class UnknownField(ValueError):
    """No such field; the message says what is expected."""


@dataclass(frozen=True)
class Field:
    """`column` is the field's own column, or none when it stands in the maps under `path`."""

    name: str
    type: FieldType
    column: str | None = None
    path: str = ""


EVENT_COLUMNS = {
    "type": ("type", FieldType.TEXT),
    "action_name": ("action_name", FieldType.TEXT),
    "request.verb": ("verb", FieldType.TEXT),
    "request.uri": ("uri", FieldType.TEXT),
    "request.route": ("route", FieldType.TEXT),
    "request.ip_address": ("ip_address", FieldType.TEXT),
    "request.api_version": ("api_version", FieldType.TEXT),
    "response.status": ("status", FieldType.NUMBER),
    "duration_ms": ("duration_ms", FieldType.NUMBER),
    "session_token": ("session_token", FieldType.TEXT),
    "transaction_id": ("transaction_id", FieldType.TEXT),
    "direction": ("direction", FieldType.TEXT),
    "subscription_id": ("subscription_id", FieldType.TEXT),
    "tags": ("tags", FieldType.TAGS),
}
"""Field name -> (column of the sealed events, type)."""

EVENT_MAPS = {
    "request.headers.": FieldType.TEXT,
    "response.headers.": FieldType.TEXT,
    "request.body.": FieldType.ANY,
    "response.body.": FieldType.ANY,
    "metadata.": FieldType.ANY,
}

CUSTOMER_ACTIVITY = ("first_seen_time", "last_seen_time", "created")
"""Fields of a customer that follow from what came in; `Snapshot.activity` has them."""

CAMPAIGN = (
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "referrer",
    "referring_domain",
    "gclid",
)


def event_field(name: str) -> Field:
    """The field of an event with this name; header names do not regard case. Raises UnknownField."""
    if name in EVENT_COLUMNS:
        column, type_ = EVENT_COLUMNS[name]
        return Field(name, type_, column=column)
    for prefix, type_ in EVENT_MAPS.items():
        if name.startswith(prefix) and name != prefix:
            path = name.lower() if ".headers." in prefix else name
            return Field(name, type_, path=path)
    raise UnknownField(
        'expected a field of an event such as "response.status", "request.headers.NAME" or "metadata.NAME", '
        f'not "{name}"'
    )


def customer_field(kind: CustomerKind, name: str) -> Field:
    """The field of a user or company with this name (without the `company.` of a user cohort). Raises UnknownField."""
    if name == f"{kind}_id":
        return Field(name, FieldType.TEXT, column="external_id")
    if name in CUSTOMER_ACTIVITY:
        return Field(name, FieldType.TIME, column=name)
    if name in ("email", "name"):
        return Field(name, FieldType.TEXT, path=f"metadata.{name}")
    if name == "company_domain" and kind == CustomerKind.COMPANY:
        return Field(name, FieldType.TEXT, path=name)
    if name.startswith("campaign.") and name.removeprefix("campaign.") in CAMPAIGN:
        return Field(name, FieldType.TEXT, path=name)
    if kind == CustomerKind.COMPANY and name.startswith("subscription."):
        return _subscription_field(name)
    if name.startswith("metadata.") and name != "metadata.":
        return Field(name, FieldType.ANY, path=name)
    raise UnknownField(
        f'expected a field of a {kind} such as "{kind}_id", "email", "first_seen_time" or "metadata.NAME", not "{name}"'
    )


def _subscription_field(name: str) -> Field:
    """A field of the company's current subscription."""
    own = name.removeprefix("subscription.")
    if own in SUBSCRIPTION_TEXTS:
        return Field(name, FieldType.TEXT, path=name)
    if own in SUBSCRIPTION_TIMES:
        return Field(name, FieldType.TIME, path=name)
    if own.startswith("metadata.") and own != "metadata.":
        return Field(name, FieldType.ANY, path=name)
    raise UnknownField(
        'expected a field of a subscription such as "subscription.status", "subscription.plan_id", '
        f'"subscription.current_period_end" or "subscription.metadata.NAME", not "{name}"'
    )
