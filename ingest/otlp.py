"""OpenTelemetry traces (OTLP/HTTP, protobuf or JSON): the spans of HTTP servers are API calls; all others are left out.

Who called is in the span's attributes `user.id` and `company.id` (or `enduser.id` and `tenant.id`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtobufSpan

from ingest.decode import MAX_ITEM, Rejected, check_values, decode_item
from ingest.headers import stored_name
from ingest.parse import parse_event
from ingest.problems import Problem
from ingest.protobuf import Damaged, Fields, TooMany
from ingest.records import EventRecord
from ingest.values import shown

SERVER = 2
"""The kind of span that is the server's side of a request."""
MAX_SPANS = 250_000
"""Of any kind, in one request."""
MAX_JSON_VALUES = 1_000_000
"""Commas and opening brackets of a request in JSON."""
_GROUPS, _RESOURCE, _SCOPES, _SPANS = 1, 1, 2, 2
"""The numbers of the fields in protobuf, from the outside in."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799 * 10**9
_HEADERS = ("http.request.header.", "http.response.header.")
_VALUES = ("stringValue", "boolValue", "intValue", "doubleValue")
_EXPECTED_NANOSECONDS = "expected nanoseconds since 1970"


class _Scope(msgspec.Struct):
    spans: list[msgspec.Raw] | None = None


class _Group(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_spans: list[_Scope] | None = None


class _Request(msgspec.Struct, rename="camel"):
    """What is decoded of a request at once; the spans are decoded one by one."""

    resource_spans: list[_Group]


_decode_json = msgspec.json.Decoder(_Request).decode


@dataclass(frozen=True)
class Span:
    """What is read of a span; `attributes` holds texts, numbers, booleans and lists of them."""

    id: str
    started: int
    ended: int
    attributes: dict[str, Any]
    resource: dict[str, Any]


def read_protobuf(body: bytes) -> Iterator[Span | Rejected]:
    """The server spans of a request, one after the other. Raises Problem, maybe after some of them, when it cannot be
    read."""
    fields = Fields(MAX_SPANS)
    try:
        for group in fields.parts(memoryview(body), _GROUPS):
            resource = _resource(b"".join(fields.parts(group, _RESOURCE)))
            for scope in fields.parts(group, _SCOPES):
                for span in fields.parts(scope, _SPANS):
                    if read := _protobuf_span(span, resource):
                        yield read
    except (Damaged, DecodeError):
        raise Problem(400, "invalid_protobuf", "Expected an ExportTraceServiceRequest as protobuf.") from None
    except TooMany:
        raise _too_many() from None


def read_json(body: bytes) -> Iterator[Span | Rejected]:
    """The same of the JSON form."""
    check_values(body, MAX_JSON_VALUES)
    try:
        groups = _decode_json(body).resource_spans
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "invalid_json", f"The traces cannot be read: {error}") from None
    spans = 0
    for group in groups:
        resource = dict(_json_pairs(_object(_decoded(group.resource)).get("attributes")))
        for scope in group.scope_spans or ():
            for raw in scope.spans or ():
                spans += 1
                if spans > MAX_SPANS:
                    raise _too_many()
                span = _decoded(raw)
                if isinstance(span, Rejected):
                    yield span
                elif _object(span).get("kind") in (SERVER, "SPAN_KIND_SERVER"):
                    yield _json_span(span, resource)


def read_span(span: Span | Rejected, now: datetime) -> EventRecord | None:
    """The API call, or none where the span is of no HTTP request. Raises Rejected."""
    if isinstance(span, Rejected):
        raise span
    left = dict(span.attributes)

    def take(*names: str) -> Any:
        found = [left.pop(name) for name in names if name in left]
        return found[0] if found else None

    verb = take("http.request.method", "http.method")
    if verb is None:
        return None
    path, query, target = take("url.path"), take("url.query"), take("url.full", "http.url", "http.target")
    uri = f"{path}?{query}" if path is not None and query else path
    status = take("http.response.status_code", "http.status_code")
    headers = {side: _take_headers(left, side) for side in _HEADERS}
    agent = take("user_agent.original", "http.user_agent")
    event: dict[str, Any] = {
        "transaction_id": span.id,
        "user_id": take("user.id", "enduser.id"),
        "company_id": take("company.id", "tenant.id"),
        "session_token": take("session.id"),
        "request": {
            "time": _time(span.started, "startTimeUnixNano"),
            "verb": verb,
            "uri": target if uri is None else uri,
            "route": take("http.route"),
            "ip_address": take("client.address", "http.client_ip"),
            "headers": headers[_HEADERS[0]] | ({"user-agent": agent} if agent is not None else {}),
        },
        "metadata": {name: value for name, value in {**span.resource, **left}.items() if stored_name(name)},
    }
    if status is not None:
        ended = _time(span.ended, "endTimeUnixNano")
        event["response"] = {"time": ended, "status": status, "headers": headers[_HEADERS[1]]}
    return parse_event(event, now)


def answer(rejected: int, message: str) -> ExportTraceServiceResponse:
    """What an exporter is told: all went well, or so many spans could not be used."""
    response = ExportTraceServiceResponse()
    if rejected:
        response.partial_success.rejected_spans = rejected
        response.partial_success.error_message = message
    return response


def _resource(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_ITEM:
        raise Problem(413, "body_too_large", f"The attributes of a resource are larger than {MAX_ITEM:,} bytes.")
    return dict(_pairs(Resource.FromString(content).attributes))


def _protobuf_span(content: memoryview, resource: dict[str, Any]) -> Span | Rejected | None:
    """What is read of a span; nothing of one that is no server's."""
    if len(content) > MAX_ITEM:
        return Rejected("", f"expected at most {MAX_ITEM:,} bytes, not {len(content):,}")
    try:
        span = ProtobufSpan.FromString(bytes(content))
    except DecodeError:
        return Rejected("", "expected a span as protobuf")
    if span.kind != SERVER:
        return None
    id_ = f"{span.trace_id.hex()}-{span.span_id.hex()}"
    attributes = dict(_pairs(span.attributes))
    return Span(id_, span.start_time_unix_nano, span.end_time_unix_nano, attributes, resource)


def _take_headers(attributes: dict[str, Any], prefix: str) -> dict[str, Any]:
    names = [name for name in attributes if name.startswith(prefix)]
    return {name.removeprefix(prefix).replace("_", "-"): attributes.pop(name) for name in names}


def _time(nanoseconds: int, path: str) -> str:
    if not 0 < nanoseconds <= _LATEST:
        raise Rejected(path, _EXPECTED_NANOSECONDS)
    return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).isoformat()


def _pairs(attributes: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for attribute in attributes:
        value = _value(attribute.value)
        if value is not None:
            yield _clean(attribute.key), value


def _value(value: Any) -> Any:
    """Of a protobuf `AnyValue`; bytes and maps have no field that criteria could ask."""
    match value.WhichOneof("value"):
        case "string_value":
            return _clean(value.string_value)
        case "bool_value":
            return value.bool_value
        case "int_value":
            return _number(value.int_value)
        case "double_value":
            return _number(value.double_value)
        case "array_value":
            return [found for each in value.array_value.values if (found := _value(each)) is not None]
    return None


def _json_span(span: dict[str, Any], resource: dict[str, Any]) -> Span | Rejected:
    times = []
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        try:
            times.append(int(span.get(name) or 0))
        except (TypeError, ValueError):
            return Rejected(name, _EXPECTED_NANOSECONDS)
    ids = [span.get(name) for name in ("traceId", "spanId")]
    for id_, name in zip(ids, ("traceId", "spanId"), strict=True):
        if type(id_) is not str:
            return Rejected(name, f"expected a text, not {shown(id_)}")
    return Span(f"{ids[0]}-{ids[1]}", times[0], times[1], dict(_json_pairs(span.get("attributes"))), resource)


def _json_pairs(attributes: Any) -> Iterator[tuple[str, Any]]:
    for attribute in _objects(attributes):
        value = _json_value(_object(attribute.get("value")))
        if type(attribute.get("key")) is str and value is not None:
            yield attribute["key"], value


def _json_value(value: dict[str, Any]) -> Any:
    for name in _VALUES:
        found = value.get(name)
        if found is None:
            continue
        if name == "intValue" and type(found) is str:  # 64 bits come as text
            return _number(int(found)) if found.removeprefix("-").isdecimal() and len(found) < 21 else found
        return found
    array = _object(value.get("arrayValue")).get("values")
    if array is None:
        return None
    return [found for each in _objects(array) if (found := _json_value(each)) is not None]


def _number(value: int | float) -> int | float | str | None:
    """What JSON cannot carry exactly becomes text; what is no number is nothing."""
    if type(value) is int:
        return value if -(2**53) <= value <= 2**53 else str(value)
    return value if abs(value) < float("inf") else None


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if type(each) is dict] if type(value) is list else []


def _decoded(raw: msgspec.Raw) -> Any:
    try:
        return decode_item(bytes(raw))
    except Rejected as rejected:
        return rejected


def _too_many() -> Problem:
    return Problem(413, "body_too_large", f"The body holds more than {MAX_SPANS:,} spans.")
