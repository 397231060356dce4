"""What spans become, in both forms, and how damaged ones are refused."""

from __future__ import annotations

import gzip

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.arrivals import record_arrivals
from ingest.models import Event
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
    for key, given in attributes.items():
        value = span.attributes.add(key=key).value
        if isinstance(given, list):
            for each in given:
                value.array_value.values.add(string_value=each)
        else:
            setattr(value, {str: "string_value", int: "int_value"}[type(given)], given)
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
