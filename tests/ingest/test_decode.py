"""Hostile bytes: every one gives items, rejected items or a Problem, quickly and never anything else."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest import decode
from ingest.decode import Rejected, decode_body, decode_item, inflate
from ingest.problems import Problem

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def mended(value):
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [mended(inner) for inner in value]
    return {mended(k): mended(v) for k, v in value.items()} if isinstance(value, dict) else value


def outcome(read, *args):
    """What reading gives, or the status of its refusal."""
    try:
        return read(*args)
    except Problem as problem:
        return problem.status_code


def decoded(body):
    return list(decode_body(body))


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_an_item_is_what_was_sent_however_it_is_written(value, ascii_only, indent):
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert decode_item(raw) == mended(value)


@given(st.lists(JSON))
def test_a_body_is_its_items(values):
    assert decoded(json.dumps(values).encode()) == mended(values)


@given(
    st.lists(JSON),
    st.sampled_from(["NaN", "-Infinity", "1e999", "tru", '{"a": 1, "a": 1}', '{"a":\x01}', '"\\x"', "01", "{1: 2}"]),
)
def test_a_bad_item_is_rejected_alone(values, bad):
    parts = [json.dumps(value) for value in values]
    items = decoded(f"[{', '.join([*parts, bad, *parts])}]".encode())
    assert isinstance(items.pop(len(values)), Rejected)
    assert items == mended(values + values)


@given(st.binary() | st.text().map(str.encode) | st.text('[]{},":\\ 1ae').map(str.encode))
@example(b'["\\')
@example(b"[,]")
@example(b"[}")
def test_no_bytes_make_it_fail(body):
    items = outcome(decoded, body)
    assert isinstance(items, list) or items in (400, 413)


@given(st.binary(), st.sampled_from(["", "gzip", "identity", "br"]))
def test_no_bytes_make_inflating_fail(body, encoding):
    for sent in (body, b"\x1f\x8b" + body, gzip.compress(body)[: len(body) + 5]):
        inflated = outcome(inflate, sent, encoding)
        assert isinstance(inflated, bytes) or inflated in (400, 413, 415)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1e400}', "the number 1e400 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is too large"),
        (b'{"a": "\xff"}', "expected UTF-8; byte 7"),
        (b'{"a": 1, "a": 2}', 'expected every key once; "a" is given twice'),
        (b'{"b": {"a": 1, "a": 2}}', '"a" is given twice'),
        (b'{"b": ["\\u003a\\u003A"], "a": {"c": 1}, "a": 2}', '"a" is given twice'),
        (b'{"a": 1', "expected JSON; at character"),
        (b'{"a": "\x00"}', "expected JSON; at character 7"),
        (b"[" * 33 + b"]" * 33, "nested at most 32 deep"),
        (b"[" * 20_000 + b"]" * 20_000, "nested at most 32 deep"),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', "expected at most 1,000,000 bytes"),
    ],
)
def test_a_bad_item_is_told_what_is_wrong(raw, message):
    with pytest.raises(Rejected) as caught:
        decode_item(raw)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_32_levels_are_read():
    assert decode_item(b"[" * 32 + b"]" * 32)
    assert decode_item(b'{"a": [' + b"[]," * 100 + b"[]]}")


def test_a_number_that_the_first_decoder_writes_otherwise_is_no_duplicate():
    assert decode_item(b'{"a": 1e2, "b": 1.50, "c": -0, "d": "\\u00e9\\/"}') == {"a": 100, "b": 1.5, "c": 0, "d": "é/"}


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\uDFFF", "\\ud83dx"])
def test_nul_and_lone_surrogates_become_replacement_characters(text):
    value = decode_item(f'{{"k{text}": ["{text}"]}}'.encode())
    assert "\ufffd" in json.dumps(value, ensure_ascii=False)
    json.dumps(value, ensure_ascii=False).encode()
    assert "\x00" not in str(value)


def test_pairs_of_surrogates_are_one_character():
    assert decode_item(b'["\\ud83d\\ude00", "\\u0000"]') == ["😀", "\ufffd"]


def test_a_byte_order_mark_is_skipped():
    assert decoded(b'\xef\xbb\xbf [{"a": 1}] ') == [{"a": 1}]


def test_a_body_of_many_small_values_is_cut_one_by_one(monkeypatch):
    values = [1, [2, {"a": "],"}], {}, "\\", None]
    monkeypatch.setattr(decode, "MANY_VALUES", 3)
    assert decoded(json.dumps(values).encode()) == values
    assert decoded(b"[ " + b"[]," * 5 + b"[]\n]") == [[]] * 6
    assert isinstance(decoded(b"[1,2,3,4,]")[-1], Rejected)


def test_items_are_decoded_as_they_are_asked_for(monkeypatch):
    monkeypatch.setattr(decode, "_decode", None)
    items = decode_body(b"[1, 2]")
    with pytest.raises(TypeError):
        next(items)


def test_more_items_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(decode, "MAX_ITEMS", 3)
    assert len(decoded(b"[1,2,3]")) == 3
    with pytest.raises(Problem, match="more than 3 items"):
        decoded(b"[1,2,3,4]")


def test_a_bomb_is_refused_before_it_is_inflated_whole():
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(b"\0" * 1_000_000) for _ in range(200)) + compressor.flush()
    started = time.process_time()
    with pytest.raises(Problem) as caught:
        inflate(bomb, "gzip")
    assert caught.value.status_code == 413
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "body",
    [
        b'["' + b'\\"' * 1_000_000,
        b"[NaN," + b"[" * 2_000_000,
        b"[NaN," + b"{]" * 500_000 + b"]",
        b"[NaN" + b" " * 5_000_000 + b"]",
        b'[NaN,"' + b"x" * 5_000_000 + b'"]',
    ],
)
def test_hostile_bodies_take_no_time(body):
    started = time.process_time()
    items = outcome(decoded, body)
    assert items == 400 or all(isinstance(item, Rejected) for item in items)
    assert time.process_time() - started < 3
