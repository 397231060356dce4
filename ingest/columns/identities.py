"""Which visitors turned out to be which users: joined when read, so that a merge moves all history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from pyroaring import BitMap

from ingest.columns.memo import Arrays, Memo
from ingest.models import CustomerKind

_MERGED = f"""SELECT customer::BIGINT AS visitor, number['merged_into']::BIGINT AS "user"
              FROM {{}} WHERE kind = '{CustomerKind.USER}' AND number['merged_into'] IS NOT NULL"""
"""The last version of a visitor has the id of the user as a number."""


@dataclass(frozen=True)
class Identities:
    """`users[i]` is the user that `visitors[i]` turned out to be; a user is never itself among the visitors."""

    visitors: np.ndarray
    users: np.ndarray

    def __bool__(self) -> bool:
        return bool(len(self.visitors))

    def with_more(self, others: Identities) -> Identities:
        """These and others."""
        visitors, places = np.unique(np.concatenate([self.visitors, others.visitors]), return_index=True)
        return Identities(visitors, np.concatenate([self.users, others.users])[places])

    @cached_property
    def _users_by_id(self) -> np.ndarray:
        users = np.arange(int(self.visitors.max(initial=0)) + 1)
        users[self.visitors] = self.users
        return users

    @cached_property
    def hidden(self) -> BitMap:
        """The visitors, who are nobody of their own any more."""
        return BitMap(self.visitors.astype(np.uint32))

    def of(self, ids: np.ndarray) -> np.ndarray:
        """The ids, with users in place of visitors."""
        if not self:
            return ids
        known = ids < len(self._users_by_id)
        return np.where(known, self._users_by_id[np.where(known, ids, 0)], ids)

    def within(self, arrays: Arrays, column: str) -> Arrays:
        """The arrays, with users in place of visitors in a column."""
        return {**arrays, column: self.of(arrays[column])} if self else arrays


NOBODY = Identities(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
"""Where no visitor is known to be somebody else, or users stand in the place of visitors already."""


def read_identities(read: Callable[[str], Arrays], memo: Memo, fresh: str, base: tuple[str, str] | None) -> Identities:
    """Who turned out to be whom, by the newest versions: of the table `fresh`, and of the base (checksum, table)."""
    found = read(_MERGED.format(fresh))
    if base is not None:
        checksum, table = base
        kept = memo.get(("merged", checksum), lambda: read(_MERGED.format(table)))
        # Nobody is merged twice: of a visitor who is in both, both say the same.
        found = {name: np.concatenate([kept[name], found[name]]) for name in found}
    visitors, places = np.unique(found["visitor"], return_index=True)
    return Identities(visitors, found["user"][places])
