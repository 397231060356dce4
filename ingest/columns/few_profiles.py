"""The profiles of a few customers: those who moved, of whom a change tells what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyroaring import BitMap

from ingest.columns.tables import Cursor
from ingest.columns.visible import MAPS

TABLE = "few_profiles"
COLUMNS = f"customer, external_id, received_at AS held_from, {MAPS}"
_NONE = ", ".join(f"NULL AS {name}" for name in MAPS.split(", "))


@dataclass
class FewProfiles:
    """Profiles in a temporary table of a connection, read when first asked for: several conditions ask of the same.

    `run` runs SQL, `some` makes a list of ids for SQL. The table `fresh` has the newest versions of those who are
    `renewed`, the table `base` those of others; `named` is SQL for everybody's `id, external_id`.
    """

    run: Callable[[str], Cursor]
    some: Callable[[BitMap], str]
    fresh: str
    renewed: BitMap
    base: str | None
    named: str
    known: BitMap = field(default_factory=BitMap)

    def of(self, ids: BitMap) -> str:
        """SQL for `layout.PROFILE_ROWS` of these customers, who exist."""
        if not self.known:
            self.run(f"CREATE OR REPLACE TEMP TABLE {TABLE} AS SELECT {COLUMNS} FROM {self.fresh} LIMIT 0")
        missing = ids - self.known
        if missing:
            self._read(missing)
            self.known |= missing
        return f"SELECT * FROM {TABLE} WHERE customer IN {self.some(ids)}"

    def _read(self, ids: BitMap) -> None:
        found = self._take(self.fresh, ids & self.renewed)
        if self.base is not None:
            found += self._take(self.base, ids - self.renewed)
        if found < len(ids):  # the others are known by events only
            self.run(
                f"""INSERT INTO {TABLE} SELECT DISTINCT id, external_id, NULL, {_NONE} FROM ({self.named})
                    WHERE id IN {self.some(ids)} AND id NOT IN (SELECT customer FROM {TABLE})"""
            )

    def _take(self, table: str, ids: BitMap) -> int:
        """Read those of the customers that the table has; how many."""
        if not ids:
            return 0
        some = self.some(ids)
        [(found,)] = self.run(f"INSERT INTO {TABLE} SELECT {COLUMNS} FROM {table} WHERE customer IN {some}").fetchall()
        return int(found)
