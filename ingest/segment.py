"""The Segment protocol: `identify` says something of a user, `group` of a company, `track` and its like are actions.

An item is translated into the collector's own form and read as that; what is wrong is told by the sender's names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingest.decode import Rejected
from ingest.parse import PARSERS
from ingest.records import Record
from ingest.values import object_or_none, shown

TYPES = ("identify", "track", "page", "screen", "group", "alias")
_Item = dict[str, Any]
_CAMPAIGN = {"source": "utm_source", "medium": "utm_medium", "name": "utm_campaign", "term": "utm_term"}
_CAMPAIGN |= {"content": "utm_content"}
_VIEWED = {"page": "Viewed Page", "screen": "Viewed Screen"}
_NAMES = {
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "company_id": "groupId",
    "action_name": "event",
    "request.time": "timestamp",
    "modified_time": "timestamp",
    "transaction_id": "messageId",
    "request.ip_address": "context.ip",
    "ip_address": "context.ip",
    "request.user_agent_string": "context.userAgent",
    "user_agent_string": "context.userAgent",
    "request.uri": "context.page.url",
}


def read_item(item: object, now: datetime, type_: str | None = None) -> list[Record]:
    """The records of one item, received at `now`; `type_` stands for its own `type`. Raises Rejected."""
    if isinstance(item, Rejected):
        raise item
    if type(item) is not dict:
        raise Rejected("", f"expected an object, not {shown(item)}")
    kind = type_ or item.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise Rejected("type", f"expected one of {', '.join(TYPES)}")
    context = object_or_none(item.get("context"), "context") or {}
    try:
        return [PARSERS[name](given, now) for name, given in _READERS[kind]({**item, "type": kind}, context)]
    except Rejected as rejected:
        raise _by_its_names(rejected, "traits" if kind in ("identify", "group") else "properties") from None


def _identify(item: _Item, context: _Item) -> list[tuple[str, _Item]]:
    campaign = object_or_none(context.get("campaign"), "context.campaign") or {}
    return [
        (
            "user",
            {
                **_ids(item),
                "company_id": context.get("groupId"),
                "metadata": item.get("traits"),
                "ip_address": context.get("ip"),
                "user_agent_string": context.get("userAgent"),
                "campaign": {ours: campaign[theirs] for theirs, ours in _CAMPAIGN.items() if theirs in campaign},
            },
        )
    ]


def _group(item: _Item, context: _Item) -> list[tuple[str, _Item]]:
    """The company, and that the user belongs to it."""
    company = item.get("groupId")
    said: list[tuple[str, _Item]] = [("company", {"company_id": company, "metadata": item.get("traits")})]
    if item.get("userId") is not None or item.get("anonymousId") is not None:
        said.append(("user", {**_ids(item), "company_id": company}))
    return said


def _alias(item: _Item, context: _Item) -> list[tuple[str, _Item]]:
    if item.get("previousId") is None:
        raise Rejected("previousId", "expected a text of 1 to 200 characters")
    return [("user", {"user_id": item.get("userId"), "anonymous_id": item["previousId"]})]


def _track(item: _Item, context: _Item) -> list[tuple[str, _Item]]:
    page = object_or_none(context.get("page"), "context.page") or {}
    properties = item.get("properties")
    name = item.get("event")
    if item.get("type") in _VIEWED:
        name = _VIEWED[item["type"]]
        properties = {"name": item.get("name"), **(object_or_none(properties, "properties") or {})}
    time = item.get("timestamp")
    request = {
        "time": item.get("originalTimestamp") if time is None else time,
        "ip_address": context.get("ip"),
        "user_agent_string": context.get("userAgent"),
        "uri": page.get("url"),
    }
    return [
        (
            "action",
            {
                **_ids(item),
                "action_name": name,
                "company_id": context.get("groupId"),
                "transaction_id": item.get("messageId"),
                "metadata": properties,
                "request": request,
            },
        )
    ]


_READERS: dict[str, Callable[[_Item, _Item], list[tuple[str, _Item]]]] = {
    "identify": _identify,
    "group": _group,
    "alias": _alias,
    "track": _track,
    "page": _track,
    "screen": _track,
}


def _ids(item: _Item) -> _Item:
    return {"user_id": item.get("userId"), "anonymous_id": item.get("anonymousId")}


def _by_its_names(rejected: Rejected, metadata: str) -> Rejected:
    """The same with the name that the sender uses for the field."""
    path, separator, message = str(rejected).partition(": ")
    if path == "metadata" or path.startswith(("metadata.", "metadata[")):
        path = metadata + path.removeprefix("metadata")
    return Rejected("", f"{_NAMES.get(path, path)}{separator}{message}")
