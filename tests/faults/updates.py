"""See every UPDATE with the conditions in its WHERE, change a row just before it, or take a condition away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import Model, QuerySet
from django.db.models.expressions import Col
from django.db.models.sql.where import WhereNode

Guard = tuple[type[Model], str, str]
"""A condition of an UPDATE: the model, a column that this UPDATE writes, and the column that the condition asks."""


def guards_of(update: QuerySet[Any], written: Iterable[str]) -> set[Guard]:
    """The guards of an UPDATE, without the primary key, which says which row and not whether."""
    key = update.model._meta.pk.name
    asked = set(_columns(update.query.where)) - {key}
    return {(update.model, column, condition) for column in written for condition in asked}


def _columns(node: Any) -> Iterator[str]:
    for child in getattr(node, "children", []):
        if isinstance(getattr(child, "lhs", None), Col):
            yield child.lhs.target.name
        else:
            yield from _columns(child)


def _without(node: WhereNode, column: str) -> None:
    for child in list(node.children):
        if isinstance(getattr(child, "lhs", None), Col):
            if child.lhs.target.name == column:
                node.children.remove(child)
        elif isinstance(child, WhereNode):
            _without(child, column)
            if not child.children:
                node.children.remove(child)


@contextmanager
def watched(seen: Callable[[QuerySet[Any], Iterable[str]], object]) -> Iterator[None]:
    """Call `seen` with every UPDATE and the columns that it writes, just before; what `seen` does is not told of."""
    original, busy = QuerySet.update, []

    def update(self: QuerySet[Any], **values: Any) -> int:
        if busy:
            return original(self, **values)
        changed = self._chain()
        busy.append(True)
        try:
            seen(changed, values)
        finally:
            busy.pop()
        return original(changed, **values)

    QuerySet.update = update  # type: ignore[method-assign]
    try:
        yield
    finally:
        QuerySet.update = original  # type: ignore[method-assign]


@contextmanager
def another_worker_before(guard: Guard, acts: Callable[[], object]) -> Iterator[None]:
    """Let `acts` happen once, just before the first UPDATE with this guard: too late for what was read before it."""
    done = []

    def seen(update: QuerySet[Any], written: Iterable[str]) -> None:
        if guard in guards_of(update, written) and not done:
            done.append(True)
            acts()

    with watched(seen):
        yield
    assert done, f"no UPDATE of {guard[0].__name__}.{guard[1]} asks for {guard[2]}"


@contextmanager
def without(guard: Guard) -> Iterator[None]:
    """Take the condition out of the UPDATE."""

    def seen(update: QuerySet[Any], written: Iterable[str]) -> None:
        if guard in guards_of(update, written):
            _without(update.query.where, guard[2])

    with watched(seen):
        yield
