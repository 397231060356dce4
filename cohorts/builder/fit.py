"""Conditions whose operator and value fit their field again, after one of the three was changed.

Whatever is valid stays exactly as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from cohorts.builder.local_times import DATE_TO_CHOOSE, to_local
from cohorts.criteria import LEAVES
from cohorts.criteria.conditions import NEGATIVES, OPERATORS
from cohorts.criteria.profile import find_field
from ingest.fields import FieldType, UnknownField, event_field
from ingest.models import CustomerKind

UTC = ZoneInfo("UTC")
THRESHOLDS = {"aggregate": ("op", "value"), "ratio": ("op", "value"), "trend": ("change", "percent")}
"Leaf that compares a figure -> its keys of the operator and of what it compares with."
FIRST_OPERATOR = {FieldType.TIME: "on"}
"Where it is not the first of its type."


def fit(node: Any, kind: CustomerKind, of_events: bool = False) -> Any:
    """The node with every condition below made consistent; `kind` is the customer that it asks of."""
    if isinstance(node, list):
        return [fit(item, kind, of_events) for item in node]
    if not isinstance(node, dict):
        return node
    if "field" in node:
        return fit_condition(node, field_type(node["field"], kind, of_events))
    fitted = {key: fit(value, inner_kind(node, key, kind), of_events or key == "where") for key, value in node.items()}
    for leaf, (op, figure) in THRESHOLDS.items():
        if leaf in fitted and op in fitted:
            fitted[figure] = fit_figure(fitted.get(figure, ""), fitted[op])
    if isinstance(fitted.get("sequence"), list):  # a new step is an empty text
        fitted["sequence"] = [{"type": "api_call"} if step == "" else step for step in fitted["sequence"]]
    return fitted


def fit_figure(value: Any, op: object) -> Any:
    """What a figure is compared with, in the form that the operator takes."""
    given = value if isinstance(value, list) else [value]
    if op == "between":
        return [*given, "", ""][:2]
    if op in ("is", "is_not"):
        return value
    return given[0] if given else ""


def inner_kind(node: dict[str, Any], key: str, kind: CustomerKind) -> CustomerKind:
    """The customers that the node under a key of this one asks of."""
    return LEAVES[key].inner.get(key, kind) if key in LEAVES else kind


def field_type(name: object, kind: CustomerKind, of_events: bool) -> FieldType:
    """The type of the field with this name; ANY while there is none."""
    try:
        return (event_field(str(name)) if of_events else find_field(kind, str(name))).type
    except UnknownField:
        return FieldType.ANY


def fit_condition(condition: dict[str, Any], type_: FieldType) -> dict[str, Any]:
    """The condition with an operator that the type has, and a value that the operator takes."""
    known = OPERATORS[type_]
    op = condition.get("op")
    if op not in known:
        op = FIRST_OPERATOR.get(type_, known[0])
    fitted = {**condition, "op": op}
    positive = NEGATIVES.get(op, op)
    if positive == "exists":
        fitted.pop("value", None)
    else:
        fitted["value"] = FITTING.get(positive, _fit_text)(condition.get("value", ""), type_)
    return fitted


def _fit_is(value: Any, type_: FieldType) -> Any:
    if isinstance(value, list):
        items = [item for item in value if not isinstance(item, dict | list)]
        return [_fit_scalar(item, type_) for item in items] or _fit_scalar("", type_)
    return _fit_scalar("" if isinstance(value, dict) else value, type_)


def _fit_scalar(value: Any, type_: FieldType) -> Any:
    if type_ in (FieldType.TEXT, FieldType.TAGS):
        return _fit_text(value, type_)
    if type_ == FieldType.NUMBER:
        return _fit_number(value, type_)
    if type_ == FieldType.BOOLEAN:
        return value is not False
    return value


def _fit_text(value: Any, type_: FieldType) -> Any:
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, bool) or value is None or isinstance(value, dict):
        return ""
    return value if isinstance(value, str) else str(value)


def _fit_number(value: Any, type_: FieldType) -> Any:
    if isinstance(value, list):
        value = value[0] if value else ""
    return "" if isinstance(value, bool | dict | list) or value is None else value


def _fit_range(value: Any, type_: FieldType) -> Any:
    fits = FITTING_BOUNDS[type_]
    given = value if isinstance(value, list) else [value]
    low = given[0] if given else ""
    high = given[1] if len(given) > 1 else ("" if type_ != FieldType.TIME else {"ago": "0d"})
    return [fits(low, type_), fits(high, type_)]


def _fit_bound(value: Any, type_: FieldType) -> Any:
    """Of a field that can hold both: a number or a time."""
    if _is_age(value) or (isinstance(value, str) and (value == DATE_TO_CHOOSE or to_local(value, UTC))):
        return value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _fit_moment(value: Any, type_: FieldType) -> Any:
    if _is_age(value) or (isinstance(value, str) and value):
        return value
    if isinstance(value, dict) and isinstance(value.get("last"), str):
        return {"ago": value["last"]}
    return {"ago": "7d"}


def _fit_period(value: Any, type_: FieldType) -> Any:
    if isinstance(value, dict) and value.keys() <= {"calendar", "last"} and value:
        return value
    if isinstance(value, dict) and isinstance(value.get("ago"), str):
        return {"last": value["ago"]}
    return {"calendar": "today"}


FITTING_BOUNDS = {FieldType.TIME: _fit_moment, FieldType.NUMBER: _fit_number, FieldType.ANY: _fit_bound}


def _is_age(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("ago", "in")


FITTING: dict[str, Callable[[Any, FieldType], Any]] = {
    "is": _fit_is,
    **dict.fromkeys((">", ">=", "<", "<="), _fit_number),
    "between": _fit_range,
    "before": _fit_moment,
    "after": _fit_moment,
    "on": _fit_period,
}
"Positive operator -> what makes a value fit it; a text for all others."
