"""The collector in the OpenAPI document: item forms, answers and ways to authenticate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view

from ingest.subscriptions import SUBSCRIPTION_TIMES

View = TypeVar("View", bound=type)
Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
ID: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
TIME: Schema = {"type": "string", "format": "date-time", "description": "ISO 8601; UTC without an offset"}
OBJECT: Schema = {"type": "object", "additionalProperties": True}
HEADERS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


CAMPAIGN = _object("", **dict.fromkeys(
    ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "referring_domain", "gclid"),
    TEXT,
))  # fmt: skip
EVENT = _object(
    "request",
    request=_object("time uri verb", time=TIME, uri=TEXT, verb=TEXT, route=TEXT, headers=HEADERS, api_version=TEXT,
                    ip_address=TEXT, body={}, transfer_encoding={"enum": ["json", "base64"]}),
    response=_object("time status", time=TIME, status={"type": "integer"}, headers=HEADERS, body={},
                     transfer_encoding={"enum": ["json", "base64"]}),
    transaction_id=ID, user_id=ID, company_id=ID, session_token=TEXT, subscription_id=TEXT, direction=TEXT,
    action_name=TEXT, weight={"type": "integer", "minimum": 1, "maximum": 1_000_000},
    tags={"type": "array", "items": TEXT}, metadata=OBJECT,
)  # fmt: skip
ACTION = _object(
    "action_name",
    action_name=TEXT, request=_object("", time=TIME, uri=TEXT, ip_address=TEXT, user_agent_string=TEXT),
    transaction_id=ID, user_id=ID, anonymous_id=ID, company_id=ID, session_token=TEXT, subscription_id=TEXT,
    metadata=OBJECT,
)  # fmt: skip
USER = _object(
    "user_id",
    user_id=ID, anonymous_id=ID, company_id=ID, modified_time=TIME, session_token=TEXT, ip_address=TEXT,
    user_agent_string=TEXT, campaign=CAMPAIGN, metadata=OBJECT,
)  # fmt: skip
COMPANY = _object(
    "company_id",
    company_id=ID, company_domain=TEXT, modified_time=TIME, session_token=TEXT, ip_address=TEXT, campaign=CAMPAIGN,
    metadata=OBJECT,
)  # fmt: skip
SUBSCRIPTION = _object(
    "subscription_id company_id",
    subscription_id=ID, company_id=ID, **dict.fromkeys(SUBSCRIPTION_TIMES, TIME),
    status={"type": "string", "description": "active, trialing, paused, pending, future, draft or cancelled"},
    items={"type": "array", "items": _object("", plan_id=TEXT, price_id=TEXT)}, metadata=OBJECT,
)  # fmt: skip
ITEMS = {"event": EVENT, "action": ACTION, "user": USER, "company": COMPANY, "subscription": SUBSCRIPTION}
EXAMPLES: dict[str, Schema] = {
    "event": {
        "request": {"time": "2026-03-01T12:00:00Z", "verb": "POST", "uri": "https://api.example.com/purchases/42"},
        "response": {"time": "2026-03-01T12:00:00.120Z", "status": 400},
        "user_id": "12345",
        "company_id": "67890",
        "transaction_id": "a3765025-46ec-45dd-bc83-b136c8d1d257",
    },
    "action": {"action_name": "Clicked Sign Up", "user_id": "12345", "metadata": {"button": "header"}},
    "user": {"user_id": "12345", "company_id": "67890", "metadata": {"email": "ada@example.com", "plan": "pro"}},
    "company": {"company_id": "67890", "company_domain": "example.com", "metadata": {"plan": "enterprise"}},
    "subscription": {
        "subscription_id": "sub_1",
        "company_id": "67890",
        "status": "active",
        "current_period_end": "2026-04-01T00:00:00Z",
        "items": [{"plan_id": "enterprise"}],
    },
}
REJECTED = {"type": "array", "items": _object("index error", index={"type": "integer"}, error=TEXT)}
RECEIVED = _object("accepted rejected", accepted={"type": "integer"}, rejected=REJECTED)
PROBLEM = _object(
    "type title status code detail",
    type=TEXT, title=TEXT, status={"type": "integer"}, code=TEXT, detail=TEXT,
    errors={"type": "array", "items": _object("path message", path=TEXT, message=TEXT)},
)  # fmt: skip
CONFIG = _object("sample_rate", sample_rate={"type": "integer"})
RULES: Schema = {"type": "array", "items": OBJECT}
COLLECTOR_KEY: list[dict[str, list[str]]] = [{"collectorKey": []}]
"""Named in the settings, since no authentication of Django REST framework is behind it."""
PROBE = _object("status region", status={"type": "boolean"}, region=TEXT)


def receives(kind: str, description: str) -> Callable[[View], View]:
    """Describe a view that takes one item of the kind or an array of them."""
    body = {"oneOf": [ITEMS[kind], {"type": "array", "items": ITEMS[kind]}]}
    operation = extend_schema(
        tags=["collector"],
        summary=f"Send {kind} data",
        description=description + " Takes one item or an array; plain or gzip. Sent again, it changes nothing.",
        request={"application/json": body},
        auth=COLLECTOR_KEY,  # type: ignore[arg-type]
        examples=[OpenApiExample(kind, EXAMPLES[kind], request_only=True)],
        responses={
            201: OpenApiResponse(RECEIVED, "Stored; `rejected` names the items that could not be used, by index."),
            400: _problem("Nothing in the body can be used."),
            401: _problem("The key is missing, unknown, revoked or expired."),
            403: _problem("The key lacks the scope `collector`."),
            413: _problem("The body is too large: send fewer items."),
            415: _problem("The Content-Encoding is not gzip."),
            503: _problem("Nothing was stored: try again after `Retry-After` seconds."),
        },
    )
    return extend_schema_view(post=operation)


SEGMENT_ITEM = _object(
    "",
    type={"enum": ["identify", "track", "page", "screen", "group", "alias"]},
    userId=ID, anonymousId=ID, groupId=ID, previousId=ID, event=TEXT, messageId=ID, timestamp=TIME,
    traits=OBJECT, properties=OBJECT, context=OBJECT,
)  # fmt: skip
SEGMENT_BATCH = _object("batch", batch={"type": "array", "items": SEGMENT_ITEM})
TRACES = _object("resourceSpans", resourceSpans={"type": "array", "items": OBJECT})


def takes(protocol: str, description: str, body: Schema) -> Callable[[View], View]:
    """Describe a view that takes what the clients of another protocol send."""
    refused = {status: _problem("See /v1/events.") for status in (400, 401, 403, 413, 415, 503)}
    operation = extend_schema(
        tags=["collector"],
        summary=f"Send data as {protocol} clients do",
        description=description,
        request={"application/json": body},
        auth=COLLECTOR_KEY,  # type: ignore[arg-type]
        responses={200: OpenApiResponse(OBJECT, "Stored, but for what could not be used."), **refused},
    )
    return extend_schema_view(post=operation)


def answers(description: str, content: Schema) -> Callable[[View], View]:
    """Describe a view that gives one constant answer to anybody."""
    return extend_schema_view(
        get=extend_schema(tags=["collector"], description=description, auth=[], responses={200: content})
    )


def _problem(description: str) -> OpenApiResponse:
    return OpenApiResponse(PROBLEM, description)


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "ingest.authentication.BearerAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> Schema:
        return {"type": "http", "scheme": "bearer"}
