"""Messages of protobuf taken apart without decoding them: a few bytes can stand for a thousand times their memory."""

from __future__ import annotations

from collections.abc import Iterator

Part = memoryview
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class Damaged(ValueError):
    """The bytes are no message."""


class TooMany(ValueError):
    """There are more fields than one is willing to look at."""


class Fields:
    """Takes messages apart; `most` fields in all, of all messages together."""

    def __init__(self, most: int) -> None:
        self.left = most

    def parts(self, message: Part, wanted: int) -> Iterator[Part]:
        """The contents of the fields with this number that hold bytes. Raises Damaged and TooMany."""
        at = 0
        while at < len(message):
            self.left -= 1
            if self.left < 0:
                raise TooMany
            key, at = _varint(message, at)
            kind, begin = key & 7, at
            if kind == _VARINT:
                _, at = _varint(message, at)
            elif kind == _LENGTH:
                length, begin = _varint(message, at)
                at = begin + length
            elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
                at += 8 if kind == _EIGHT_BYTES else 4
            else:
                raise Damaged
            if at > len(message):
                raise Damaged
            if key == wanted << 3 | _LENGTH:
                yield message[begin:at]


def _varint(message: Part, at: int) -> tuple[int, int]:
    """The number that stands at a place, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if at == len(message):
            raise Damaged
        byte = message[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise Damaged
