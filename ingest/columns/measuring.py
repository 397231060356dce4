"""Measure events: those of long stretches of large segments once, which is kept, and what is left of a span each time.

Who has no events in what is left is as it was kept; the others are measured again, from what was kept of them and
what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
from pyroaring import BitMap

from ingest.columns.engine import Engine, KeptTable
from ingest.columns.interface import Measure, Span
from ingest.columns.layout import EVENT_ROWS
from ingest.columns.memo import ROOM
from ingest.columns.tables import Cursor
from ingest.columns.visible import VALUES, Visible
from ingest.columns.weighing import SOURCE, reading

MOST_ROWS, MOST_BYTES = 3_000_000, ROOM // 4
"""Of one answer: a larger one is not kept, for it would leave no room for others."""
TOO_LARGE = KeptTable("", 0, 0)
"""Kept in its place."""
Key = tuple[str, ...]


@dataclass(frozen=True)
class Compiled:
    """A measure as SQL that reads SOURCE; `schema` is that of what it finishes with."""

    reduce: str
    finish: str
    schema: ibis.Schema


def compile_measure(measure: Measure, backend: Any, table: Callable[[str, ibis.Schema], ir.Table]) -> Compiled:
    """The measure in the SQL of a backend; `table` makes a table of a name and a schema."""
    reduced = measure.reduce(table(SOURCE, EVENT_ROWS))
    finished = measure.finish(table(SOURCE, reduced.schema()))
    return Compiled(str(backend.compile(reduced)), str(backend.compile(finished)), finished.schema())


@dataclass(frozen=True)
class Measuring:
    """A measure over a connection, whose `run` runs SQL, `make` makes a table or a view of a query and returns the
    name; `load` makes a table of ids, `some` what stands after IN for them. `hold` holds what is kept as long as those
    are read, and `narrowed` has, by what is kept, customers whose rows of it stand in a table of their own, and its
    name.

    What is kept stands under the `owner` that an event itself names (an expression). The table `elsewhere` has the
    `owner`s whose events count for another `customer`: those can be others each time.
    """

    compiled: Compiled
    owner: str
    engine: Engine
    run: Callable[[str], Cursor]
    make: Callable[[str, str], str]
    load: Callable[[BitMap], str]
    some: Callable[[BitMap], str]
    hold: Callable[[KeptTable], None]
    narrowed: dict[str, tuple[BitMap, str]]
    elsewhere: str | None

    def measure(self, visible: Visible, span: Span, among: BitMap | None) -> str | None:
        """The name of the finished table; none when there is nothing to keep, or too much."""
        stretches, others = visible.split(span)
        keys = [("reduced", each.checksum, self._reduced(visible.stretch(each, within))) for each, within in stretches]
        parts = [self._kept(key) for key in keys]
        if not parts or any(part is TOO_LARGE for part in parts):
            return None
        kept = _union([f"SELECT * FROM {part.name}" for part in parts])
        return self._measure_all(keys, kept, others) if among is None else self._measure_some(kept, others, among)

    def _measure_all(self, keys: Sequence[Key], kept: str, others: str) -> str:
        rest = self.make("TABLE", self._reduced(others))
        moved, touched = f"SELECT * FROM {rest}", f"SELECT customer FROM {rest}"
        if self.elsewhere is not None:
            moved = _union([*self._own(moved), *self._brought(kept)])
            touched = f"SELECT customer FROM {self.make('TABLE', f'SELECT DISTINCT customer FROM ({moved})')}"
        again = f"SELECT * FROM ({kept}) WHERE customer IN ({touched})"
        finished = self.make("TABLE", self._finished(f"{again} UNION ALL {moved}"))
        before = f"SELECT * FROM {self._finished_once(keys, kept).name}"
        [unchanged, *_] = self._own(f"{before} WHERE customer NOT IN ({touched})")
        return self.make("VIEW", f"{unchanged} UNION ALL SELECT * FROM {finished}")

    def _measure_some(self, kept: str, others: str, among: BitMap) -> str:
        some = self._owners(among)
        rows = f"""SELECT * FROM {self._narrow(kept, among, some)} WHERE customer IN {some}
            UNION ALL SELECT * FROM ({self._reduced(others, f"customer IN {some}")})"""
        if self.elsewhere is not None:
            rows = _union(self._own(f"SELECT * FROM {self.make('TABLE', rows)}"))
        return self.make("TABLE", self._finished(rows))

    def _owners(self, among: BitMap) -> str:
        """What stands after IN for those whose events are measured for these customers."""
        if self.elsewhere is None:
            return self.some(among)
        asked = self.load(among)
        owners = f"SELECT owner FROM {self.elsewhere} WHERE customer IN (SELECT customer FROM {asked})"
        return f"(SELECT customer FROM {self.make('TABLE', f'SELECT customer FROM {asked} UNION ALL {owners}')})"

    def _narrow(self, kept: str, among: BitMap, some: str) -> str:
        """The rows of these customers in what is kept, and perhaps of others: the same customers are asked of again."""
        before = self.narrowed.get(kept)
        if before is not None and among <= before[0]:
            return before[1]
        table = self.make("TABLE", f"SELECT * FROM ({kept}) WHERE customer IN {some}")
        self.narrowed[kept] = among, table
        return table

    def _kept(self, key: Key) -> KeptTable:
        """What a stretch reduces to, or TOO_LARGE."""

        def reduce() -> KeptTable:
            found = self.engine.keep(self.run, f"{key[-1]} LIMIT {MOST_ROWS + 1}")
            return TOO_LARGE if found.rows > MOST_ROWS or found.nbytes > MOST_BYTES else found

        return self._held(key, reduce)

    def _finished_once(self, keys: Sequence[Key], kept: str) -> KeptTable:
        """What those come to who have nothing but what is kept."""
        rows = self._finished(f"SELECT * FROM ({kept}) WHERE customer > 0")
        return self._held(("finished", self.compiled.finish, *keys), lambda: self.engine.keep(self.run, rows))

    def _held(self, key: Hashable, make: Callable[[], KeptTable]) -> KeptTable:
        kept = self.engine.memo.get(key, make)
        self.hold(kept)
        return kept

    # --- SQL

    def _reduced(self, events: str, condition: str = "true") -> str:
        columns = f"id, time, received_at, weight, {VALUES}, {self.owner} AS customer"
        rows = f"SELECT {columns} FROM ({events}) WHERE {self.owner} IS NOT NULL"
        return reading(f"SELECT * FROM ({rows}) WHERE {condition}", f"SELECT * FROM ({self.compiled.reduce})")

    def _finished(self, rows: str) -> str:
        return reading(rows, f"SELECT * FROM ({self.compiled.finish})")

    def _own(self, rows: str) -> list[str]:
        """The rows of owners, each under the customer it counts for: first those who stand for themselves."""
        if self.elsewhere is None:
            return [rows]
        theirs = f"customer > 0 AND customer NOT IN (SELECT owner FROM {self.elsewhere})"
        return [f"SELECT * FROM ({rows}) WHERE {theirs}", *self._brought(rows)]

    def _brought(self, rows: str) -> list[str]:
        """Those that count for another customer."""
        if self.elsewhere is None:
            return []
        return [
            f"""SELECT r.* REPLACE (e.customer::INTEGER AS customer)
                FROM ({rows}) AS r JOIN {self.elsewhere} AS e ON e.owner = r.customer"""
        ]


def _union(rows: Sequence[str]) -> str:
    return " UNION ALL ".join(rows)
