"""The events that a leaf looks at, `{"type", "action_name", "where"}`."""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from cohorts.criteria.conditions import Condition
from cohorts.criteria.filters import Filter, parse_filter, passes, say_filter
from cohorts.criteria.operators import Is, moves
from cohorts.criteria.place import Place, read_choice, read_list, read_object, read_text
from cohorts.criteria.tree import AllOf, Just, leaves
from cohorts.criteria.windows import Clock
from cohorts.criteria.wording import say_any_of
from ingest.columns.interface import Snapshot
from ingest.fields import event_field

TYPES = {"api_call": "API Call", "action": "Action", "any": "any event"}


@dataclass(frozen=True)
class Events:
    """Events of a type (`any`: of every type), with one of some action names (none: with any), that pass a filter."""

    type: str
    action_names: tuple[str, ...]
    where: Filter | None

    def among(self, events: ir.Table, snapshot: Snapshot, clock: Clock) -> ir.Table:
        """Those rows of a table of events."""
        return events if self._filter() is None else events.filter(self.has(events, snapshot, clock))

    def has(self, events: ir.Table, snapshot: Snapshot, clock: Clock) -> ir.BooleanValue:
        """Whether a row of a table of events is one of them; never null."""
        filter_ = self._filter()
        return ibis.literal(True) if filter_ is None else passes(filter_, snapshot, events, clock)

    @property
    def moves(self) -> bool:
        """Whether the filter can pass the same event at one instant and not at another."""
        return self.where is not None and any(moves(condition.check) for condition in leaves(self.where))

    @property
    def key(self) -> str | None:
        """What tells these events from others; None where the clock decides too. Not the values: `True == 1`."""
        return None if self.moves else repr(self)

    def words(self) -> str:
        """`API Call where response.status is 400`, `Action Signed Up or Invited`."""
        names = say_any_of(self.action_names) if self.action_names else ""
        named = f" {names}" if self.type == "action" else f" named {names}"
        where = f" where {say_filter(self.where)}" if self.where else ""
        return f"{TYPES[self.type]}{named if names else ''}{where}"

    def _filter(self) -> Filter | None:
        conditions: list[Filter] = []
        if self.type != "any":
            conditions.append(Just(_is("type", (self.type,))))
        if self.action_names:
            conditions.append(Just(_is("action_name", self.action_names)))
        if self.where is not None:
            conditions.append(self.where)
        return AllOf(tuple(conditions)) if conditions else None


def parse_events(value: object, place: Place) -> Events:
    """The events of a leaf. Raises CriteriaError."""
    given = read_object(value, place, 'events such as {"type": "api_call"}', ("type", "action_name", "where"))
    type_ = read_choice(given.get("type", "any"), place.key("type"), list(TYPES))
    names: tuple[str, ...] = ()
    if "action_name" in given:
        names = _parse_names(given["action_name"], place.key("action_name"))
    where = parse_filter(given["where"], place.key("where").deeper()) if "where" in given else None
    return Events(type_, names, where)


def _parse_names(value: object, place: Place) -> tuple[str, ...]:
    names = read_list(value, place, "a list of action names that is not empty")
    return tuple(read_text(name, place.item(index)) for index, name in enumerate(names))


def _is(field: str, values: tuple[str, ...]) -> Condition:
    return Condition(field, event_field(field), Is(values), negative=False)
