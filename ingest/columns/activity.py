"""Who was seen when: of each customer the first and the last event, and when something was first known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ingest.columns.engine import Engine, catalog
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

    def table(self) -> pa.Table:
        """The columns `layout.ACTIVITY_ROWS`."""
        ids = self.customers
        found = {"first_seen_time": self.first, "last_seen_time": self.last, "created": self.created}
        times = {name: _as_times(array[ids]) for name, array in found.items()}
        return pa.table({"customer": pa.array(ids.astype(np.int32)), **times})


@dataclass(frozen=True)
class Seen:
    """What the segments say at an instant; `read` runs SQL."""

    engine: Engine
    visible: Visible
    read: Callable[[str], Arrays]

    @cached_property
    def pairs(self) -> Arrays:
        """`user, company` (0 for none) as events name them, and `first, last, received`; some several times."""
        lasting, others = self.visible.seen()
        parts = [self._pairs_of(each) for each in lasting]
        parts.append(self.read(_PAIRS.format(f"({others})")))
        return {name: np.concatenate([part[name] for part in parts]) for name in ("user", "company", *_INSTANTS)}

    def _pairs_of(self, segment: Segment) -> Arrays:
        key = ("pairs", segment.checksum)
        return self.engine.memo.get(key, lambda: self.read(_PAIRS.format(f"{catalog(segment)}.pairs")))

    def _said(self, kind: CustomerKind) -> list[Arrays]:
        """`customer, received`: of whom something was said, and when first; some several times."""
        base = self.visible.base()
        select = "SELECT customer, epoch_us(first_received) AS received FROM {}"
        parts = [self.read(select.format(f"({self.visible.said(kind, but=base)})"))]
        if base is not None:
            of_kind = f"{catalog(base)}.newest WHERE kind = '{kind}'"
            key = ("said", base.checksum, kind)
            parts.append(self.engine.memo.get(key, lambda: self.read(select.format(of_kind))))
        return parts

    def activity(self, kind: CustomerKind, company_of: np.ndarray | None, hidden: BitMap) -> Activity:
        """Of the customers of the kind; `company_of`, for companies, is the company of each user (0 for none)."""
        said = self._said(kind)
        ids = self.pairs[kind]
        adopting = None if company_of is None else self._adopted(company_of)
        tops = [ids, *(part["customer"] for part in said), *([adopting[0]] if adopting else [])]
        size = 1 + max(int(array.max(initial=0)) for array in tops)
        first, created = np.full(size, NEVER), np.full(size, NEVER)
        last = np.full(size, -NEVER)
        np.minimum.at(first, ids, self.pairs["first"])
        np.maximum.at(last, ids, self.pairs["last"])
        np.minimum.at(created, ids, self.pairs["received"])
        if adopting:
            companies, rows = adopting
            np.minimum.at(first, companies, self.pairs["first"][rows])
            np.maximum.at(last, companies, self.pairs["last"][rows])
        for part in said:
            np.minimum.at(created, part["customer"], part["received"])
        gone = np.array(hidden.to_array(), dtype=np.int64)
        created[gone[gone < size]] = NEVER
        created[0] = NEVER
        return Activity(first, last, created)

    def _adopted(self, company_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The companies that pairs without one count for, and the rows of these pairs."""
        rows = np.flatnonzero((self.pairs["company"] == 0) & (self.pairs["user"] > 0))
        rows = rows[self.pairs["user"][rows] < len(company_of)]
        companies = company_of[self.pairs["user"][rows]]
        return companies[companies > 0], rows[companies > 0]

    @property
    def alone(self) -> np.ndarray:
        """The users with events that name no company, some several times."""
        users: np.ndarray = self.pairs["user"][self.pairs["company"] == 0]
        return users


def _as_times(instants: np.ndarray) -> pa.Array:
    return pa.array(instants, mask=np.abs(instants) == NEVER).cast(pa.timestamp("us"))
