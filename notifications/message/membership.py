"""The change of a cohort's members as data: what every channel is given, and the body that webhooks send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from notifications.message.text import VERSION, encode, instant

TYPE = "cohort.membership_changed"


@dataclass(frozen=True)
class CohortInfo:
    """The cohort a message is about; `url` is its page."""

    id: str
    name: str
    cohort_type: str
    url: str


@dataclass(frozen=True)
class Counts:
    """Customers added and removed in the whole batch (not only this part), and the members after it."""

    added: int
    removed: int
    members: int


@dataclass(frozen=True)
class Entry:
    """One customer that moved. `body` is its JSON object exactly as a webhook sends it; `url` is its page."""

    change: str
    url: str
    body: str

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """The object that `body` holds."""
        data: dict[str, Any] = json.loads(self.body)
        return data

    @property
    def customer_id(self) -> str:
        """The customer's id as its sender gave it."""
        return str(next(iter(self.data.values())))

    @property
    def title(self) -> str:
        """What a person calls the customer: its name, else its email or domain, else its id."""
        known = (self.data.get(key) for key in ("name", "email", "company_domain"))
        return next((value for value in known if isinstance(value, str) and value.strip()), self.customer_id)

    @property
    def details(self) -> list[str]:
        """What else tells the customer apart, without the title: email, domain, id."""
        known = (self.data.get("email"), self.data.get("company_domain"), self.customer_id)
        return [value for value in known if isinstance(value, str) and value and value != self.title]

    @property
    def because(self) -> str:
        """Why it moved, in one sentence or several, and the last event that did it."""
        sentences = "; ".join(map(str, self.data["because"]))
        events = [event for each in self.data.get("evidence", ()) for event in each["events"]]
        if not events:
            return sentences
        newest = max(events, key=lambda event: str(event["time"]))
        return f"{sentences}; last: {newest['what']}"


@dataclass(frozen=True)
class Words:
    """What a person reads around the customers; written by `compose`, empty for webhooks."""

    title: str = ""
    "The cohort's name, on one line."
    headline: str = ""
    "In a subject or a header, e.g. `Big spenders: 2 joined, 1 left`."
    summary: str = ""
    "A few sentences on the cohort and the period."
    joined: str = ""
    left: str = ""
    "Titles over the customers added and removed."
    more_joined: str = ""
    more_left: str = ""
    "How many are not shown, e.g. `and 12 more`; empty when all are."
    note: str = ""
    "Small print: why one gets this."


@dataclass(frozen=True)
class Message:
    """One message: a whole batch, or one part of it. Instants are aware UTC."""

    id: str
    batch: str
    sequence: int
    created_at: datetime
    cohort: CohortInfo
    period_from: datetime
    period_to: datetime
    counts: Counts
    part: int = 1
    parts: int = 1
    test: bool = False
    added: tuple[Entry, ...] = ()
    removed: tuple[Entry, ...] = ()
    words: Words = field(default_factory=Words)

    def encode(self) -> str:
        """The body that a webhook sends, as compact JSON text with its keys in the documented order."""
        head = {
            "type": TYPE,
            "version": VERSION,
            "id": self.id,
            "batch": self.batch,
            "sequence": self.sequence,
            "part": self.part,
            "parts": self.parts,
            "created_at": instant(self.created_at),
            "test": self.test,
            "cohort": vars(self.cohort),
            "period": {"from": instant(self.period_from), "to": instant(self.period_to)},
            "counts": vars(self.counts),
        }
        added, removed = (",".join(entry.body for entry in entries) for entries in (self.added, self.removed))
        return f'{encode(head)[:-1]},"added":[{added}],"removed":[{removed}]}}'
