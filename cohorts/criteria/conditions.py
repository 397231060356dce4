"""A condition on one field, `{"field", "op", "value"}`, of a customer or of an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from cohorts.criteria.cells import Cell
from cohorts.criteria.moments import are_reversed, parse_moment
from cohorts.criteria.operators import (
    COMPARISONS,
    PARTS,
    After,
    Before,
    BetweenMoments,
    Check,
    Compare,
    Exists,
    HasPart,
    InRange,
    Is,
    On,
    moves,
)
from cohorts.criteria.place import Place, quoted, read_choice, read_list, read_number, read_object, read_text
from cohorts.criteria.windows import Clock, parse_period
from cohorts.criteria.wording import Scalar
from ingest.fields import Field, FieldType, UnknownField

KEYS = ("field", "op", "value")
NEGATIVES = {"is_not": "is", "not_contains": "contains", "not_on": "on", "not_exists": "exists"}
"Operator -> the one that it is the exact complement of."

TEXT_OPS = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with")
NUMBER_OPS = ("is", "is_not", ">", ">=", "<", "<=", "between")
TIME_OPS = ("before", "after", "between", "on", "not_on")
EXISTENCE_OPS = ("exists", "not_exists")
OPERATORS = {
    FieldType.TEXT: (*TEXT_OPS, *EXISTENCE_OPS),
    FieldType.TAGS: (*TEXT_OPS, *EXISTENCE_OPS),
    FieldType.NUMBER: (*NUMBER_OPS, *EXISTENCE_OPS),
    FieldType.TIME: (*TIME_OPS, *EXISTENCE_OPS),
    FieldType.BOOLEAN: ("is", *EXISTENCE_OPS),
    FieldType.ANY: tuple(dict.fromkeys((*TEXT_OPS, *NUMBER_OPS, *TIME_OPS, *EXISTENCE_OPS))),
}
SEEN = {"first_seen_time": "first seen", "last_seen_time": "last seen", "created": "created"}


@dataclass(frozen=True)
class Condition:
    """`name` is the field as written; `negative` asks for the complement of the check."""

    name: str
    field: Field
    check: Check
    negative: bool

    def holds(self, cell: Cell, clock: Clock) -> ir.BooleanValue:
        """Whether the value passes the check, not regarding `negative`; never null."""
        return self.check.holds(cell, clock)

    @property
    def key(self) -> str | None:
        """What tells this condition from others; None where the clock decides too. Not the values: `True == 1`."""
        return None if moves(self.check) else repr(self)

    @property
    def subject(self) -> str:
        """The field in words: `metadata.plan`, `first seen`, `company last seen`."""
        last = self.name.removeprefix("company.")
        owner = "" if last == self.name else "company "
        return f"{owner}{SEEN[last]}" if last in SEEN else self.name

    @property
    def predicate(self) -> str:
        """The check in words: `is pro`, `is not set`, `today` (after `first seen`)."""
        words = self.check.words(self.negative)
        drops_verb = self.name.removeprefix("company.") in SEEN and not isinstance(self.check, Exists)
        return words.removeprefix("is ") if drops_verb else words

    def words(self) -> str:
        """`metadata.plan is pro or enterprise`, `first seen today`."""
        return f"{self.name if isinstance(self.check, Exists) else self.subject} {self.predicate}"


def parse_condition(value: object, place: Place, find_field: Callable[[str], Field]) -> Condition:
    """The condition of an object, on a field of the kind that `find_field` knows. Raises CriteriaError."""
    given = read_object(value, place, 'a condition such as {"field", "op", "value"}', KEYS, required=("field", "op"))
    name = read_text(given["field"], place.key("field"))
    try:
        field = find_field(name)
    except UnknownField as error:
        raise place.key("field").fault(str(error)) from None
    op = read_choice(given["op"], place.key("op"), OPERATORS[field.type])
    positive = NEGATIVES.get(op, op)
    if positive == "exists":
        if "value" in given:
            raise place.key("value").fault(f"no value is expected with {quoted([op])}")
        return Condition(name, field, Exists(), negative=op in NEGATIVES)
    if "value" not in given:
        raise place.key("value").fault("missing")
    check = CHECKS[positive](given["value"], place.key("value"), field.type, positive)
    return Condition(name, field, check, negative=op in NEGATIVES)


def _parse_is(value: object, place: Place, type_: FieldType, op: str) -> Check:
    if not isinstance(value, list):
        return Is((_read_scalar(value, place, type_),))
    read_list(value, place, "a value or a list of values that is not empty")
    return Is(tuple(_read_scalar(item, place.item(index), type_) for index, item in enumerate(value)))


def _read_scalar(value: object, place: Place, type_: FieldType) -> Scalar:
    if isinstance(value, str) and type_ in (FieldType.TEXT, FieldType.TAGS, FieldType.ANY):
        return read_text(value, place)
    if isinstance(value, bool) and type_ in (FieldType.BOOLEAN, FieldType.ANY):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and type_ in (FieldType.NUMBER, FieldType.ANY):
        return read_number(value, place)
    raise place.fault(f"expected {SCALARS[type_]}")


SCALARS = {
    FieldType.TEXT: "a text",
    FieldType.TAGS: "a text",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.ANY: "a text, a number, true or false, or a list of them",
}


def _parse_part(value: object, place: Place, type_: FieldType, op: str) -> Check:
    return HasPart(read_text(value, place), op)


def _parse_compare(value: object, place: Place, type_: FieldType, op: str) -> Check:
    return Compare(op, read_number(value, place))


def _parse_between(value: object, place: Place, type_: FieldType, op: str) -> Check:
    pair = read_list(value, place, EXPECTED_PAIR)
    if len(pair) != 2:
        raise place.fault(f"expected {EXPECTED_PAIR}")
    low, high = pair
    of_numbers = type_ == FieldType.NUMBER or (type_ == FieldType.ANY and isinstance(low, int | float))
    return _between_numbers(low, high, place) if of_numbers else _between_moments(low, high, place)


EXPECTED_PAIR = "a list of the lower and the upper bound"


def _between_numbers(low: Any, high: Any, place: Place) -> Check:
    numbers = InRange(read_number(low, place.item(0)), read_number(high, place.item(1)))
    if numbers.low > numbers.high:
        raise place.fault("expected the lower bound first")
    return numbers


def _between_moments(low: Any, high: Any, place: Place) -> Check:
    moments = BetweenMoments(parse_moment(low, place.item(0)), parse_moment(high, place.item(1)))
    if are_reversed(moments.low, moments.high):
        raise place.fault("expected the earlier bound first")
    return moments


def _parse_before(value: object, place: Place, type_: FieldType, op: str) -> Check:
    return Before(parse_moment(value, place))


def _parse_after(value: object, place: Place, type_: FieldType, op: str) -> Check:
    return After(parse_moment(value, place))


def _parse_on(value: object, place: Place, type_: FieldType, op: str) -> Check:
    return On(parse_period(value, place))


ParseCheck = Callable[[object, Place, FieldType, str], Check]
CHECKS: dict[str, ParseCheck] = {
    "is": _parse_is,
    **dict.fromkeys(PARTS, _parse_part),
    **dict.fromkeys(COMPARISONS, _parse_compare),
    "between": _parse_between,
    "before": _parse_before,
    "after": _parse_after,
    "on": _parse_on,
}
