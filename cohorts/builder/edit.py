"""Changes of the structure that a button of the builder asks for: add, remove, wrap, negate.

An edit is the text `verb path` (and for `add` the kind of the new row). One that does not fit the document, because it
was made up or came twice, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from cohorts.builder.paths import NAME, Step, get, steps
from cohorts.criteria import LEAVES

GROUPS = ("all", "any")
CONDITION = LEAVES["field"].blank
"What a new condition on an event starts from, too."
INNER = {key for leaf in LEAVES.values() for key in leaf.inner}
"Keys of leaves that hold a node, and need one."


class Refused(Exception):
    """An edit that makes no sense here."""


def edit(document: dict[str, Any], wanted: str) -> tuple[dict[str, Any], str]:
    """The document after the edit, and the path of what the person goes on with. Raises Refused."""
    verb, _, rest = wanted.partition(" ")
    path, _, kind = rest.partition(" ")
    if verb not in EDITS or not NAME.fullmatch(path) or ":" in path:
        raise Refused(wanted)
    root = deepcopy(document)
    try:
        goes_on = EDITS[verb](root, path, kind)
    except (LookupError, TypeError, AttributeError) as error:
        raise Refused(wanted) from error
    return root, goes_on


def _add(root: dict[str, Any], path: str, kind: str) -> str:
    """A new row at the end of the group there; what stands there alone is put into a group with it."""
    return _append(root, path, blank(kind))


def _add_group(root: dict[str, Any], path: str, kind: str) -> str:
    """A new group, of the other sort than the one it stands in, with one row."""
    node = _find(root, path)
    inside = "all" if isinstance(node, dict) and "any" in node else "any"
    return f"{_append(root, path, {inside: [blank(kind)]})}.{inside}[0]"


def _append(root: dict[str, Any], path: str, new: Any) -> str:
    node = _find(root, path)
    if node is None:
        _set(root, path, new)
        return path
    group = next((key for key in GROUPS if isinstance(node, dict) and key in node), None)
    if group is None:
        _set(root, path, {"all": [node, new]})
        return f"{path}.all[1]"
    node[group].append(new)
    return f"{path}.{group}[{len(node[group]) - 1}]"


def _wrap(root: dict[str, Any], path: str, kind: str) -> str:
    """The row in a group with a new one, of which either may hold."""
    _set(root, path, {"any": [get(root, path), blank(kind)]})
    return f"{path}.any[1]"


def _negate(root: dict[str, Any], path: str, kind: str) -> str:
    node = get(root, path)
    _set(root, path, node.get("not", {"not": node}))
    return ""


def _remove(root: dict[str, Any], path: str, kind: str) -> str:
    """Without what stands there, and without what would be left empty around it."""
    parent, last = _split(path)
    holder: Any = get(root, parent) if parent else root
    if isinstance(last, int):
        if not 0 <= last < len(holder):
            raise Refused(path)
        if len(holder) == 1:
            return _remove(root, parent, kind)
        del holder[last]
        return f"{parent}[{max(last - 1, 0)}]"
    if last in INNER:
        holder[last] = blank(kind)
        return path
    del holder[last]
    if last in (*GROUPS, "not") and parent:
        return _remove(root, parent, kind)
    return parent or str(last)


def _another(root: dict[str, Any], path: str, kind: str) -> str:
    """One more value: a single one becomes a list."""
    value = _find(root, path)
    values = value if isinstance(value, list) else [] if value is None else [value]
    _set(root, path, [*values, ""])
    return f"{path}[{len(values)}]"


def _drop(root: dict[str, Any], path: str, kind: str) -> str:
    """One value less: of two the other stays, alone."""
    parent, last = _split(path)
    values = get(root, parent)
    if not isinstance(values, list) or not isinstance(last, int) or not 0 <= last < len(values):
        raise Refused(path)
    del values[last]
    if not values:
        return _remove(root, parent, kind)
    if len(values) == 1 and parent.endswith(".value"):
        _set(root, parent, values[0])
        return parent
    return f"{parent}[{max(last - 1, 0)}]"


def blank(kind: str) -> dict[str, Any]:
    """A new row of the kind of leaf; a condition unless it is known."""
    return deepcopy(dict(LEAVES[kind].blank if kind in LEAVES else CONDITION))


def _find(root: dict[str, Any], path: str) -> Any:
    try:
        return get(root, path)
    except LookupError:
        get(root, _split(path)[0]) if "." in path else None
        return None


def _set(root: dict[str, Any], path: str, value: Any) -> None:
    parent, last = _split(path)
    holder: Any = get(root, parent) if parent else root
    holder[last] = value


def _split(path: str) -> tuple[str, Step]:
    """The path of what holds it, and the last step."""
    last = steps(path)[-1]
    suffix = f"[{path.rsplit('[', 1)[1]}" if isinstance(last, int) else str(last)
    return path[: -len(suffix)].rstrip("."), last


EDITS: dict[str, Callable[[dict[str, Any], str, str], str]] = {
    "add": _add,
    "add-group": _add_group,
    "wrap": _wrap,
    "negate": _negate,
    "remove": _remove,
    "another": _another,
    "drop": _drop,
}
