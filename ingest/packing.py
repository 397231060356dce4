"""Records as bytes, for as long as they wait to be recorded, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from ingest.records import EventRecord, ProfileRecord, Record

PIECE = 2_000_000
"""Bytes after which another piece begins."""
MOST = 5_000
"""Records in one piece."""
_ARRAY = b"\xdd"
"""What an array begins with in MessagePack, before its length in four bytes."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[EventRecord | ProfileRecord]).decode


class Piece(NamedTuple):
    """Some records: how many, and their bytes."""

    items: int
    content: bytes


def pack(records: Iterable[Record]) -> list[Piece]:
    """The records in pieces. Each is packed as it comes, so that they need not all be in memory.

    MessagePack by the names of their fields: a newer version reads what an older one wrote, as long as fields are
    only added, with a default.
    """
    return list(_pieces(records))


def unpack(content: bytes) -> list[EventRecord | ProfileRecord]:
    """The records of a piece again. Raises msgspec.MsgspecError where the bytes are none."""
    return _decode(content)


def _pieces(records: Iterable[Record]) -> Iterator[Piece]:
    packed: list[bytes] = []
    size = 0
    for record in records:
        packed.append(_encode(record))
        size += len(packed[-1])
        if size >= PIECE or len(packed) == MOST:
            yield _joined(packed)
            packed, size = [], 0
    if packed:
        yield _joined(packed)


def _joined(packed: list[bytes]) -> Piece:
    return Piece(len(packed), b"".join([_ARRAY, len(packed).to_bytes(4, "big"), *packed]))
