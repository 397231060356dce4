"""Paths into a document, `match.all[0].value[1]`, as faults, inputs and edits name them."""

from __future__ import annotations

import re
from typing import Any

STEP = r"(?:\.[a-z_]{1,40}|\[[0-9]{1,5}\])"
MOST_STEPS = 60
"More than any document needs that is nested as deep as the language allows."
NAME = re.compile(rf"(?P<path>[a-z_]{{1,40}}{STEP}{{0,{MOST_STEPS}}})(?::(?P<hint>[a-z]{{1,20}}))?")
_STEPS = re.compile(r"([a-z_]+)|\[([0-9]+)\]")
Step = str | int


def steps(path: str) -> list[Step]:
    """`match.all[0]` -> `["match", "all", 0]`."""
    return [key or int(place) for key, place in _STEPS.findall(path)]


def identify(path: str) -> str:
    """A path as the id of an element: letters, digits, dashes."""
    return "b-" + re.sub(r"[^a-z0-9_]+", "-", path).strip("-")


def get(document: Any, path: str) -> Any:
    """What stands at the path. Raises LookupError where there is nothing."""
    found = document
    for step in steps(path):
        if not _holds(found, step):
            raise LookupError(path)
        found = found[step]
    return found


def _holds(value: Any, step: Step) -> bool:
    """Whether it is a list for a place, an object for a key."""
    return isinstance(value, list if isinstance(step, int) else dict)
