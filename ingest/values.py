"""Single values of an item: each function gives the value in the expected form or raises Rejected with its path."""

from __future__ import annotations

import re
from typing import Any

from ingest.decode import Rejected

MAX_IDENTIFIER = 200
MAX_INTEGER = 2**53
"""Beyond it, JavaScript and double precision no longer tell neighbours apart."""
_NOT_IN_IDENTIFIERS = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]")
_PLACEHOLDERS = frozenset(("null", "undefined", "None", "nan", "0", "guest", "anonymous"))
_DIGITS = re.compile("[0-9]{1,15}")


def identifier(value: object, path: str, *, from_browser: bool = False) -> str | None:
    """A trimmed id, or none where it is null or blank. Whole numbers become text.

    From the browser come ids that stand for "no id" (`undefined`); they are refused there.
    """
    if value is None:
        return None
    if type(value) is int:
        value = number_as_text(value, path)
    if type(value) is not str:
        raise Rejected(path, f"expected a text, not {shown(value)}")
    id_ = value.strip()
    if len(id_) > MAX_IDENTIFIER:
        raise Rejected(path, f"expected at most {MAX_IDENTIFIER} characters, not {len(id_)}")
    if not (id_.isascii() and id_.isprintable()) and _NOT_IN_IDENTIFIERS.search(id_):
        raise Rejected(path, "expected no control or replacement characters")
    if from_browser and id_ in _PLACEHOLDERS:
        raise Rejected(path, f'"{id_}" stands for no id; leave it out')
    return id_ or None


def text(value: object, path: str) -> str | None:
    """A text, or none where it is null. Numbers become text."""
    if value is None or type(value) is str:
        return value
    if type(value) is int or type(value) is float:
        return number_as_text(value, path)
    raise Rejected(path, f"expected a text, not {shown(value)}")


def required_text(value: object, path: str) -> str:
    """A text that is not blank."""
    if type(value) is str and value.strip():
        return value
    raise Rejected(path, "expected a text" if value is None else f"expected a text, not {shown(value)}")


def status_number(value: object, path: str) -> int | float:
    """A number, also when sent as digits."""
    if type(value) is int or type(value) is float:
        check_number(value, path)
        return value
    if type(value) is str and _DIGITS.fullmatch(value.strip()):
        return int(value)
    raise Rejected(path, f"expected a number, not {shown(value)}")


def weight_number(value: object) -> int:
    """How many events it stands for: an integer from 1 to 1,000,000, also when sent as digits; anything else is 1."""
    if value is None or value == 1:
        return 1
    if type(value) is str and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 1 <= value <= 1_000_000 else 1


def check_number(value: int | float, path: str) -> None:
    """Refuse integers that JSON does not carry exactly everywhere."""
    if type(value) is int and not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise Rejected(path, "expected an integer within 2^53; send larger ones as text")


def number_as_text(value: int | float, path: str) -> str:
    """The number as text, if JSON carries it exactly."""
    check_number(value, path)
    return str(value)


def object_or_none(value: object, path: str) -> dict[str, Any] | None:
    """A JSON object, or none where it is null."""
    if value is None or type(value) is dict:
        return value
    raise Rejected(path, f"expected an object, not {shown(value)}")


def without_nulls(value: Any, path: str) -> Any:
    """The value without the nulls in its objects; integers beyond 2^53 are refused."""
    kind = type(value)
    if kind is dict:
        return {
            name: inner if type(inner) is str else without_nulls(inner, f"{path}.{name}")
            for name, inner in value.items()
            if inner is not None
        }
    if kind is list:
        return [without_nulls(inner, f"{path}[{index}]") for index, inner in enumerate(value)]
    if kind is int:
        check_number(value, path)
    return value


_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "this text", list: "an array", dict: "an object"}


def shown(value: object) -> str:
    """What was given, named by kind alone: values may be secrets, and messages go to logs."""
    return _KINDS.get(type(value), "null")


def clean(text: str) -> str:
    """The text without what a database or a page would stumble over."""
    return _NOT_IN_IDENTIFIERS.sub("\ufffd", text).encode("utf-8", "replace").decode()
