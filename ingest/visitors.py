"""Visitors who turn out to be users: what was said of them becomes the user's; their events follow when read.

A visitor is merged once, into the first user that a sender names together with its anonymous id. From then on its
last version says which user it is (`merged_into`), and what is said of the anonymous id is said of the user.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from ingest.models import Customer, CustomerKind
from ingest.profiles import Link, record_links
from ingest.records import ProfileRecord
from ingest.rows import chunks, in_list, time_read

USER = CustomerKind.USER.value
_CUSTOMERS = Customer._meta.db_table


@dataclass
class Known:
    """The customers that some records name."""

    ids: dict[tuple[str, str], int] = field(default_factory=dict)
    "(kind, external id) -> primary key."
    visitors: dict[int, int | None] = field(default_factory=dict)
    "Those that go by an anonymous id, and the user that each turned out to be."

    def add(self, id_: int, kind: str, external_id: str, anonymous: bool, merged_into: int | None) -> None:
        self.ids[kind, external_id] = id_
        if anonymous or merged_into is not None:
            self.visitors[id_] = merged_into

    def user_of(self, id_: int) -> int:
        """The user that a visitor turned out to be; anybody else is meant itself."""
        return self.visitors.get(id_) or id_

    def said_of(self) -> Mapping[tuple[str, str], int]:
        """As `ids`, with the user in place of a visitor that turned out to be one."""
        if not any(self.visitors.values()):
            return self.ids
        return {name: self.user_of(id_) for name, id_ in self.ids.items()}


def mark_identified(cursor: CursorWrapper, known: Known, identified: Collection[tuple[str, str]]) -> None:
    """Whom a sender names as a user is no mere visitor any more, and is never merged into somebody else."""
    if not known.visitors:
        return
    named = [id_ for name, id_ in known.ids.items() if known.visitors.get(id_, id_) is None and name in identified]
    for chunk in chunks(named):
        cursor.execute(f'UPDATE "{_CUSTOMERS}" SET anonymous = %s WHERE id IN {in_list(chunk)}', [False, *chunk])
    for id_ in named:
        del known.visitors[id_]


def lock_visitors(cursor: CursorWrapper, records: Iterable[ProfileRecord], known: Known) -> None:
    """Keep visitors of whom something is said from being merged meanwhile. SQLite has one writer at a time anyway."""
    names = {item.external_id if item.anonymous else item.visitor for item in records}
    visitors = sorted({known.ids[USER, name] for name in names if name} & known.visitors.keys())
    if not connection.features.has_select_for_no_key_update:
        return
    for chunk in chunks(visitors):
        cursor.execute(
            f'SELECT id, merged_into_id FROM "{_CUSTOMERS}" WHERE id IN {in_list(chunk)} ORDER BY id FOR NO KEY UPDATE',
            list(chunk),
        )
        known.visitors.update(cursor.fetchall())


def merge_visitors(cursor: CursorWrapper, records: Iterable[ProfileRecord], known: Known) -> None:
    """Merge the visitors that the records name beside a user, and that were not merged before."""
    for item in records:
        if item.visitor is None:
            continue
        visitor, user = known.ids[USER, item.visitor], known.user_of(known.ids[item.kind, item.external_id])
        if visitor == user or known.visitors.get(visitor, visitor) is not None:
            continue
        known.visitors[visitor] = user
        _merge(cursor, visitor, user, item.received_at)


def _merge(cursor: CursorWrapper, visitor: int, user: int, received_at: datetime) -> None:
    cursor.execute(f'UPDATE "{_CUSTOMERS}" SET merged_into_id = %s WHERE id = %s', [user, visitor])
    found = _read(cursor, visitor, user)
    company, profile, since = found[visitor]
    own_company, _, own_since = found[user]
    patch: dict[str, Any] = {"visitor": {"profile": profile, "first": since < own_since}}
    if company is not None and own_company is None:
        patch["company_id"] = company
    links = [
        Link(visitor, received_at, {"merged_into": user}, None),
        Link(user, received_at, patch, company if "company_id" in patch else None),
    ]
    record_links(cursor, {link.customer: [link] for link in links})


def _read(cursor: CursorWrapper, *customers: int) -> dict[int, tuple[int | None, dict[str, Any], datetime]]:
    """Per customer its company, its profile, and since when it is known."""
    cursor.execute(
        f'SELECT id, company_id, profile, created_at FROM "{_CUSTOMERS}" WHERE id IN {in_list(customers)}',
        list(customers),
    )
    return {
        id_: (company, msgspec.json.decode(profile, type=dict[str, Any]), time_read(created_at))
        for id_, company, profile, created_at in cursor.fetchall()
    }
