"""A form of the builder as the document that it stands for.

The name of an input is a path of the document with a hint of how its text is read, `match.all[0].value:number`. Some
hints stand on an object and say which form it takes, `match.all[1].within:window` = `last`: what is missing for that
form gets a first value, what does not belong to it goes. So any form, however it was made up, becomes some document;
whether that one is valid is for the criteria language to say.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from cohorts.builder.labels import PATHS
from cohorts.builder.local_times import DATE_TO_CHOOSE, from_local, to_local
from cohorts.builder.paths import MOST_STEPS, NAME, steps
from cohorts.criteria import LEAVES
from cohorts.criteria.calendars import CALENDARS

LONGEST_NUMBER = 40
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_GONE = object()
"A value that the document does not have."
Values = dict[str, Any]
Forms = Mapping[str, Callable[[str, Values], Any]]
"Hint on an object -> what makes it take the form that was chosen, from what the form says of it."


@dataclass
class _Node:
    """What the form says of one path: texts by hint, and what lies below."""

    texts: dict[str, str] = field(default_factory=dict)
    inner: dict[str | int, _Node] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reading:
    """How texts are read: local times by a zone, objects by their forms."""

    zone: ZoneInfo
    forms: Forms


def read_form(
    inputs: Iterable[tuple[str, str]], zone: ZoneInfo, roots: Collection[str] = ("match",), forms: Forms | None = None
) -> Values:
    """What the inputs below each of the `roots` describe. Times without offset are local.

    `forms` are hints of objects beside those that all documents share.
    """
    root = _Node()
    for name, text in inputs:
        found = NAME.fullmatch(name)
        if found and steps(found["path"])[0] in roots:
            node = root
            for step in steps(found["path"]):
                node = node.inner.setdefault(step, _Node())
            node.texts[found["hint"] or ""] = text
    read = {str(key): _read(node, _Reading(zone, {**FORMS, **(forms or {})})) for key, node in root.inner.items()}
    return {key: value for key, value in read.items() if value is not _GONE}


def _read(node: _Node, how: _Reading) -> Any:
    forms = [(form, node.texts[hint]) for hint, form in how.forms.items() if hint in node.texts]
    if not node.inner and not forms:
        return _read_scalar(node.texts, how.zone)
    value = _read_inner(node, how) if node.inner or "json" not in node.texts else _read_json(node.texts, how.zone)
    for shape, wanted in forms:
        value = shape(wanted, value if isinstance(value, dict) else {})
    return value


def _read_inner(node: _Node, how: _Reading) -> Any:
    inner = {step: _read(below, how) for step, below in node.inner.items()}
    known = {step: value for step, value in inner.items() if value is not _GONE}
    places = sorted(step for step in known if isinstance(step, int))
    if places and len(places) == len(known):
        return [known[place] for place in places]
    return {step: value for step, value in known.items() if isinstance(step, str)}


# --- One value


def _read_scalar(texts: dict[str, str], zone: ZoneInfo) -> Any:
    for hint, read in SCALARS.items():
        if hint in texts:
            return read(texts, zone)
    return texts.get("", "")


def read_number(text: str) -> Any:
    """The number that a person wrote; the text itself if it is none."""
    written = text.strip()
    if len(written) > LONGEST_NUMBER or not _NUMBER.fullmatch(written):
        return text
    number = float(written)
    if not math.isfinite(number):
        return text
    return int(written) if re.fullmatch("[+-]?[0-9]+", written) else number


def _read_typed(texts: dict[str, str], zone: ZoneInfo) -> Any:
    """A value beside which its type was chosen. None, which no document may hold, is a number still to be written."""
    text = texts.get("", "")
    if texts["as"] == "number":
        number = read_number(text)
        return None if isinstance(number, str) else number
    return text != "false" if texts["as"] == "boolean" else text


def _read_json(texts: dict[str, str], zone: ZoneInfo) -> Any:
    try:
        return read_json(texts["json"])
    except ValueError:
        return texts["json"]


def read_json(text: str) -> Any:
    """The value, without lone surrogates, which no page can show. Raises ValueError, also when it is nested deeply."""
    try:
        return _printable(json.loads(text), MOST_STEPS)
    except RecursionError as error:
        raise ValueError from error


def _printable(value: Any, levels: int) -> Any:
    if not levels:
        raise ValueError
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_printable(item, levels - 1) for item in value]
    if isinstance(value, dict):
        return {_printable(key, levels - 1): _printable(item, levels - 1) for key, item in value.items()}
    return value


def _read_local(texts: dict[str, str], zone: ZoneInfo) -> str:
    was, local = texts.get("was", ""), texts["local"]
    return was if was and to_local(was, zone) == local else from_local(local, zone)


def _read_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()] or [""]


SCALARS: dict[str, Callable[[dict[str, str], ZoneInfo], Any]] = {
    "as": _read_typed,
    "number": lambda texts, zone: read_number(texts["number"]),
    "least": lambda texts, zone: read_number(texts["least"]) if texts["least"].strip() else _GONE,
    "boolean": lambda texts, zone: texts["boolean"] != "false",
    "optional": lambda texts, zone: texts["optional"] or _GONE,
    "field": lambda texts, zone: PATHS.get(texts["field"].strip().lower(), texts["field"].strip()),
    "count": lambda texts, zone: f"{texts['count'].strip()}{texts.get('unit', 'd')}",
    "local": _read_local,
    "lines": lambda texts, zone: _read_lines(texts["lines"]),
    "numbers": lambda texts, zone: [read_number(line) for line in _read_lines(texts["numbers"])],
    "json": _read_json,
}
"Hint -> how the texts of one path are read."


# --- Objects that take one of several forms


def as_window(wanted: str, given: Values) -> Values:
    """A window of the form that was chosen; a calendar name is a form of its own."""
    match wanted:
        case "last":
            return {"last": given.get("last", "7d")}
        case "between":
            return {"from": given.get("from", "30d"), "to": given.get("to", "7d")}
        case "since":
            return {"after": given.get("after", "")}
        case "until":
            return {"before": given.get("before", "")}
        case "dates":
            return {"after": given.get("after", ""), "before": given.get("before", "")}
        case "ever":
            return {"ever": True}
    return {"calendar": wanted}


def as_moment(wanted: str, given: Values) -> Any:
    """An age, a date or (where a field can hold both) a number; each stands under its own name in the form."""
    if wanted in ("ago", "in"):
        return {wanted: given.get("ago", given.get("in", "7d"))}
    return given.get(wanted, DATE_TO_CHOOSE if wanted == "date" else "")


def as_times(wanted: str, given: Values) -> Values:
    """A leaf with the bounds that were chosen."""
    low = given["at_least"] if "at_least" in given else given.get("at_most", 1) or 1
    high = given.get("at_most", low)
    bounds = {
        "least": {"at_least": low},
        "most": {"at_most": high},
        "exactly": {"at_least": low, "at_most": low},
        "between": _as_range(given, low),
        "never": {"at_most": 0},
    }.get(wanted, {"at_least": low})
    leaf = {key: value for key, value in given.items() if key not in ("at_least", "at_most", "within")} | bounds
    return leaf | ({"within": given["within"]} if "within" in given else {})


def _as_range(given: Values, low: Any) -> Values:
    if "at_most" not in given:
        return {"at_least": low, "at_most": low + 1 if isinstance(low, int) else ""}
    return {"at_least": given.get("at_least", 0), "at_most": given["at_most"]}


def as_group(wanted: str, given: Values) -> Values:
    """A group of all or any."""
    items = given.get("all", given.get("any"))
    return {"any" if wanted == "any" else "all": items} if isinstance(items, list) else given


def as_kind(wanted: str, given: Values) -> Values:
    """A leaf of the kind that was chosen: a blank one unless it was of that kind already."""
    return given if wanted in given or wanted not in LEAVES else deepcopy(dict(LEAVES[wanted].blank))


def as_sequence(wanted: str, given: Values) -> Values:
    """A sequence with the ending that was chosen; the limit of time goes or comes with it."""
    leaf = {key: value for key, value in given.items() if key != "each_within" or wanted != "done"}
    if wanted == "abandoned":
        leaf["completed"] = False
    elif leaf.get("completed") is False:
        leaf["completed"] = True
    return leaf if wanted == "done" or "each_within" in leaf else {**leaf, "each_within": "1d"}


def as_share(wanted: str, given: Values) -> Values:
    """A leaf about any, all or none of the users, or about so many."""
    leaf = {key: value for key, value in given.items() if key not in ("are", "at_least")}
    return leaf | ({"at_least": given.get("at_least", 1)} if wanted == "least" else {"are": wanted})


FORMS: Forms = {
    "object": lambda wanted, given: given,
    "window": as_window,
    "period": lambda wanted, given: as_window(wanted if wanted in CALENDARS else "last", given),
    "moment": as_moment,
    "times": as_times,
    "steps": as_sequence,
    "share": as_share,
    "group": as_group,
    "kind": as_kind,
}
"Those that any document may use."
