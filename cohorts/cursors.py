"""Places in feeds as opaque texts, which are of use with the feed alone that they were given for."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from ingest.problems import Problem

PLACE = re.compile(r"([0-9a-f]{8})((?:\.[0-9]{0,18})+)")


class InvalidCursor(ValueError):
    """Not a cursor of this feed."""


def encode_place(owner: UUID, *numbers: int | None) -> str:
    """The numbers that a place consists of as an opaque text, for the feed of a row with this id."""
    place = ".".join([owner.hex[:8], *("" if number is None else str(number) for number in numbers)])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_place(text: str, owner: UUID, length: int) -> list[int | None]:
    """The numbers that `encode_place` wrote, so many. Raises InvalidCursor."""
    try:
        place = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        raise InvalidCursor(text) from None
    found = PLACE.fullmatch(place)
    if found is None or found[1] != owner.hex[:8]:
        raise InvalidCursor(text)
    numbers = [int(number) if number else None for number in found[2].split(".")[1:]]
    if len(numbers) != length:
        raise InvalidCursor(text)
    return numbers


@contextmanager
def refuse_cursor(detail: str) -> Iterator[None]:
    """Answer a wrong cursor as a problem of the client."""
    try:
        yield
    except InvalidCursor:
        raise Problem(400, "invalid_cursor", detail) from None
