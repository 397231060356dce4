"""Items as clients send them to records as they are stored; what cannot be used is refused with the field's name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ingest.bodies import keep_body
from ingest.decode import Rejected
from ingest.fields import CAMPAIGN
from ingest.headers import stored_headers
from ingest.models import CustomerKind, EventType
from ingest.records import EventRecord, ProfileRecord, Record
from ingest.routes import route_of
from ingest.subscriptions import SUBSCRIPTION_TIMES
from ingest.timestamps import parse_time
from ingest.uris import stored_uri
from ingest.values import (
    identifier,
    object_or_none,
    required_text,
    shown,
    status_number,
    text,
    weight_number,
    without_nulls,
)

FUTURE = timedelta(hours=24)
"""A time further ahead of receipt than this is a wrong clock: the time of receipt stands for it."""
EXPECTED_TIME = 'expected a time such as "2026-03-01T12:00:00Z"'
API_CALL, ACTION = EventType.API_CALL.value, EventType.ACTION.value
USER, COMPANY = CustomerKind.USER.value, CustomerKind.COMPANY.value
_TRANSACTION_HEADER = "x-moesif-transaction-id"
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def parse_event(item: object, now: datetime, *, from_browser: bool = False) -> EventRecord:
    """An API call from its wire form, received at `now`. Raises Rejected."""
    event = _object(item)
    request = object_or_none(event.get("request"), "request")
    if request is None:
        raise Rejected("request", "expected an object")
    started = _time(request.get("time"), "request.time")
    fields: dict[str, Any] = {"request": _request_fields(request)}
    response = object_or_none(event.get("response"), "response")
    if response is not None:
        fields["response"] = _response_fields(response)
        duration = _time(response.get("time"), "response.time") - started
        if duration >= timedelta():
            fields["duration_ms"] = _milliseconds(duration)
    _put_texts(fields, event, ("action_name",))
    id_ = _transaction_id(event, request)
    return _event_record(API_CALL, event, fields, id_, started, now, from_browser)


def parse_action(item: object, now: datetime, *, from_browser: bool = False, line: int | None = None) -> EventRecord:
    """An action from its wire form, received at `now`, which is also its time when it tells none. Raises Rejected.

    An item with neither id nor time is like no other; in an import it is told by its line, so that a second run
    finds it again.
    """
    action = _object(item)
    request = object_or_none(action.get("request"), "request") or {}
    sent_time = request.get("time")
    time = now if sent_time is None else _time(sent_time, "request.time")
    fields: dict[str, Any] = {"action_name": required_text(action.get("action_name"), "action_name")}
    if request_fields := _action_request_fields(request):
        fields["request"] = request_fields
    id_ = _transaction_id(action, request)
    record = _event_record(ACTION, action, fields, id_, time, now, from_browser)
    if id_ is None and sent_time is None:
        record.key = os.urandom(16) if line is None else _digest(record.key + line.to_bytes(8, "big"))
    return record


def parse_user(item: object, now: datetime, *, from_browser: bool = False) -> ProfileRecord:
    """What is said of a user, received at `now`; a visitor who has not signed in goes by `anonymous_id`."""
    user = _object(item)
    anonymous_id = identifier(user.get("anonymous_id"), "anonymous_id")
    user_id = identifier(user.get("user_id"), "user_id", from_browser=from_browser)
    external_id = user_id or anonymous_id
    if external_id is None:
        raise Rejected("user_id", "expected a text of 1 to 200 characters")
    patch = _profile_patch(user, ("ip_address", "user_agent_string", "session_token"))
    if anonymous_id is not None:
        patch["anonymous_id"] = anonymous_id
    company_id = identifier(user.get("company_id"), "company_id")
    visitor = anonymous_id if anonymous_id != external_id else None
    return ProfileRecord(USER, external_id, company_id, now, patch, anonymous=user_id is None, visitor=visitor)


def parse_company(item: object, now: datetime, *, from_browser: bool = False) -> ProfileRecord:
    """What is said of a company, received at `now`. Raises Rejected."""
    company = _object(item)
    company_id = identifier(company.get("company_id"), "company_id")
    if company_id is None:
        raise Rejected("company_id", "expected a text of 1 to 200 characters")
    patch = _profile_patch(company, ("company_domain", "ip_address", "session_token"))
    return ProfileRecord(COMPANY, company_id, None, now, patch)


def parse_subscription(item: object, now: datetime, *, from_browser: bool = False) -> ProfileRecord:
    """What is said of a subscription, which its company keeps under its id. Raises Rejected."""
    subscription = _object(item)
    ids = [identifier(subscription.get(name), name) for name in ("subscription_id", "company_id")]
    for id_, name in zip(ids, ("subscription_id", "company_id"), strict=True):
        if id_ is None:
            raise Rejected(name, "expected a text of 1 to 200 characters")
    said: dict[str, Any] = {}
    _put_texts(said, subscription, ("status",))
    for name in SUBSCRIPTION_TIMES:
        if subscription.get(name) is not None:
            said[name] = _time(subscription[name], name).isoformat()
    items = subscription.get("items")
    if items is not None:
        said["items"] = without_nulls(_list(items, "items"), "items")
    _put_metadata(said, subscription)
    return ProfileRecord(COMPANY, str(ids[1]), None, now, {"subscriptions": {str(ids[0]): said}})


PARSERS: dict[str, Callable[..., Record]] = {
    "event": parse_event,
    "action": parse_action,
    "user": parse_user,
    "company": parse_company,
    "subscription": parse_subscription,
}
"""Kind of item -> its parser."""


def _event_record(
    type_: str,
    item: dict[str, Any],
    fields: dict[str, Any],
    id_: str | None,
    time: datetime,
    now: datetime,
    from_browser: bool,
) -> EventRecord:
    """What events and actions have in common."""
    _put_texts(fields, item, ("session_token", "direction", "subscription_id"))
    if id_ is not None:
        fields["transaction_id"] = id_
    tags = item.get("tags")
    if tags is not None and tags != "":
        fields["tags"] = _tags(tags)
    _put_metadata(fields, item)
    if time > now + FUTURE:
        fields["clamped_time"] = time.isoformat()
        time = now
    user_id = identifier(item.get("user_id"), "user_id", from_browser=from_browser)
    return EventRecord(
        type=type_,
        key=_item_key(type_, item) if id_ is None else _digest(b"id:" + id_.encode()),
        time=time,
        received_at=now,
        user_id=user_id or identifier(item.get("anonymous_id"), "anonymous_id"),
        company_id=identifier(item.get("company_id"), "company_id"),
        weight=weight_number(item.get("weight")) if type_ == API_CALL else 1,
        fields=fields,
        anonymous=user_id is None,
        templated="route" in fields.get("request", ()) and not item["request"].get("route"),
    )


def _request_fields(request: dict[str, Any]) -> dict[str, Any]:
    uri = required_text(request.get("uri"), "request.uri")
    fields: dict[str, Any] = {
        "verb": required_text(request.get("verb"), "request.verb"),
        "uri": stored_uri(uri),
        "route": text(request.get("route"), "request.route") or route_of(uri),
    }
    _put_texts(fields, request, ("ip_address", "api_version"), "request.")
    _put_headers(fields, request, "request.headers")
    keep_body("request", request, fields)
    return fields


def _response_fields(response: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {"status": status_number(response.get("status"), "response.status")}
    _put_headers(fields, response, "response.headers")
    keep_body("response", response, fields)
    return fields


def _action_request_fields(request: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    _put_texts(fields, request, ("verb", "uri", "route", "ip_address"), "request.")
    if "uri" in fields:
        fields["route"] = fields.get("route") or route_of(fields["uri"])
        fields["uri"] = stored_uri(fields["uri"])
    user_agent = text(request.get("user_agent_string"), "request.user_agent_string")
    if user_agent is not None:
        fields["headers"] = {"user-agent": user_agent}
    return fields


def _profile_patch(item: dict[str, Any], texts: tuple[str, ...]) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    _put_texts(patch, item, texts)
    _put_metadata(patch, item)
    given: dict[str, Any] = {}
    _put_texts(given, object_or_none(item.get("campaign"), "campaign") or {}, CAMPAIGN, "campaign.")
    if given:
        patch["campaign"] = given
    return patch


def _put_headers(fields: dict[str, Any], message: dict[str, Any], path: str) -> None:
    headers = message.get("headers")
    if headers is not None and headers != "":
        fields["headers"] = stored_headers(object_or_none(headers, path) or {})


def _put_metadata(fields: dict[str, Any], item: dict[str, Any]) -> None:
    metadata = object_or_none(item.get("metadata"), "metadata")
    if metadata is not None:
        fields["metadata"] = without_nulls(metadata, "metadata")


def _put_texts(fields: dict[str, Any], item: dict[str, Any], names: tuple[str, ...], prefix: str = "") -> None:
    """Copy the texts that are given."""
    for name in names:
        value = item.get(name)
        if value is not None:
            fields[name] = value if type(value) is str else text(value, prefix + name)


def _tags(value: object) -> list[str]:
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Rejected("tags", "expected an array of texts")
    return tags


def _transaction_id(item: dict[str, Any], request: dict[str, Any]) -> str | None:
    """The top-level id, else the request header that moesif-nodejs sends it in."""
    id_ = identifier(item.get("transaction_id"), "transaction_id")
    headers = request.get("headers")
    if id_ is not None or not isinstance(headers, dict):
        return id_
    for name, value in headers.items():
        if len(name) == len(_TRANSACTION_HEADER) and name.lower() == _TRANSACTION_HEADER:
            return identifier(value, f"request.headers.{name}")
    return None


def _item_key(type_: str, item: dict[str, Any]) -> bytes:
    encoded = _encode_sorted(item)
    if b"null" in encoded:
        encoded = _encode_sorted(_drop_nulls(item))
    return _digest(type_.encode() + b":" + encoded)


def _drop_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _drop_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_drop_nulls(inner) for inner in value] if isinstance(value, list) else value


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


def _object(item: object) -> dict[str, Any]:
    if isinstance(item, Rejected):
        raise item
    if type(item) is not dict:
        raise Rejected("", f"expected an object, not {shown(item)}")
    return item


def _list(value: object, path: str) -> list[Any]:
    if type(value) is not list:
        raise Rejected(path, f"expected an array, not {shown(value)}")
    return value


def _time(value: object, path: str) -> datetime:
    time = parse_time(value)
    if time is None:
        raise Rejected(path, EXPECTED_TIME)
    return time


def _milliseconds(duration: timedelta) -> int | float:
    whole, rest = divmod(duration.microseconds, 1000)
    milliseconds = (duration.days * 86_400 + duration.seconds) * 1000 + whole
    return milliseconds + rest / 1000 if rest else milliseconds
