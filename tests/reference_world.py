"""What the judge of the criteria knows of the world: received items, made into events and profiles, in plain Python.

Numbers in comments are the rules of the criteria language that the lines state.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

MISSING = object()
AT_THE_TOP = ("action_name", "transaction_id", "session_token", "direction", "subscription_id", "metadata")


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


def utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


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
    taken_over: dict[str, Any] | None = None
    "The profile of a visitor who turned out to be this user; it stands where nothing was said of the user itself."
    earlier: bool = False
    "Whether the visitor was known before the user, so that its campaign was the first."


class World:
    """What is visible at an instant."""

    def __init__(self, received: Iterable[Received], clock: Clock, kept_bodies: tuple[str, ...] = ()) -> None:
        self.clock = clock
        self.kept_bodies = kept_bodies
        self.received = list(received)
        self.cohorts: dict[str, tuple[dict[str, Any], ZoneInfo]] = {}
        "Id -> definition and time zone of the cohorts that others name."
        self._read(self.received)

    def seen_from(self, zone: ZoneInfo) -> World:
        """The same by a clock of another zone."""
        other = World(self.received, Clock(self.clock.at, zone, self.clock.week_starts_on), self.kept_bodies)
        other.cohorts = self.cohorts
        return other

    def _read(self, received: Iterable[Received]) -> None:
        self.events: list[Event] = []
        self.said: dict[tuple[str, str], list[Statement]] = {}
        self.merged: dict[str, tuple[str, datetime]] = {}
        "Visitor -> the user that it turned out to be, and when that was said."
        self.since: dict[str, datetime] = {}
        self.identified: set[str] = set()
        seen: set[str] = set()
        for one in received:
            item = without_nulls(one.item)
            self._meet(one, item)
            if one.what in ("event", "action"):
                self._read_event(one, item, seen)
            else:
                self._read_statement(one, item)
        self._look_from(self.clock.at)

    def _look_from(self, at: datetime) -> None:
        """Leave out what was not known then, and give to users the events of their visitors."""
        self.user_of = {visitor: user for visitor, (user, since) in self.merged.items() if since <= at}
        self.events = [replace(event, user=self.user_of.get(event.user, event.user)) for event in self.events]
        for key, statements in list(self.said.items()):
            statements = sorted(statements, key=lambda statement: statement.received)  # ties: in the order of arrival
            self.said[key] = [each for each in statements if each.received <= at]
        self.said = {key: statements for key, statements in self.said.items() if statements}

    def _meet(self, one: Received, item: dict[str, Any]) -> None:
        """Note since when each user is known, and who is more than a visitor."""
        names = [item.get("user_id") or item.get("anonymous_id")]
        if one.what == "user":
            names.append(item.get("anonymous_id"))
        for name in names:
            self.since.setdefault(name, one.at)
        self.identified.add(item.get("user_id"))

    def _read_statement(self, one: Received, item: dict[str, Any]) -> None:
        if one.what in ("company", "subscription"):
            patch = item if one.what == "company" else {"subscriptions": {item["subscription_id"]: item}}
            self.said.setdefault(("company", item["company_id"]), []).append(Statement(one.at, None, patch))
            return
        named = item.get("user_id") or item["anonymous_id"]
        user = self.merged[named][0] if named in self.merged else named
        own = self.said.setdefault(("user", user), [])
        own.append(Statement(one.at, item.get("company_id"), item))
        visitor = item.get("anonymous_id")
        if visitor not in {None, named, user} | self.identified | self.merged.keys():
            before = self.said.get(("user", visitor), [])
            company = None if last_company(own) else last_company(before)
            first = self.since[visitor] < self.since[user]
            own.append(Statement(one.at, company, {}, profile_of(before), first))
            self.merged[visitor] = user, one.at

    def _read_event(self, one: Received, item: dict[str, Any], seen: set[str]) -> None:
        nameless = "transaction_id" not in item
        key = repr((one.what, canonical(item))) if nameless else f"id {item['transaction_id']}"
        if key in seen and not (nameless and "time" not in item.get("request", {})):
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
        return named - {None} - (self.user_of.keys() if kind == "user" else set())

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
            visitors = [visitor for visitor, user in self.user_of.items() if (kind, user) == ("user", id_)]
            for name in [id_, *visitors]:
                times += [statement.received for statement in self.said.get((kind, name), [])]
            if kind == "company":
                everything = [statement for statements in self.said.values() for statement in statements]
                times += [statement.received for statement in everything if statement.company == id_]
            return min(times).isoformat()
        if not times:
            return MISSING
        return (min(times) if name == "first_seen_time" else max(times)).isoformat()

    def profile(self, kind: str, id_: str) -> dict[str, Any]:
        return profile_of(self.said.get((kind, id_), []))


def profile_of(statements: list[Statement]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    campaign: dict[str, Any] = {}
    for statement in sorted(statements, key=lambda statement: statement.received):
        campaign = {**statement.patch.get("campaign", {}), **campaign}  # 4: the first values given stay
        merged = merge(merged, statement.patch)
        if statement.taken_over is not None:
            before = statement.taken_over["campaign"]
            campaign = {**campaign, **before} if statement.earlier else {**before, **campaign}
            merged = merge(statement.taken_over, merged)
    return {**merged, "campaign": campaign, "subscription": current(list(merged.get("subscriptions", {}).values()))}


def current(subscriptions: list[dict[str, Any]]) -> dict[str, Any]:
    """The live one first, then the one that started last, then the one with the greatest id."""
    order = ["active", "trialing", "paused", "pending", "future", "draft", "cancelled"]
    beginning = datetime.min.replace(tzinfo=UTC)

    def standing(one: dict[str, Any]) -> tuple[Any, ...]:
        start = one.get("current_period_start")
        place = order.index(one["status"]) if one.get("status") in order else len(order)
        return -place, utc(datetime.fromisoformat(start)) if start else beginning, one["subscription_id"]

    return max(subscriptions, key=standing, default={})


def last_company(statements: list[Statement]) -> str | None:
    given = [each.company for each in sorted(statements, key=lambda each: each.received) if each.company]
    return given[-1] if given else None


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
        **{key: item[key] for key in AT_THE_TOP if key in item},
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
        user=item.get("user_id") or item.get("anonymous_id"),
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
