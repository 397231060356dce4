"""Hostile input, made up by the hundred: never a 500, and what is answered is what is stored.

FUZZ_EXAMPLES sets how much is tried (`make fuzz` tries much, and other input every time).
"""

from __future__ import annotations

import gzip
import json
import os
from contextlib import suppress

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ingest.arrivals import record_arrivals
from ingest.bodies import keep_body
from ingest.decode import MAX_DEPTH, Rejected, decode_body, decode_item, decode_member, inflate
from ingest.headers import stored_headers
from ingest.models import Arrival, Event, Scope
from ingest.parse import PARSERS
from ingest.problems import Problem
from ingest.routes import route_of
from ingest.segment import read_item
from ingest.timestamps import parse_time
from tests.factories import NOON, make_api_key

ASKED = os.environ.get("FUZZ_EXAMPLES", "")
PATHS = ["/v1/events/batch", "/v1/actions", "/v1/users", "/v1/companies/batch", "/v1/subscriptions", "/v1/batch"]
PATHS += ["/v1/identify", "/v1/traces"]


def tried(number: int):
    return examples(
        max_examples=int(ASKED or number),
        derandomize=not ASKED,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


odd = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["", " ", "\0", "\ud800", "null", "2026-03-02T11:00:00Z", "9999-12-31T23:59:59-14:00", 2**53 + 1]),
)  # fmt: skip
NAMES = ["request", "response", "time", "uri", "verb", "status", "headers", "body", "user_id", "anonymous_id"]
NAMES += ["company_id", "subscription_id", "action_name", "metadata", "tags", "transaction_id", "campaign", "items"]
NAMES += [
    "userId",
    "groupId",
    "traits",
    "properties",
    "event",
    "context",
    "type",
    "batch",
    "resourceSpans",
    "attributes",
]
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=5))
values = st.recursive(
    odd, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6)), max_leaves=25
)
valid = st.fixed_dictionaries(
    {
        "request": st.fixed_dictionaries(
            {"time": st.just("2026-03-02T11:00:00Z"), "uri": st.text(), "verb": st.just("GET")}
        )
    },
    optional={name: values for name in NAMES if name != "request"},
)


def as_bytes(value: object) -> bytes:
    """JSON as careless senders write it: with NaN, and with lone surrogates as escapes."""
    return json.dumps(value).encode()


def damaged(parts: tuple[bytes, int, bytes]) -> bytes:
    """Something written into the middle."""
    body, at, more = parts
    return body[:at] + more + body[at:]


bodies = st.one_of(
    st.binary(max_size=200),
    values.map(as_bytes),
    st.lists(st.one_of(values, valid), max_size=5).map(as_bytes),
    st.lists(valid, max_size=3).map(lambda items: as_bytes({"batch": items})),
    values.map(as_bytes).map(lambda body: gzip.compress(body, mtime=0)),
    st.tuples(values.map(as_bytes), st.integers(0, 60), st.binary(max_size=3)).map(damaged),
    st.tuples(st.sampled_from([b"[", b"{\"a\":", b"[{", b"\""]), st.integers(1, 3000)).map(lambda t: t[0] * t[1]),
)  # fmt: skip


@tried(60)
@given(bodies)
def test_bytes_are_decoded_or_refused(body):
    refused: list[int] = []
    for decode in (decode_body, lambda given: decode_member(given, "batch")):
        try:
            items = list(decode(inflate(body, "")))
        except Problem as problem:
            refused.append(problem.status_code)
            continue
        for item in items:
            assert isinstance(item, Rejected) or depth(item) <= MAX_DEPTH
            for parse in (*PARSERS.values(), read_item):
                with_refusal(parse, item)
    assert set(refused) <= {400, 413, 415}


def with_refusal(parse, item) -> None:
    try:
        records = parse(item, NOON)
    except Rejected as rejected:
        str(rejected).encode()
    else:
        for record in records if isinstance(records, list) else [records]:
            stored = getattr(record, "fields", None) or getattr(record, "patch", None)
            text = json.dumps(stored, allow_nan=False, ensure_ascii=False)
            text.encode()
            assert "\\u0000" not in text


def depth(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@tried(100)
@given(
    st.one_of(odd, values, st.text(max_size=60), st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat()))
)
def test_times_headers_and_paths_stand_anything(value):
    time = parse_time(value)
    assert time is None or time.utcoffset().total_seconds() == 0
    if isinstance(value, str):
        assert route_of(value)
    if isinstance(value, dict):
        stored_headers(value)
        with suppress(Rejected):
            keep_body("request", {"body": value}, {})


@pytest.mark.parametrize(
    "raw", [b'{"a": 1e400}', b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}", b'{"a":"\xed\xa0\x80"}']
)
def test_numbers_and_texts_that_no_json_has_are_refused(raw):
    with pytest.raises(Rejected):
        decode_item(raw)


@pytest.mark.django_db(transaction=True)
def test_the_endpoints_answer_whatever_they_are_sent(client):
    key = make_api_key(Scope.COLLECTOR)
    client.raise_request_exception = False

    @tried(60)
    @given(
        st.sampled_from(PATHS), bodies, st.sampled_from(["application/json", "text/plain", "application/x-protobuf"])
    )
    def send(path, body, content_type):
        before = Event.objects.count()
        answer = client.post(path, body, content_type=content_type, headers={"X-Moesif-Application-Id": key})
        assert answer.status_code in (200, 201, 400, 413, 415), (path, body, answer.content)
        recorded = record_arrivals()
        assert not Arrival.objects.exists()
        if answer.status_code == 201 and path == "/v1/events/batch":
            assert recorded == answer.json()["accepted"] >= Event.objects.count() - before

    send()


@pytest.mark.django_db(transaction=True)
def test_what_the_schema_allows_or_almost_allows_is_never_a_fault():
    """Requests made from the OpenAPI document."""
    key = make_api_key(Scope.COLLECTOR)
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    operations = [schema[path]["POST"] for path in PATHS]

    @tried(20)
    @given(st.sampled_from(operations).flatmap(lambda operation: operation.as_strategy()))
    def call(case):
        answer = case.call(headers={"X-Moesif-Application-Id": key})
        assert answer.status_code < 500, answer.text

    call()
