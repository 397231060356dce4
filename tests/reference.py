"""The judge: what criteria mean, slowly and obviously, over lists of received items. No engine, none of our code.

Numbers in comments are the rules of the criteria language that the lines state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
NEGATIVE = {"is_not": "is", "not_contains": "contains", "not_on": "on", "not_exists": "exists"}
MISSING = object()


@dataclass(frozen=True)
class Received:
    """One item in the collector's form, and when it came; `what` is event, action, user or company."""

    what: str
    item: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class Clock:
    at: datetime
    zone: ZoneInfo
    week_starts_on: int = 1


def members(criteria: dict[str, Any], kind: str, world: World) -> set[str]:
    """The ids (as the sender gives them) of the customers of the kind that match in a world."""
    return {id_ for id_ in world.customers(kind) if matches(criteria["match"], kind, id_, world)}


# --- Criteria -----------------------------------------------------------------------------------


def matches(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    if "all" in node:
        return all(matches(child, kind, id_, world) for child in node["all"])
    if "any" in node:
        return any(matches(child, kind, id_, world) for child in node["any"])
    if "not" in node:
        return not matches(node["not"], kind, id_, world)
    if "performed" in node:
        return performed(node, kind, id_, world)
    return condition(node, world.field_of_customer(kind, id_, node["field"]), world.clock)


def performed(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    counted = [event for event in world.events_of(kind, id_) if in_window(event.time, node["within"], world.clock)]
    count = sum(event.weight for event in counted if counts(event, node["performed"], world.clock))
    return node.get("at_least", 0) <= count <= node.get("at_most", count)  # 23: without a lower bound 0 is enough


def counts(event: Event, events: dict[str, Any], clock: Clock) -> bool:
    if events.get("type", "any") not in ("any", event.type):
        return False
    if "action_name" in events and event.fields.get("action_name") not in events["action_name"]:
        return False
    return "where" not in events or passes(event, events["where"], clock)


def passes(event: Event, node: dict[str, Any], clock: Clock) -> bool:
    if "all" in node:
        return all(passes(event, child, clock) for child in node["all"])
    if "any" in node:
        return any(passes(event, child, clock) for child in node["any"])
    if "not" in node:
        return not passes(event, node["not"], clock)
    return condition(node, field_of_event(event, node["field"]), clock)


def condition(node: dict[str, Any], value: Any, clock: Clock) -> bool:
    op = node["op"]
    if op in NEGATIVE:  # 13: exact complements
        return not condition({**node, "op": NEGATIVE[op]}, value, clock)
    if op == "exists":
        return value is not MISSING  # 14: "", [] and {} exist
    wanted = node["value"]
    if isinstance(value, Tags):  # 14: any of the tags may match
        return any(passes_check(op, tag, wanted, clock) for tag in value)
    return value is not MISSING and passes_check(op, value, wanted, clock)


def passes_check(op: str, value: Any, wanted: Any, clock: Clock) -> bool:
    if op == "is":
        return any(same(value, one) for one in (wanted if isinstance(wanted, list) else [wanted]))
    if op in ("contains", "starts_with", "ends_with"):
        return isinstance(value, str) and has_part(op, lower(value), lower(wanted))
    if op in (">", ">=", "<", "<="):
        return is_number(value) and compare(op, value, wanted)
    if op == "between" and is_number(wanted[0]):
        return is_number(value) and wanted[0] <= value <= wanted[1]  # 10: closed at both ends
    instant = as_time(value)
    if instant is None:
        return False
    if op == "between":
        return moment(wanted[0], clock) <= instant <= moment(wanted[1], clock)
    if op in ("before", "after"):  # 10: strict
        return instant < moment(wanted, clock) if op == "before" else instant > moment(wanted, clock)
    assert op == "on"
    if "last" in wanted:  # 10: ends at T
        return in_window(instant, wanted, clock)
    return in_calendar(instant, wanted["calendar"], clock)  # 10: the whole period, also what is still to come


def same(value: Any, wanted: Any) -> bool:
    """12: no coercion, each by its own type."""
    if is_number(wanted):
        return is_number(value) and value == wanted
    return type(value) is type(wanted) and value == wanted


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_part(op: str, text: str, part: str) -> bool:
    """15: nothing but characters, `%` and `_` too."""
    return {"contains": part in text, "starts_with": text.startswith(part), "ends_with": text.endswith(part)}[op]


def compare(op: str, value: float, wanted: float) -> bool:
    return {">": value > wanted, ">=": value >= wanted, "<": value < wanted, "<=": value <= wanted}[op]


def lower(text: str) -> str:
    """15: character by character; the one that Python lower-cases to two is lower-cased to its first."""
    return "".join(character.lower()[0] for character in text)


# --- Time ---------------------------------------------------------------------------------------


def as_time(value: Any) -> datetime | None:
    """11: ISO 8601 text is a time, without an offset UTC; a number never is. 8: finer than microseconds is cut."""
    if not isinstance(value, str):
        return None
    try:
        return utc(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        return None


def utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def length(duration: str) -> timedelta:
    return timedelta(seconds=int(duration[:-1]) * SECONDS[duration[-1]])  # a day is 24 h


def moment(value: Any, clock: Clock) -> datetime:
    if isinstance(value, str):
        return utc(datetime.fromisoformat(value))
    return clock.at - length(value["ago"]) if "ago" in value else clock.at + length(value["in"])


def in_window(instant: datetime, window: dict[str, Any], clock: Clock) -> bool:
    if instant > clock.at:
        return False  # an event from the future never counts
    if "last" in window:  # 9: (start, end]
        return clock.at - length(window["last"]) < instant
    if "from" in window:
        return clock.at - length(window["from"]) < instant <= clock.at - length(window["to"])
    if "calendar" in window:
        return in_calendar(instant, window["calendar"], clock)
    if "ever" in window:
        return True
    after, before = window.get("after"), window.get("before")  # 9: after <= t < before
    return (after is None or moment(after, clock) <= instant) and (before is None or instant < moment(before, clock))


def in_calendar(instant: datetime, name: str, clock: Clock) -> bool:
    first, following = local_dates(name, clock)
    return first_instant(first, clock.zone) <= instant < first_instant(following, clock.zone)


def local_dates(name: str, clock: Clock) -> tuple[date, date]:
    """The first local date of a period, and the one after its last."""
    today = clock.at.astimezone(clock.zone).date()
    week = today
    while week.isoweekday() != clock.week_starts_on:
        week -= timedelta(days=1)
    month = today.replace(day=1)
    return {
        "today": (today, today + timedelta(days=1)),
        "yesterday": (today - timedelta(days=1), today),
        "this_week": (week, week + timedelta(days=7)),
        "last_week": (week - timedelta(days=7), week),
        "this_month": (month, (month + timedelta(days=31)).replace(day=1)),
        "last_month": ((month - timedelta(days=1)).replace(day=1), month),
    }[name]


@lru_cache(maxsize=10_000)
def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """9: the first instant of the local date; found by walking towards it, minute by minute."""
    instant = datetime.combine(day, time(), UTC) - timedelta(hours=16)
    while instant.astimezone(zone).date() < day:
        instant += timedelta(minutes=1)
    return instant


# --- Fields -------------------------------------------------------------------------------------


class Tags(list[str]):
    """14: a list of texts of which any may match."""


def find(value: Any, names: list[str]) -> Any:
    """16: a path walks through objects only; a key may itself hold dots, but nesting goes first."""
    if not names:
        return value
    if isinstance(value, dict):
        for count in range(1, len(names) + 1):
            inner = value.get(".".join(names[:count]), MISSING)
            found = MISSING if inner is MISSING else find(inner, names[count:])
            if found is not MISSING:
                return found
    return MISSING


def field_of_event(event: Event, name: str) -> Any:
    if name == "type":
        return event.type
    if ".headers." in name:  # header names never regard case
        container, header = name.lower().split(".headers.", 1)
        return event.fields.get(container, {}).get("headers", {}).get(header, MISSING)
    return find(event.fields, name.split("."))


def without_nulls(value: Any) -> Any:
    """Null is not given."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


# --- What was received --------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    type: str
    time: datetime
    received: datetime
    user: str | None
    company: str | None
    weight: int
    fields: dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """One thing said of a customer."""

    received: datetime
    company: str | None
    patch: dict[str, Any]


class World:
    """What is visible at an instant."""

    def __init__(self, received: Iterable[Received], clock: Clock, kept_bodies: tuple[str, ...] = ()) -> None:
        self.clock = clock
        self.kept_bodies = kept_bodies
        self._read(received)

    def _read(self, received: Iterable[Received]) -> None:
        self.events: list[Event] = []
        self.said: dict[tuple[str, str], list[Statement]] = {}
        seen: set[str] = set()
        for one in received:
            item = without_nulls(one.item)
            if one.what in ("event", "action"):
                self._read_event(one, item, seen)
            elif one.at <= self.clock.at:
                statement = Statement(one.at, item.get("company_id") if one.what == "user" else None, item)
                self.said.setdefault((one.what, item[f"{one.what}_id"]), []).append(statement)
        for statements in self.said.values():
            statements.sort(key=lambda statement: statement.received)  # stable: ties in the order of arrival

    def _read_event(self, one: Received, item: dict[str, Any], seen: set[str]) -> None:
        nameless = "transaction_id" not in item
        key = repr((one.what, canonical(item))) if nameless else f"id {item['transaction_id']}"
        if key in seen and not (nameless and "time" not in item["request"]):
            return  # 7: the first received wins; events and actions share the ids
        seen.add(key)
        event = read_event(one, item, self.kept_bodies)
        if event.time <= self.clock.at and event.received <= self.clock.at:  # visible
            self.events.append(event)

    def customers(self, kind: str) -> set[str]:
        """1: whoever anything visible names."""
        named = {id_ for said_kind, id_ in self.said if said_kind == kind}
        named |= {getattr(event, kind) for event in self.events}
        if kind == "company":
            named |= {statement.company for statements in self.said.values() for statement in statements}
        return named - {None}

    def company_of(self, user: str) -> str | None:
        """2: as last received in the profile, else of the latest event that names one; of equal times the greatest."""
        given = [statement.company for statement in self.said.get(("user", user), []) if statement.company]
        if given:
            return given[-1]
        named = [event for event in self.events if event.user == user and event.company]
        return max(named, key=lambda event: (event.time, event.company)).company if named else None

    @cached_property
    def _companies(self) -> dict[str, str | None]:
        return {user: self.company_of(user) for user in self.customers("user")}

    def events_of(self, kind: str, id_: str) -> list[Event]:
        """3: of its user, and of the company it names, else of the one that its user has at T."""
        if kind == "user":
            return [event for event in self.events if event.user == id_]
        return [
            event
            for event in self.events
            if (event.company or (self._companies[event.user] if event.user else None)) == id_
        ]

    def field_of_customer(self, kind: str, id_: str, name: str) -> Any:
        if kind == "user" and name.startswith("company."):
            company = self._companies[id_]
            return MISSING if company is None else self.field_of_customer("company", company, name[len("company.") :])
        if name == f"{kind}_id":
            return id_
        if name in ("first_seen_time", "last_seen_time", "created"):
            return self._activity(kind, id_, name)
        path = f"metadata.{name}" if name in ("email", "name") else name  # 4
        return find(self.profile(kind, id_), path.split("."))

    def _activity(self, kind: str, id_: str, name: str) -> Any:
        """4: first and last are those of the visible events, `created` is when anything first named it."""
        times = [event.time for event in self.events_of(kind, id_)]
        if name == "created":
            times = [event.received for event in self.events if getattr(event, kind) == id_]
            times += [statement.received for statement in self.said.get((kind, id_), [])]
            if kind == "company":
                everything = [statement for statements in self.said.values() for statement in statements]
                times += [statement.received for statement in everything if statement.company == id_]
            return min(times).isoformat()
        if not times:
            return MISSING
        return (min(times) if name == "first_seen_time" else max(times)).isoformat()

    def profile(self, kind: str, id_: str) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        campaign: dict[str, Any] = {}
        for statement in self.said.get((kind, id_), []):
            campaign = {**statement.patch.get("campaign", {}), **campaign}  # 4: the first values given stay
            merged = merge(merged, statement.patch)
        return {**merged, "campaign": campaign}


def merge(old: Any, new: Any) -> Any:
    """Objects are merged, anything else is replaced."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}


def canonical(value: Any) -> Any:
    """Tells JSON values apart as JSON does: the order of keys does not matter, true is not 1."""
    if isinstance(value, dict):
        return sorted((key, canonical(inner)) for key, inner in value.items())
    return [canonical(inner) for inner in value] if isinstance(value, list) else value


def read_event(one: Received, item: dict[str, Any], kept_bodies: tuple[str, ...]) -> Event:
    request, response = item.get("request", {}), item.get("response", {})
    sent = request.get("time")
    happened = one.at if sent is None else utc(datetime.fromisoformat(sent))
    if happened > one.at + timedelta(hours=24):
        happened = one.at  # a wrong clock
    fields: dict[str, Any] = {
        "request": {
            **{key: request[key] for key in ("verb", "uri", "ip_address", "api_version") if key in request},
            "headers": read_headers(request.get("headers", {})),
        },
        "response": {"headers": read_headers(response.get("headers", {}))},
        **{key: item[key] for key in ("action_name", "transaction_id", "session_token", "metadata") if key in item},
    }
    if "uri" in request:
        fields["request"]["route"] = request.get("route") or route(request["uri"])
    if "status" in response:
        fields["response"]["status"] = read_digits(response["status"])
    if "time" in response and utc(datetime.fromisoformat(response["time"])) >= utc(datetime.fromisoformat(sent)):
        took = utc(datetime.fromisoformat(response["time"])) - utc(datetime.fromisoformat(sent))
        fields["duration_ms"] = took / timedelta(milliseconds=1)
    if item.get("tags", "") != "":
        fields["tags"] = Tags([item["tags"]] if isinstance(item["tags"], str) else item["tags"])
    for path in kept_bodies:
        keep_body(item, fields, path)
    return Event(
        type="api_call" if one.what == "event" else "action",
        time=happened,
        received=one.at,
        user=item.get("user_id"),
        company=item.get("company_id"),
        weight=read_weight(item.get("weight")) if one.what == "event" else 1,  # 6: actions weigh 1
        fields=fields,
    )


def keep_body(item: dict[str, Any], fields: dict[str, Any], path: str) -> None:
    """16: of bodies only what an administrator listed, by its path; base64 has none."""
    side, _, *names = path.split(".")
    message = item.get(side, {})
    value = MISSING if message.get("transfer_encoding") == "base64" else find(message, ["body", *names])
    if value is not MISSING:
        for name in (side, "body", *names[:-1]):
            fields = fields.setdefault(name, {})
        fields[names[-1]] = value


def read_headers(headers: dict[str, Any]) -> dict[str, str]:
    """14: text, also where a number was sent."""
    return {name.lower(): str(value) for name, value in headers.items()}


def read_digits(value: Any) -> Any:
    """12: sent as digits, they are a number."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]+", value) else value


def read_weight(value: Any) -> int:
    """6: not an integer from 1 to 1,000,000: one."""
    value = read_digits(value)
    return value if type(value) is int and 1 <= value <= 1_000_000 else 1


def route(uri: str) -> str:
    """17: the path, in which segments that look like ids become `:id`."""
    path = re.sub(r"^[a-z]+://[^/]*", "", uri).split("?")[0].split("#")[0]
    return "/".join(":id" if looks_like_id(segment) else segment for segment in path.split("/"))


def looks_like_id(segment: str) -> bool:
    uuid = re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", segment)
    hexadecimal = re.fullmatch(r"[0-9a-fA-F]{8,}", segment) and re.search(r"[0-9]", segment)
    return bool(re.fullmatch(r"[0-9]+", segment) or uuid or hexadecimal)
