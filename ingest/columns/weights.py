"""How much the events of each customer weigh in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pyroaring import BitMap

from ingest.columns.bitmaps import bitmap_of
from ingest.columns.identities import Identities
from ingest.columns.memo import Arrays

FEW = 100_000
"""Rows below which sorting them costs less than an array of all ids."""


@dataclass(frozen=True)
class Weights:
    """`sums[i]` is what the events of `customers[i]` weigh; ids ascend, customers without events are left out."""

    customers: np.ndarray
    sums: np.ndarray

    def between(self, least: int, most: int | None) -> BitMap:
        """The customers whose events weigh so much; `least` is 1 or more, no upper bound when `most` is None."""
        enough = self.sums >= least
        return bitmap_of(self.customers[enough if most is None else enough & (self.sums <= most)])

    def of(self, ids: BitMap) -> dict[int, int]:
        """`{customer: sum}` of those of the customers that have events."""
        asked = np.array(ids.to_array(), dtype=np.int64)
        places = np.searchsorted(self.customers, asked)
        places[places == len(self.customers)] = 0
        found = self.customers[places] == asked if len(self.customers) else np.zeros(len(asked), dtype=bool)
        return dict(zip(asked[found].tolist(), self.sums[places[found]].tolist(), strict=True))


@dataclass(frozen=True)
class Adoption:
    """`companies[user]` is the company that a user's events without one count for; 0 for none."""

    users: np.ndarray
    links: np.ndarray

    @cached_property
    def companies(self) -> np.ndarray:
        dense = np.zeros(int(self.users.max(initial=0)) + 1, dtype=np.int32)
        dense[self.users] = self.links
        return dense

    def of(self, users: np.ndarray) -> np.ndarray:
        """The company of each of these users (0 for none)."""
        known = users < len(self.companies)
        return np.where(known, self.companies[np.where(known, users, 0)], 0)


def add_up(
    parts: Sequence[Arrays], identities: Identities, adoption: Adoption | None, kept: Arrays | None = None
) -> Weights:
    """The sums per customer, from sums per named user and company (`user`, `company`: 0 for none; `n`).

    With an adoption those of companies: events of a user that name none count for the company that adopts them.
    `kept` is what `sums` made of other parts.
    """
    users, companies, weights = (np.concatenate([part[name] for part in parts]) for name in ("user", "company", "n"))
    users = identities.of(users)
    customers = users if adoption is None else np.where(companies > 0, companies, adoption.of(users))
    if kept is None and len(customers) < FEW:
        ids, places = np.unique(customers, return_inverse=True)
        totals = np.bincount(places, weights=weights, minlength=len(ids))  # exact: whole numbers below 2 ** 53
        return Weights(ids[ids > 0].astype(np.int64), totals[ids > 0].astype(np.int64))
    totals = _of_customers(kept, identities, adoption) if kept is not None else np.zeros(1, dtype=np.int64)
    totals = _add(totals, customers, weights)
    totals[0] = 0
    found = np.flatnonzero(totals)
    return Weights(found, totals[found])


def sums(parts: Sequence[Arrays]) -> Arrays:
    """The sums of the parts by id: of `company`, and of `user` where none is named."""
    found = {}
    for name in ("user", "company"):
        total = np.zeros(1, dtype=np.int64)
        for part in parts:
            named = part[name] if name == "company" else np.where(part["company"] > 0, 0, part["user"])
            total = _add(total, named, part["n"])
        total[0] = 0
        found[name] = total.astype(np.min_scalar_type(int(total.max())))
    return found


def _of_customers(kept: Arrays, identities: Identities, adoption: Adoption | None) -> np.ndarray:
    """A copy of the sums of all users, or with an adoption of all companies."""
    found = kept["user"].astype(np.int64)
    if adoption is not None:
        users = np.flatnonzero(found)
        return _add(kept["company"].astype(np.int64), adoption.of(identities.of(users)), found[users])
    visitors = identities.visitors[identities.visitors < len(found)]
    weights, found[visitors] = found[visitors], 0
    return _add(found, identities.of(visitors), weights)


def _add(totals: np.ndarray, ids: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The totals by id with the weights added in place, or in a longer copy where an id has no place yet."""
    missing = 1 + int(ids.max(initial=0)) - len(totals)
    if missing > 0:
        totals = np.concatenate([totals, np.zeros(missing, dtype=np.int64)])
    np.add.at(totals, ids, weights)
    return totals
