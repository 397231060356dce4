"""Bytes of a request to items: bounded gunzip and JSON, so that one bad item never costs the good ones beside it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import msgspec

from ingest.problems import Problem

MAX_WIRE = 12_000_000
"""Bytes of a body as sent."""
MAX_BODY = 50_000_000
"""Bytes of a body once inflated."""
MAX_ITEM = 1_000_000
"""Bytes of one event or profile."""
MAX_DEPTH = 32
MAX_ITEMS = 100_000
MAX_VALUES = 4_000_000
"""Commas and opening brackets of a body: bounds the time that decoding can take."""
MANY_VALUES = 250_000
"""In a body with more of them items are cut out one by one, since it may hold nothing but tiny ones."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_decode = msgspec.json.Decoder().decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_DAMAGED_TEXT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_REPLACED = re.compile("[\x00\ud800-\udfff]")
_KEY = re.compile(rb'\s*"([^"\\]*)"\s*:')
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[{]+|[\]}]+|,', re.DOTALL)


class Rejected(ValueError):
    """An item cannot be used; the text names the field and what is expected there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)


def inflate(body: bytes, encoding: str) -> bytes:
    """The body without its gzip wrapping, told by header or by magic bytes.

    Raises Problem: 415 for other encodings, 413 beyond MAX_BODY, 400 for damaged or cut-off gzip.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Problem(415, "unsupported_encoding", "Content-Encoding: expected gzip or none.")
    if not body.startswith(_GZIP):
        if "gzip" in encoding and body.lstrip()[:1] not in (b"{", b"["):
            raise Problem(400, "invalid_gzip", "The body says that it is gzip and is not.")
        return body
    inflater = zlib.decompressobj(31)
    try:
        inflated = inflater.decompress(body, MAX_BODY + 1)
    except zlib.error:
        raise Problem(400, "invalid_gzip", "The gzip of the body is damaged.") from None
    if len(inflated) > MAX_BODY:
        raise Problem(413, "body_too_large", f"The body is larger than {MAX_BODY:,} bytes when inflated.")
    if not inflater.eof:
        raise Problem(400, "truncated_gzip", "The gzip of the body ends too early.")
    if inflater.unused_data:
        raise Problem(400, "invalid_gzip", "The body goes on after the end of its gzip.")
    return inflated


def decode_body(body: bytes) -> Iterator[Any]:
    """The items of a JSON array, or the one of a JSON object; an item that cannot be read is a Rejected in its place.

    Each is decoded when it is asked for: all at once they would take many times the memory of the body. Raises
    Problem (400, 413), maybe after some items, when the body as a whole cannot be read.
    """
    body = body.removeprefix(_BOM).strip()
    if not body:
        raise Problem(400, "empty_body", "The body is empty: expected a JSON object or an array of them.")
    if body[:1] not in (b"{", b"["):
        raise Problem(400, "invalid_json", "Expected a JSON object or an array of them, as UTF-8.")
    items = split(body) if body[:1] == b"[" else iter([body])
    return map(_item_or_rejected, items)


def decode_member(body: bytes, name: str) -> Iterator[Any]:
    """The items of the array under this name of a JSON object, as `decode_body` gives those of an array."""
    array = member(body.removeprefix(_BOM).strip(), name)
    if array[:1] != b"[":
        raise Problem(400, "invalid_json", f'Expected a JSON object with an array "{name}", as UTF-8.')
    return map(_item_or_rejected, split(array))


def member(body: bytes, name: str) -> bytes:
    """The value under this name of a JSON object, as it stands there; nothing where there is none."""
    if body[:1] != b"{":
        return b""
    check_values(body)
    try:
        found = _decode_members(body).get(name)
        return b"" if found is None else bytes(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return dict(map(_named, _cut(body))).get(name, b"").strip()


def _named(member: bytes) -> tuple[str, bytes]:
    """A member of a JSON object as its name and its value."""
    key, value = _KEY.match(member), b""
    if key is None:
        return "", value
    return key[1].decode(errors="replace"), member[key.end() :]


def decode_item(raw: bytes, limit: int = MAX_ITEM) -> Any:
    """The value of one item. NUL and lone surrogates become U+FFFD. Raises Rejected."""
    if len(raw) > limit:
        raise Rejected("", f"expected at most {limit:,} bytes, not {len(raw):,}")
    try:
        value = _decode(raw)
        # A key that is given twice takes its colon along; the fast decoder would not say so. An escaped colon counts
        # only once it is decoded.
        proven = _encode(value).count(b":") == raw.count(b":") and not _ESCAPED_COLON.search(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        proven = False
    if not proven:
        value = _decode_strictly(raw)
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(value)
    return _mend(value) if b"\\u" in raw and _DAMAGED_TEXT.search(raw) else value


def check_values(body: bytes, most: int = MAX_VALUES) -> int:
    """About how many values it holds. Raises Problem where that is too many."""
    values = body.count(b",") + body.count(b"{") + body.count(b"[")
    if values > most:
        raise Problem(413, "body_too_large", f"The body holds more than {most:,} values.")
    return values


def _item_or_rejected(raw: bytes | msgspec.Raw) -> Any:
    try:
        return decode_item(bytes(raw))
    except Rejected as rejected:
        return rejected


def split(array: bytes) -> Iterator[bytes | msgspec.Raw]:
    """The items of a JSON array as they stand there; where it is not valid JSON, cut at its own commas."""
    items = _cut(array) if check_values(array) > MANY_VALUES else _whole(array)
    for number, item in enumerate(items):
        if number == MAX_ITEMS:
            raise Problem(413, "body_too_large", f"The body holds more than {MAX_ITEMS:,} items.")
        yield item


def _whole(array: bytes) -> Iterable[bytes | msgspec.Raw]:
    try:
        return _decode_list(array)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _cut(array)


def _cut(body: bytes) -> Iterator[bytes]:
    """Cut an array into items by brackets, quotes and commas alone, whatever stands between them."""
    depth, start, first = 0, 1, True
    for token in _TOKEN.finditer(body):
        match body[token.start()]:
            case 0x22:  # a text
                if not token[1]:
                    break
            case 0x2C:  # a comma
                if depth == 1:
                    yield body[start : token.start()].strip()
                    start, first = token.end(), False
            case 0x5B | 0x7B:  # [ {
                depth += len(token[0])
            case _:
                depth -= len(token[0])
                if depth <= 0:
                    if depth < 0 or token.end() != len(body):
                        raise Problem(400, "invalid_json", f"The JSON goes on after its end, near byte {token.end()}.")
                    last = body[start : token.end() - 1].strip()
                    if last or not first:
                        yield last
                    return
    raise Problem(400, "invalid_json", "The JSON ends too early.")


def _decode_strictly(raw: bytes) -> Any:
    """Decode slowly, and say exactly what is wrong; texts may hold lone surrogates afterwards."""
    try:
        return _STRICT.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise Rejected("", f"expected UTF-8; byte {error.start} of the item is none") from None
    except json.JSONDecodeError as error:
        raise Rejected("", f"expected JSON; at character {error.pos} of the item: {error.msg}") from None
    except RecursionError:
        _refuse_depth()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise Rejected("", f'expected every key once; "{_shown(twice)}" is given twice')
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise Rejected("", f"{text} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise Rejected("", f"the number {_shown(text)} is too large")
    return number


def _integer(text: str) -> int:
    if len(text) > 4000:  # Python's own limit for text to integer is a little higher
        raise Rejected("", f"the number {_shown(text)} is too large")
    return int(text)


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer
)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    _refuse_depth()


def _refuse_depth() -> NoReturn:
    raise Rejected("", f"expected objects and arrays nested at most {MAX_DEPTH} deep")


def _mend(value: Any) -> Any:
    if isinstance(value, str):
        return _REPLACED.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mend(name): _mend(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_mend(inner) for inner in value]
    return value


def _shown(text: str) -> str:
    """A short, printable form of what was sent, for messages."""
    return repr(text[:40])[1:-1]
