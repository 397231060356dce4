"""What items become, whatever protocol they came by: it waits packed in the inbox, and is recorded as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

import msgspec


class EventRecord(msgspec.Struct, gc=False, tag_field="is", tag="event"):
    """One API call or action. `fields` is nested by the names of criteria fields, as `Event.fields` is."""

    type: str
    key: bytes
    time: datetime
    received_at: datetime
    user_id: str | None
    company_id: str | None
    weight: int
    fields: dict[str, Any]
    anonymous: bool = False
    "Whether `user_id` is the anonymous id of a visitor."
    templated: bool = False
    "Whether the route was made of the address."


class ProfileRecord(msgspec.Struct, gc=False, tag_field="is", tag="profile"):
    """Something said of one customer. `patch` has the form of `Customer.profile`, without nulls."""

    kind: str
    external_id: str
    company_id: str | None
    received_at: datetime
    patch: dict[str, Any]
    anonymous: bool = False
    "Whether `external_id` is the anonymous id of a visitor."
    visitor: str | None = None
    "The anonymous id of the visitor that this user turned out to be."


Record: TypeAlias = EventRecord | ProfileRecord
