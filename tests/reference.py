"""The judge: what criteria mean, slowly and obviously, over lists of received items. No engine, none of our code.

Numbers in comments are the rules of the criteria language that the lines state.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference_world import MISSING, Clock, Event, Tags, World, find, utc

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
NEGATIVE = {"is_not": "is", "not_contains": "contains", "not_on": "on", "not_exists": "exists"}


def members(node: dict[str, Any], kind: str, world: World) -> set[str]:
    """The ids (as the sender gives them) of the customers of the kind for whom a node holds in a world."""
    return {id_ for id_ in world.customers(kind) if matches(node, kind, id_, world)}


def matches(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    if "all" in node:
        return all(matches(child, kind, id_, world) for child in node["all"])
    if "any" in node:
        return any(matches(child, kind, id_, world) for child in node["any"])
    if "not" in node:
        return not matches(node["not"], kind, id_, world)
    for leaf, holds in LEAVES.items():
        if leaf in node:
            return holds(node, kind, id_, world)
    return condition(node, world.field_of_customer(kind, id_, node["field"]), world.clock)


def performed(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    count = weigh(matching(node["performed"], node["within"], kind, id_, world))
    return node.get("at_least", 0) <= count <= node.get("at_most", count)  # 23: without a lower bound 0 is enough


def matching(events: dict[str, Any], window: dict[str, Any], kind: str, id_: str, world: World) -> list[Event]:
    """The customer's events in a window that a leaf looks at."""
    inside = [event for event in world.events_of(kind, id_) if in_window(event.time, window, world.clock)]
    return [event for event in inside if counts(event, events, world.clock)]


def weigh(events: list[Event]) -> int:
    """18: an event of weight w is w events."""
    return sum(event.weight for event in events)


def ratio(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    part, whole = (weigh(matching(node[key], node["within"], kind, id_, world)) for key in ("ratio", "to"))
    if whole == 0 or whole < node.get("minimum", 1):
        return False  # 22: whatever the operator
    return is_figure(part / whole, node["op"], node["value"])  # 21: one division


def is_figure(figure: float, op: str, wanted: Any) -> bool:
    """Whether a number of a customer is the one asked for."""
    if op in ("is", "is_not"):
        return (figure in (wanted if isinstance(wanted, list) else [wanted])) == (op == "is")
    if op == "between":
        return wanted[0] <= figure <= wanted[1]
    return compare(op, figure, wanted)


def aggregate(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    events = matching(node["aggregate"], node["within"], kind, id_, world)
    found = [(field_of_event(event, node["of"]), event.weight) for event in events]
    figure = figure_of(found, node["by"])
    wanted = node["value"] if isinstance(node["value"], list) else [node["value"]]
    if figure is None:
        return False  # 19: whatever the operator
    if node["by"] in ("sum", "avg"):  # 21: exact
        wanted = [Fraction(Decimal(repr(each))) for each in wanted]
    return is_figure(figure, node["op"], wanted if node["op"] in ("is", "is_not", "between") else wanted[0])


def figure_of(found: list[tuple[Any, int]], by: str) -> Any:
    """The figure of values with their weights; None where there is none."""
    if by == "distinct":  # 19: any scalar; 12: "1", 1 and true are three; 18: weights do not matter
        scalars = [one for value, _ in found for one in (value if isinstance(value, Tags) else [value])]
        return len({(is_number(one), type(one) is str, one) for one in scalars if isinstance(one, str | int | float)})
    numbers = [(value, weight) for value, weight in found if is_number(value)]  # 19
    if by in ("sum", "avg"):
        numbers = [(value, weight) for value, weight in numbers if abs(value) <= 10**18]
        total = sum((millionths(value) * weight for value, weight in numbers), Fraction())  # 18
        return total if by == "sum" else total / sum(weight for _, weight in numbers) if numbers else None
    if not numbers:
        return None
    if by in ("min", "max"):
        return min(numbers)[0] if by == "min" else max(numbers)[0]
    one_by_one = sorted(numbers)  # 20: the smallest value such that p % of the weight is no greater
    whole = sum(weight for _, weight in numbers)
    reached = 0
    for value, weight in one_by_one:
        reached += weight
        if reached * 100 >= int(by[1:]) * whole:
            return value
    raise AssertionError


def millionths(value: float) -> Fraction:
    """21: rounded to 6 decimals, halves up."""
    down = math.floor(value)
    return down + Fraction(math.floor((float(value) - down) * 1e6 + 0.5), 10**6)


def trend(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    window = node["within"]
    near = length(window["to"]) if "to" in window else timedelta()
    long = length(window["last"]) if "last" in window else length(window["from"]) - near
    end = world.clock.at - near  # 22: the earlier window has the same length and ends where this one starts
    events = matching(node["trend"], {"ever": True}, kind, id_, world)
    now = weigh([event for event in events if end - long < event.time <= end])
    before = weigh([event for event in events if end - 2 * long < event.time <= end - long])
    if before == 0 or before < node.get("minimum", 1):
        return False  # 22
    return is_figure((now - before) * 100 / before, node["change"], node["percent"])  # 21


def first(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    events = matching(node["first"], {"ever": True}, kind, id_, world)  # 26: ever
    return bool(events) and in_window(min(event.time for event in events), node["within"], world.clock)


def sequence(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    limit = length(node["each_within"]) if "each_within" in node else timedelta.max
    candidates = [matching(step, node["within"], kind, id_, world) for step in node["sequence"]]
    reached = [candidates[0]]  # per step the events that some chain ends with
    for step in candidates[1:]:
        reached.append([event for event in step if any(follows(event, last, limit) for last in reached[-1])])
    if node.get("completed", True):
        return bool(reached[-1])  # 24: some chain
    if not reached[0] or reached[-1]:
        return False  # 25: begun, and never completed
    over = is_over(node["within"], world.clock)
    return over or all(event.time + limit <= world.clock.at for step in reached for event in step)


def follows(event: Event, last: Event, limit: timedelta) -> bool:
    """24: strictly later, and at most so much later, border included."""
    return last.time < event.time and event.time - last.time <= limit


def is_over(window: dict[str, Any], clock: Clock) -> bool:
    """25: whether nothing that is still to come can fall into the window."""
    if "to" in window:
        return length(window["to"]) > timedelta()
    if "calendar" in window:
        return window["calendar"] in ("yesterday", "last_week", "last_month")
    return "before" in window and moment(window["before"], clock) <= clock.at


def company(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    own = world.company_of(id_)
    return own is not None and matches(node["company"], "company", own, world)  # 28


def users(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    own = [user for user in world.customers("user") if world.company_of(user) == id_]
    matching = [user for user in own if matches(node["users"], "user", user, world)]
    if "at_least" in node:
        return len(matching) >= node["at_least"]
    if node["are"] == "all":
        return bool(own) and len(matching) == len(own)  # 28
    return bool(matching) == (node["are"] == "any")


def cohort(node: dict[str, Any], kind: str, id_: str, world: World) -> bool:
    definition, zone = world.cohorts[node["cohort"]]
    return matches(definition, kind, id_, world.seen_from(zone))  # 27: in that cohort's own time zone


LEAVES = {
    "performed": performed,
    "aggregate": aggregate,
    "ratio": ratio,
    "trend": trend,
    "sequence": sequence,
    "first": first,
    "cohort": cohort,
    "company": company,
    "users": users,
}


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


def as_time(value: Any) -> datetime | None:
    """11: ISO 8601 text is a time, without an offset UTC; a number never is. 8: finer than microseconds is cut."""
    if not isinstance(value, str):
        return None
    try:
        return utc(datetime.fromisoformat(value))
    except (ValueError, OverflowError):
        return None


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


def field_of_event(event: Event, name: str) -> Any:
    if name == "type":
        return event.type
    if ".headers." in name:  # header names never regard case
        container, header = name.lower().split(".headers.", 1)
        return event.fields.get(container, {}).get("headers", {}).get(header, MISSING)
    return find(event.fields, name.split("."))
