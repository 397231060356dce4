"""Who was seen when: of each customer the first and the last event, and when something was first known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns.engine import Engine, catalog
from ingest.columns.identities import Identities
from ingest.columns.memo import Arrays
from ingest.columns.visible import Visible
from ingest.models import CustomerKind, Segment

NEVER = np.iinfo(np.int64).max
"""In place of an instant that is not there, as the earliest of none; its negative as the latest of none."""
_INSTANTS = ("first", "last", "received")
_PAIRS = """SELECT coalesce(user_id, 0) AS "user", coalesce(company_id, 0) AS company, epoch_us(first_time) AS first,
                   epoch_us(last_time) AS last, epoch_us(first_received) AS received FROM {}"""


@dataclass(frozen=True)
class Activity:
    """Instants by customer id, in microseconds since 1970; a customer without `created` does not exist."""

    first: np.ndarray
    last: np.ndarray
    created: np.ndarray

    @cached_property
    def customers(self) -> np.ndarray:
        """The ids of those who exist, ascending."""
        return np.flatnonzero(self.created != NEVER).astype(np.uint32)

    def table(self, ids: np.ndarray) -> pa.Table:
        """The columns `layout.ACTIVITY_ROWS` of these customers, who exist."""
        found = {"first_seen_time": self.first, "last_seen_time": self.last, "created": self.created}
        times = {name: _as_times(array[ids]) for name, array in found.items()}
        return pa.table({"customer": pa.array(ids.astype(np.int32)), **times})


@dataclass(frozen=True)
class Seen:
    """What the segments say at an instant; `read` runs SQL."""

    engine: Engine
    visible: Visible
    read: Callable[[str], Arrays]
    identities: Identities

    @property
    def pairs(self) -> list[Arrays]:
        """`user, company` (0 for none) as events name them, and `first, last, received`; some several times.

        In parts: there are about as many pairs as customers, and joining them costs more than all else about them.
        """
        return [self.identities.within(part, "user") for part in self.named]

    @property
    def named(self) -> list[Arrays]:
        """The pairs with visitors as they were named."""
        return [*self._lasting, self._others]

    @cached_property
    def _lasting(self) -> list[Arrays]:
        """What large segments have of `pairs`."""
        return [self._pairs_of(each) for each in self._parts[0]]

    def _pairs_of(self, segment: Segment) -> Arrays:
        key = ("pairs", segment.checksum)
        return self.engine.memo.get(key, lambda: self.read(_PAIRS.format(f"{catalog(segment)}.pairs")))

    @cached_property
    def _others(self) -> Arrays:
        return self.read(_PAIRS.format(f"({self._parts[1]})"))

    @cached_property
    def _parts(self) -> tuple[list[Segment], str]:
        return self.visible.seen()

    def activity(self, kind: CustomerKind, company_of: np.ndarray | None, hidden: BitMap) -> Activity:
        """Of the customers of the kind; `company_of`, for companies, is the company of each user (0 for none)."""
        found = self._instants(str(kind))
        for each in self.said(kind):
            said = self.identities.within(each, "customer")
            found = _grown(found, said["customer"])
            np.minimum.at(found["received"], said["customer"], said["received"])
        if company_of is not None:
            found = self._with_adopted(found, company_of)
        gone = np.array(hidden.to_array(), dtype=np.int64)
        found["received"][gone[gone < len(found["received"])]] = NEVER
        found["received"][0] = NEVER
        return Activity(found["first"], found["last"], found["received"])

    def said(self, kind: CustomerKind) -> list[Arrays]:
        """`customer, received`: of whom something was said, and when first; some several times."""
        base = self.visible.base()
        select = "SELECT customer, epoch_us(first_received) AS received FROM {}"
        parts = [self.read(select.format(f"({self.visible.said(kind, but=base)})"))]
        if base is not None:
            of_kind = f"{catalog(base)}.newest WHERE kind = '{kind}'"
            key = ("said", base.checksum, kind)
            parts.append(self.engine.memo.get(key, lambda: self.read(select.format(of_kind))))
        return parts

    def _with_adopted(self, found: Arrays, company_of: np.ndarray) -> dict[str, np.ndarray]:
        """Also the events that name no company, which count for that of their user; they make no company known."""
        alone = self._instants(ALONE)
        users = np.flatnonzero(alone["first"] != NEVER)
        users = users[users < len(company_of)]
        companies = company_of[users]
        users, companies = users[companies > 0], companies[companies > 0]
        grown = _grown(found, companies)
        np.minimum.at(grown["first"], companies, alone["first"][users])
        np.maximum.at(grown["last"], companies, alone["last"][users])
        return grown

    def _instants(self, who: str) -> dict[str, np.ndarray]:
        """`first, last, received` by id, of the pairs' users, their companies, or their users without a company."""
        key = ("instants", who, *(each.checksum for each in self._parts[0]))
        kept = self.engine.memo.get(key, lambda: put_all({}, who, self._lasting))
        return moved(put_all(kept, who, [self._others]), self.identities)

    @property
    def alone(self) -> np.ndarray:
        """The users with events that name no company."""
        return np.flatnonzero(self._instants(ALONE)["first"] != NEVER)


ALONE = "alone"
_NONE = {"first": NEVER, "last": -NEVER, "received": NEVER}


def put_all(found: Arrays, who: str, parts: Iterable[Arrays]) -> dict[str, np.ndarray]:
    """A copy of the instants, of which there may be none yet, with those of the pairs put in."""
    put = [(_ids(part, who), part) for part in parts]
    size = max([1, len(found.get("first", ())), *(1 + int(ids.max(initial=0)) for ids, _ in put)])
    grown = {name: _copied(found.get(name, ()), size, none) for name, none in _NONE.items()}
    for ids, part in put:
        np.minimum.at(grown["first"], ids, part["first"])
        np.maximum.at(grown["last"], ids, part["last"])
        np.minimum.at(grown["received"], ids, part["received"])
        for name, none in _NONE.items():
            grown[name][0] = none
    return grown


def _ids(part: Arrays, who: str) -> np.ndarray:
    return np.where(part["company"] == 0, part["user"], 0) if who == ALONE else part[who]


def _copied(array: Sequence[int] | np.ndarray, size: int, nothing: int) -> np.ndarray:
    """A longer copy, made at once: fresh memory is what copies cost."""
    copy = np.empty(size, dtype=np.int64)
    copy[: len(array)] = array
    copy[len(array) :] = nothing
    return copy


def moved(found: dict[str, np.ndarray], identities: Identities) -> dict[str, np.ndarray]:
    """The instants, with those of visitors moved to the users that they turned out to be."""
    here = identities.visitors < len(found["first"])
    visitors, users = identities.visitors[here], identities.users[here]
    found = _grown(found, users)
    for name, put in zip(_INSTANTS, (np.minimum, np.maximum, np.minimum), strict=True):
        put.at(found[name], users, found[name][visitors])
        found[name][visitors] = _NONE[name]
    return found


def _grown(found: Arrays, ids: np.ndarray) -> dict[str, np.ndarray]:
    """The instants, with room for the ids where they lack it."""
    return {name: grow(array, ids, _NONE[name]) for name, array in found.items()}


def grow(array: np.ndarray, ids: np.ndarray, nothing: int) -> np.ndarray:
    """The array, with room for the ids where it lacks it; `nothing` stands in the new places."""
    missing = max(0, 1 + int(ids.max(initial=0)) - len(array))
    return np.concatenate([array, np.full(missing, nothing)]) if missing else array


def _as_times(instants: np.ndarray) -> pa.Array:
    return pa.array(instants, mask=np.abs(instants) == NEVER).cast(pa.timestamp("us"))
