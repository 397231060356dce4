"""Rows of the generator as the objects that clients send."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

Item = dict[str, Any]
Received = tuple[str, Item, datetime]
"""Kind of item, the object, when it was received."""


def external_id(kind: str, id_: int | None) -> str | None:
    """The id under which senders know a customer of the generator."""
    return None if id_ is None else f"{kind}-{id_}"


def event_item(row: dict[str, Any]) -> Received:
    """An event or action as the SDKs send it."""
    metadata = {name: row[name] for name in ("amount", "region", "cached") if row[name] is not None}
    item: Item = {
        "transaction_id": transaction_id(row["id"]),
        "user_id": external_id("user", row["user_id"]),
        "company_id": external_id("company", row["company_id"]) if row["names_company"] else None,
        "metadata": metadata,
    }
    request: Item = {"time": _text(row["time"]), "ip_address": row["ip_address"]}
    if row["type"] == "action":
        return "action", {**item, "action_name": row["action_name"], "request": request}, row["received_at"]
    request |= {
        "uri": row["uri"],
        "verb": row["verb"],
        "headers": {"User-Agent": row["agent"], "Accept": "application/json", "Content-Type": "application/json"},
    }
    ended = row["time"] + timedelta(milliseconds=row["duration_ms"])
    response = {"time": _text(ended), "status": row["status"], "headers": {"Content-Type": "application/json"}}
    return "event", {**item, "weight": row["weight"], "request": request, "response": response}, row["received_at"]


def user_item(row: dict[str, Any]) -> Received:
    """What is said of a user."""
    metadata = {name: row[name] for name in ("plan", "role", "region", "name", "email")}
    item = {
        "user_id": row["external_id"],
        "company_id": external_id("company", row["company_id"]),
        "metadata": {**metadata, "signed_up": _text(row["signed_up"])},
    }
    return "user", item, row["received_at"]


def delta_items(delta: Path) -> list[Received]:
    """What came in one quarter of an hour, in order of receipt."""
    items = [user_item(row) for row in pq.read_table(delta / "users.parquet").to_pylist()]
    items += [event_item(row) for row in pq.read_table(delta / "events.parquet").to_pylist()]
    return sorted(items, key=lambda received: received[2])


def write_lines(data: Path, count: int, file: Path) -> None:
    """The first events of a history as JSON lines for `import_events`."""
    with file.open("wb") as lines:
        for kind, item, received_at in islice(_history(data), count):
            line = {kind: item, "received_at": _text(received_at)}
            lines.write(msgspec.json.encode(line) + b"\n")


def transaction_id(id_: int) -> str:
    """An id as long as the SDKs make them (a UUID)."""
    return f"00000000-0000-4000-8000-{id_:012}"


def transaction_ids(ids: pa.Array) -> pa.Array:
    """`transaction_id` of a whole column."""
    padded = pa.compute.utf8_lpad(ids.cast(pa.string()), 12, "0")
    return pa.compute.binary_join_element_wise("00000000-0000-4000-8000", padded, "-")


def _history(data: Path) -> Iterator[Received]:
    for file in sorted((data / "events").iterdir()):
        for row in pq.read_table(file).to_pylist():
            yield event_item(row)


def _text(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
