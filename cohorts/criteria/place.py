"""Where in the document the parser is, and how it reads a value there or refuses it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cohorts.criteria.errors import CriteriaError
from ingest.models import CustomerKind

MAX_DEPTH = 8
MAX_LEAVES = 100
MAX_WHOLE = 2**53
"Beyond it a double no longer tells one integer from the next."


@dataclass
class Tally:
    """Counts the leaves of a document, the conditions of filters and the leaves of inner nodes included."""

    leaves: int = 0


@dataclass(frozen=True)
class Place:
    """A path into the document, how deep it lies, and what the parser needs to know there."""

    path: str
    kind: CustomerKind
    depth: int = 1
    tally: Tally = field(default_factory=Tally)
    leaf_kinds: Mapping[str, Callable[[dict[str, Any], Place], Any]] = field(default_factory=dict)
    "What parses the leaves of nodes, by the key that tells their kind; inner nodes have the same."

    def key(self, name: str) -> Place:
        """The value under a key of the object here."""
        return replace(self, path=f"{self.path}.{name}" if self.path else name)

    def of(self, kind: CustomerKind) -> Place:
        """The same place, where a node asks of other customers."""
        return replace(self, kind=kind)

    def item(self, index: int) -> Place:
        """An item of the list here."""
        return replace(self, path=f"{self.path}[{index}]")

    def deeper(self) -> Place:
        """The same place as a node inside the one above. Raises CriteriaError beyond the deepest level."""
        if self.depth >= MAX_DEPTH:
            raise self.fault(f"expected at most {MAX_DEPTH} levels of nesting")
        return replace(self, depth=self.depth + 1)

    def count_leaf(self) -> None:
        """Note one more leaf. Raises CriteriaError when there are too many."""
        self.tally.leaves += 1
        if self.tally.leaves > MAX_LEAVES:
            raise self.fault(f"expected at most {MAX_LEAVES} conditions, filters included")

    def fault(self, message: str) -> CriteriaError:
        """The error that the value here is not what is expected."""
        return CriteriaError(self.path, message)


def read_object(
    value: object, place: Place, expected: str, known: Collection[str], required: Collection[str] = ()
) -> dict[str, Any]:
    """The value as an object that has the required and no unknown keys, else CriteriaError."""
    if not isinstance(value, dict):
        raise place.fault(f"expected {expected}")
    for key in value:
        if key not in known:
            raise place.key(str(key)).fault(f"unknown key, expected {quoted(known)}")
    for key in required:
        if key not in value:
            raise place.key(key).fault("missing")
    return value


def read_list(value: object, place: Place, expected: str) -> list[Any]:
    """The value as a list that is not empty."""
    if not isinstance(value, list) or not value:
        raise place.fault(f"expected {expected}")
    return value


def read_text(value: object, place: Place) -> str:
    """The value as text that is not empty and that every database can keep."""
    if not isinstance(value, str) or not value:
        raise place.fault("expected a text that is not empty")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise place.fault("expected a text without NUL characters and lone surrogates")
    return value


def read_number(value: object, place: Place) -> float:
    """The value as a finite number that a double holds exactly enough: integers to 2^53."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise place.fault("expected a number")
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise place.fault("expected a whole number between -2^53 and 2^53")
    if not math.isfinite(value):
        raise place.fault("expected a number")
    return float(value) + 0.0  # makes -0.0 the one zero


def read_count(value: object, place: Place) -> int:
    """The value as a whole number of times, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WHOLE:
        raise place.fault("expected a whole number, 0 or more")
    return value


def read_choice(value: object, place: Place, choices: Sequence[str]) -> str:
    """The value as one of the texts."""
    if not isinstance(value, str) or value not in choices:
        raise place.fault(f"expected {quoted(choices)}")
    return value


def quoted(names: Collection[str], word: str = "or") -> str:
    """`"a", "b" or "c"`, or with another word before the last."""
    *others, last = [f'"{name}"' for name in names]
    return f"{', '.join(others)} {word} {last}" if others else last
