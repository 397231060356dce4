"""What is said of customers, as chains of versions: each holds the merge of everything received up to it.

What arrives with an earlier time of receipt than what is stored (by import) is put into its place, and the versions
after it are merged again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from ingest.models import Customer, CustomerKind, CustomerVersion, SealQueue
from ingest.records import ProfileRecord
from ingest.rows import chunks, in_list, insert_rows, json_parameter, queue_for_sealing, time_parameter, time_read
from ingest.subscriptions import current_subscription

COMPANY = CustomerKind.COMPANY.value
_NOT_PROFILE = ("company_id", "visitor")
"""What a patch tells beside the profile."""
_CUSTOMERS = Customer._meta.db_table
_VERSIONS = CustomerVersion._meta.db_table
_VERSION_COLUMNS = "v.id, v.customer_id, v.received_at, v.patch, v.profile, v.company_id"


@dataclass
class Link:
    """One version in its chain; `id` is none until it is stored."""

    customer: int
    received_at: datetime
    patch: dict[str, Any]
    "With `company_id` when it gives one, so that a version knows what it said itself."
    company: int | None
    "As given; once merged, the one that holds."
    profile: dict[str, Any] = field(default_factory=dict)
    id: int | None = None
    mention: bool = False
    "A company named in a user's profile: stored only if nothing was said of the company before."


@dataclass
class Changes:
    """What merging makes necessary."""

    new: list[Link] = field(default_factory=list)
    merged_again: list[Link] = field(default_factory=list)
    heads: list[Link] = field(default_factory=list)
    "The last version of each customer."


def record_profiles(
    cursor: CursorWrapper, records: Sequence[ProfileRecord], customers: Mapping[tuple[str, str], int]
) -> int:
    """Store what is new of the records as versions and merge the chains; returns how many were new."""
    said: dict[int, list[Link]] = defaultdict(list)
    for item in records:
        link = _link(item, customers)
        said[link.customer].append(link)
    for mention in _mentions(cursor, records, customers):
        said[mention.customer].append(mention)
    return record_links(cursor, said)


def record_links(cursor: CursorWrapper, said: Mapping[int, Sequence[Link]]) -> int:
    """Put links, by customer, into their chains; returns how many were new, mere mentions apart."""
    changes = Changes()
    for chunk in chunks(sorted(said)):
        _lock(cursor, chunk)
        chains = _read_chains(
            cursor, {customer: min(link.received_at for link in said[customer]) for customer in chunk}
        )
        for customer in chunk:
            _merge_chain(chains[customer], said[customer], changes)
    _write(cursor, changes)
    return sum(not link.mention for link in changes.new)


def merge(profile: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The profile after the patch: objects merge, all else replaces; of a campaign the first values stay."""
    merged = _merge_objects(profile, {name: value for name, value in patch.items() if name not in _NOT_PROFILE})
    if "campaign" in patch:
        merged["campaign"] = {**patch["campaign"], **profile.get("campaign", {})}
    if "subscriptions" in patch:
        merged["subscription"] = current_subscription(merged["subscriptions"])
    return _with_visitor(merged, **patch["visitor"]) if "visitor" in patch else merged


def _with_visitor(own: dict[str, Any], profile: dict[str, Any], first: bool) -> dict[str, Any]:
    """What was said of a visitor stands where nothing was said of the user that it turned out to be.

    Of the campaigns the earlier one leads: `first` tells whether the visitor was known before the user.
    """
    merged = _merge_objects(profile, own)
    if first and "campaign" in profile:
        merged["campaign"] = {**own.get("campaign", {}), **profile["campaign"]}
    return merged


def _merge_objects(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            value = _merge_objects(before, value)
        merged[name] = value
    return merged


def _link(item: ProfileRecord, customers: Mapping[tuple[str, str], int]) -> Link:
    customer = customers[item.kind, item.external_id]
    if item.company_id is None:
        return Link(customer, item.received_at, item.patch, None)
    company = customers[COMPANY, item.company_id]
    return Link(customer, item.received_at, {**item.patch, "company_id": item.company_id}, company)


def _mentions(
    cursor: CursorWrapper, records: Iterable[ProfileRecord], customers: Mapping[tuple[str, str], int]
) -> list[Link]:
    """The earliest mention of each company in users' profiles, where nothing was said of it until then.

    Checked before any lock is taken: a company of many users would otherwise make their updates wait for each other.
    """
    earliest: dict[int, datetime] = {}
    for item in records:
        if item.company_id is not None:
            company = customers[COMPANY, item.company_id]
            earliest[company] = min(earliest.get(company, item.received_at), item.received_at)
    for chunk in chunks(list(earliest.items())):
        cursor.execute(
            f'{_since(chunk)} SELECT n.customer FROM n WHERE EXISTS (SELECT 1 FROM "{_VERSIONS}" v '
            "WHERE v.customer_id = n.customer AND v.received_at <= n.since)",
            _since_parameters(chunk),
        )
        for (known,) in cursor.fetchall():
            del earliest[known]
    return [Link(company, received_at, {}, None, mention=True) for company, received_at in earliest.items()]


def _lock(cursor: CursorWrapper, customers: Sequence[int]) -> None:
    """Keep others from merging the same chains. SQLite has one writer at a time anyway."""
    if connection.features.has_select_for_no_key_update:
        # NO KEY: others may still name these customers in foreign keys.
        cursor.execute(
            f'SELECT id FROM "{_CUSTOMERS}" WHERE id IN {in_list(customers)} ORDER BY id FOR NO KEY UPDATE',
            list(customers),
        )


def _read_chains(cursor: CursorWrapper, since: Mapping[int, datetime]) -> dict[int, list[Link]]:
    """For each customer its last version before the instant, if any, and all from then on, in order."""
    pairs = list(since.items())
    chains: dict[int, list[Link]] = {customer: [] for customer in since}
    before = (
        f'(SELECT w.id FROM "{_VERSIONS}" w WHERE w.customer_id = n.customer AND w.received_at < n.since '
        "ORDER BY w.received_at DESC, w.id DESC LIMIT 1)"
    )
    for condition in (f"v.id = {before}", "v.customer_id = n.customer AND v.received_at >= n.since"):
        cursor.execute(
            f'{_since(pairs)} SELECT {_VERSION_COLUMNS} FROM n JOIN "{_VERSIONS}" v ON {condition} '
            "ORDER BY v.customer_id, v.received_at, v.id",
            _since_parameters(pairs),
        )
        for id_, customer, received_at, patch, profile, company in cursor.fetchall():
            chains[customer].append(
                Link(customer, time_read(received_at), _decode(patch), company, _decode(profile), id_)
            )
    return chains


def _merge_chain(chain: Sequence[Link], said: Sequence[Link], changes: Changes) -> None:
    """Put what was said into the chain and merge from there on."""
    # Stored before new, what was said before mere mentions, where the time of receipt is the same.
    links = sorted([*chain, *said], key=lambda link: (link.received_at, link.id is None, link.mention))
    last: Link | None = None
    changed = False
    same_time: list[Link] = []
    for link in links:
        if same_time and same_time[0].received_at != link.received_at:
            same_time = []
        known = last is not None if link.mention else any(_same(link.patch, other.patch) for other in same_time)
        if link.id is None and known:
            continue
        same_time.append(link)
        changed = _follow(last, link, changes)
        last = link
    if last is not None and changed:
        changes.heads.append(last)


def _follow(last: Link | None, link: Link, changes: Changes) -> bool:
    """Merge a version with the one before it, note what has to be written, tell whether anything has."""
    if link.id is not None and last is None:
        return False  # begins what was read: merged already
    profile = merge(last.profile if last else {}, link.patch)
    company = link.company if "company_id" in link.patch or last is None else last.company
    if link.id is None:
        changes.new.append(link)
    elif company != link.company or not _same(profile, link.profile):
        changes.merged_again.append(link)
    else:
        return False
    link.profile, link.company = profile, company
    return True


def _write(cursor: CursorWrapper, changes: Changes) -> None:
    rows = [
        (
            link.customer,
            time_parameter(link.received_at),
            json_parameter(link.patch),
            json_parameter(link.profile),
            link.company,
        )
        for link in changes.new
    ]
    columns = ("customer_id", "received_at", "patch", "profile", "company_id")
    ids = insert_rows(cursor, CustomerVersion, columns, rows)
    queue_for_sealing(cursor, SealQueue.Source.VERSION, [*ids, *((link.id,) for link in changes.merged_again)])
    _update(cursor, _VERSIONS, [(link, link.id) for link in changes.merged_again])
    _update(cursor, _CUSTOMERS, [(link, link.customer) for link in changes.heads])


def _update(cursor: CursorWrapper, table: str, rows: Sequence[tuple[Link, int | None]]) -> None:
    cursor.executemany(
        f'UPDATE "{table}" SET profile = %s, company_id = %s WHERE id = %s',
        [(json_parameter(link.profile), link.company, id_) for link, id_ in rows],
    )


def _since(pairs: Sequence[object]) -> str:
    return f"WITH n(customer, since) AS (VALUES {', '.join(['(%s, %s)'] * len(pairs))})"


def _since_parameters(pairs: Iterable[tuple[int, datetime]]) -> list[Any]:
    return [value for customer, since in pairs for value in (customer, time_parameter(since))]


def _decode(value: str) -> dict[str, Any]:
    return msgspec.json.decode(value, type=dict[str, Any])


def _same(one: object, other: object) -> bool:
    """Equality of JSON values, in which true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
