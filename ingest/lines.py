"""Lines of an import file to records: `{"event": {...}, "received_at": "..."}`, likewise the other kinds."""

from __future__ import annotations

from datetime import datetime

from ingest.decode import Rejected, decode_item
from ingest.parse import EXPECTED_TIME, PARSERS, parse_action
from ingest.records import EventRecord, Record
from ingest.timestamps import EARLIEST, parse_time

_EXPECTED = (
    'expected an object with one of "event", "action", "user", "company", "subscription", and "received_at" if known'
)


def parse_line(line: bytes, number: int, now: datetime) -> Record:
    """The record of one line. Raises Rejected.

    Without `received_at`, an item was received when it happened: an event at its own time, a profile at its
    `modified_time`, else before everything else; but never after `now`.
    """
    value = decode_item(line.strip())
    if type(value) is not dict:
        raise Rejected("", _EXPECTED)
    given = value.pop("received_at", None)
    if len(value) != 1:
        raise Rejected("", _EXPECTED)
    ((kind, item),) = value.items()
    if kind not in PARSERS:
        raise Rejected("", _EXPECTED)
    received_at = _time(given, "received_at")
    at = received_at or now
    record = parse_action(item, at, line=number) if kind == "action" else PARSERS[kind](item, at)
    if received_at is None:
        happened = record.time if isinstance(record, EventRecord) else _modified(item)
        record.received_at = min(happened, now)
    return record


def _modified(item: dict[str, object]) -> datetime:
    return _time(item.get("modified_time"), "modified_time") or EARLIEST


def _time(value: object, path: str) -> datetime | None:
    time = parse_time(value)
    if time is None and value is not None:
        raise Rejected(path, EXPECTED_TIME)
    return time
