"""What spans become, in both forms, and how damaged ones are refused."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest import otlp
from ingest.arrivals import record_arrivals
from ingest.models import Event
from ingest.protobuf import Damaged, Fields, TooMany
from tests.ingest.items import send

STARTED = 1_772_449_200 * 10**9
ATTRIBUTES = {
    "http.request.method": "POST",
    "url.path": "/orders/42",
    "url.query": "a=1",
    "http.route": "/orders/{id}",
    "http.response.status_code": 400,
    "user.id": "u1",
    "company.id": "c1",
    "client.address": "203.0.113.9",
    "user_agent.original": "curl/8",
    "http.request.header.authorization": ["Bearer canary"],
    "http.request.header.x_plan": ["pro"],
    "app.token": "canary",
    "db.calls": 3,
    "huge": 2**60,
}


def as_json(attributes: dict, **values) -> dict:
    kinds = {str: "stringValue", int: "intValue", bool: "boolValue"}

    def value(given) -> dict:
        if isinstance(given, list):
            return {"arrayValue": {"values": list(map(value, given))}}
        return {kinds[type(given)]: str(given) if type(given) is int else given}

    pairs = [{"key": key, "value": value(given)} for key, given in attributes.items()]
    span = {"traceId": "0a" * 16, "spanId": "0b" * 8, "kind": 2, "startTimeUnixNano": str(STARTED),
            "endTimeUnixNano": str(STARTED + 250_000_000), "attributes": pairs, **values}  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span, {**span, "kind": 3}]}]}]}


def as_protobuf(attributes: dict) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    span = group.scope_spans.add().spans.add(
        trace_id=b"\n" * 16, span_id=b"\x0b" * 8, kind=2, start_time_unix_nano=STARTED,
        end_time_unix_nano=STARTED + 250_000_000,
    )  # fmt: skip
    for key, content in attributes.items():
        value = span.attributes.add(key=key).value
        if isinstance(content, list):
            for each in content:
                value.array_value.values.add(string_value=each)
        else:
            setattr(value, {str: "string_value", int: "int_value"}[type(content)], content)
    return request.SerializeToString()


def post(client, key, body, content_type="application/x-protobuf"):
    answer = client.post("/v1/traces", body, content_type=content_type, headers={"X-Moesif-Application-Id": key})
    record_arrivals()
    return answer


def test_both_forms_give_the_same_call_once(client, collector_key):
    answer = send(client, "/v1/traces", as_json(ATTRIBUTES), collector_key)
    assert (answer.status_code, answer.json(), answer["Content-Type"]) == (200, {}, "application/json")
    again = post(client, collector_key, gzip.compress(as_protobuf(ATTRIBUTES)))
    assert (again.status_code, again.content) == (200, b"")
    event = Event.objects.get()
    assert (event.user.external_id, event.company.external_id) == ("u1", "c1")
    assert event.fields == {
        "request": {
            "verb": "POST",
            "uri": "/orders/42?a=1",
            "route": "/orders/{id}",
            "ip_address": "203.0.113.9",
            "headers": {"x-plan": "pro", "user-agent": "curl/8"},
        },
        "response": {"status": 400, "headers": {}},
        "duration_ms": 250,
        "metadata": {"service.name": "shop", "db.calls": 3, "huge": str(2**60)},
        "transaction_id": "0a" * 16 + "-" + "0b" * 8,
    }


def test_a_span_that_cannot_be_used_is_told_and_costs_no_other(client, collector_key):
    body = as_json(ATTRIBUTES)
    [group] = body["resourceSpans"][0]["scopeSpans"]
    good = group["spans"][0]
    group["spans"] = [
        good,
        {**good, "startTimeUnixNano": "soon"},
        {**good, "spanId": 5},
        {**good, "endTimeUnixNano": 0},
    ]
    answer = send(client, "/v1/traces", body, collector_key)
    assert answer.json() == {
        "partialSuccess": {"rejectedSpans": "3", "errorMessage": "startTimeUnixNano: expected nanoseconds since 1970"}
    }
    assert Event.objects.count() == 1
    binary = as_protobuf({**ATTRIBUTES, "url.path": "", "url.query": ""})
    told = ExportTraceServiceResponse.FromString(post(client, collector_key, binary).content)
    assert told.partial_success.rejected_spans == 1


def test_spans_without_a_request_are_left_out(client, collector_key):
    answer = post(client, collector_key, as_protobuf({"rpc.system": "grpc"}))
    assert (answer.status_code, answer.content) == (200, b"")
    assert not Event.objects.exists()


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json"])
@pytest.mark.parametrize("body", [b"nonsense", b"[1]", b"\x1f\x8b", b'{"resourceSpans": 5}', b"{" * 5000])
def test_a_body_that_cannot_be_read_gets_400(client, collector_key, body, content_type):
    answer = post(client, collector_key, body, content_type)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["detail"]


def test_without_a_key_there_is_a_problem_in_json(client, db):
    answer = post(client, "nobody", as_protobuf(ATTRIBUTES))
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


def test_requests_in_several_groups_and_scopes_are_read_like_those_in_one(client, collector_key):
    request = ExportTraceServiceRequest.FromString(as_protobuf(ATTRIBUTES))
    other = ExportTraceServiceRequest.FromString(as_protobuf(ATTRIBUTES))
    other.resource_spans[0].resource.attributes[0].value.string_value = "other"
    span = other.resource_spans[0].scope_spans[0].spans[0]
    other.resource_spans[0].scope_spans.add().spans.add().CopyFrom(span)
    span.span_id = b"2" * 8
    request.MergeFrom(other)
    request.resource_spans[1].scope_spans[1].spans[0].span_id = b"3" * 8
    assert post(client, collector_key, request.SerializeToString()).status_code == 200
    services = sorted(event.fields["metadata"]["service.name"] for event in Event.objects.all())
    assert services == ["other", "other", "shop"]


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json"])
def test_more_spans_than_the_limit_are_refused_whatever_they_are(client, collector_key, monkeypatch, content_type):
    monkeypatch.setattr(otlp, "MAX_SPANS", 3)
    empty = {
        "application/x-protobuf": b"\x0a\x0a\x12\x08" + b"\x12\x00" * 4,
        "application/json": b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}, {}, {}, {}]}]}]}',
    }[content_type]
    answer = post(client, collector_key, empty, content_type)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_span_or_a_resource_as_large_as_no_honest_one_is_refused(client, collector_key, monkeypatch):
    monkeypatch.setattr(otlp, "MAX_ITEM", 200)
    told = ExportTraceServiceResponse.FromString(post(client, collector_key, as_protobuf(ATTRIBUTES)).content)
    assert told.partial_success.error_message.startswith("expected at most 200 bytes")
    request = ExportTraceServiceRequest()
    request.resource_spans.add().resource.attributes.add(key="k" * 200)
    assert post(client, collector_key, request.SerializeToString()).status_code == 413


def test_a_damaged_span_costs_no_other(client, collector_key):
    request = ExportTraceServiceRequest.FromString(as_protobuf(ATTRIBUTES))
    good = request.resource_spans[0].scope_spans[0].spans[0].SerializeToString()
    spans = b"\x12\x01\xff" + b"\x12" + bytes([len(good) & 127 | 128, len(good) >> 7]) + good
    scope = b"\x12" + bytes([len(spans) & 127 | 128, len(spans) >> 7]) + spans
    body = b"\x0a" + bytes([len(scope) & 127 | 128, len(scope) >> 7]) + scope
    told = ExportTraceServiceResponse.FromString(post(client, collector_key, body).content)
    assert told.partial_success.error_message == "expected a span as protobuf"
    assert Event.objects.count() == 1


@given(st.binary() | st.lists(st.sampled_from([0, 1, 2, 8, 9, 10, 13, 18, 127, 128, 255])).map(bytes))
def test_no_bytes_make_taking_a_message_apart_fail(message):
    try:
        parts = [bytes(part) for part in Fields(100).parts(memoryview(message), 2)]
    except (Damaged, TooMany):
        return
    assert b"".join(parts) in message or len(parts) > 1
