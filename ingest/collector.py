"""The HTTP endpoints that senders speak to. Published SDKs work with only their base address changed.

What is answered 201 is committed. One bad item never costs the good ones beside it; only when nothing can be used is
a request refused. `config` and `rules` never fail and ask no key: a client's own application would fail with them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.views import APIView

from ingest import schema
from ingest.accept import accept
from ingest.authentication import sender_of
from ingest.decode import MAX_WIRE, Rejected, decode_body, inflate
from ingest.limits import count_items
from ingest.models import ApiKey
from ingest.packing import pack
from ingest.parse import PARSERS
from ingest.problems import Problem, plain_answer
from ingest.records import Record
from ingest.rejections import record_rejections
from ingest.values import clean

logger = logging.getLogger(__name__)

CONFIG = {
    "sample_rate": 100,
    "user_sample_rate": {},
    "company_sample_rate": {},
    "user_rules": {},
    "company_rules": {},
    "regex_config": [],
}
"""Clients sample by it: everything is sent."""
RULES: list[Any] = []


def _tag(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


HEADERS = {
    "X-Moesif-Config-ETag": _tag(CONFIG),  # clients fetch the config again when these change
    "X-Moesif-Rules-Tag": _tag(RULES),
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "X-Moesif-Config-ETag, X-Moesif-Rules-Tag",
    "X-Content-Type-Options": "nosniff",
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "content-type,content-encoding,authorization,x-moesif-application-id,x-moesif-sdk",
    "Access-Control-Max-Age": "86400",
}
MAX_DISCARDED, PIECE = 50_000_000, 100_000
"""Bytes."""
SHOWN = 100
"""Errors that a refusal names one by one, beside the list of what was rejected."""
_encode = msgspec.json.Encoder().encode
Refused = list[dict[str, Any]]
"""`[{"index": place in the batch, "error": sentence}]`"""


def answer_json(content: object, status: int = 200) -> HttpResponse:
    """The content as JSON."""
    return HttpResponse(_encode(content), content_type="application/json", status=status)


class CollectorView(APIView):
    """What all endpoints share: the headers, the preflight, problems.

    They are views of Django REST framework for the OpenAPI document only: its request, its negotiation and its answer
    would cost more than to accept an event.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            answer = self._answer(request)
        except Exception as fault:
            answer = plain_answer(fault, self)
        answer.headers["Content-Length"] = str(len(answer.content))
        for name, value in HEADERS.items():
            answer.headers[name] = value
        return answer

    def _answer(self, request: HttpRequest) -> HttpResponse:
        method = (request.method or "").lower()
        if method not in self.http_method_names or not hasattr(self, method):
            raise MethodNotAllowed(request.method or "")
        answer: HttpResponse = getattr(self, method)(request)
        return answer

    @extend_schema(exclude=True)
    def options(self, request: HttpRequest) -> HttpResponse:  # type: ignore[override]
        methods = ", ".join(self.allowed_methods)
        return HttpResponse(headers={**PREFLIGHT_HEADERS, "Access-Control-Allow-Methods": methods})


class ReceiveView(CollectorView):
    """Takes one item or an array of them; `kind` says of which kind."""

    kind = ""

    def post(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        key = sender_of(request, now)
        rejected: Refused = []
        try:
            items = self.items(request, read_body(request))
            packed = pack(_records(items, self.read(request, now), rejected))
        except Problem as problem:
            _note(request, key, [str(problem.detail)], now)
            raise
        accepted = sum(piece.items for piece in packed)
        count_items(key, accepted + len(rejected), now)
        accept(packed, now)
        if rejected:
            _log(request, key, accepted + len(rejected), rejected)
            _note(request, key, [each["error"] for each in rejected], now)
        if rejected and not accepted:
            return self.answer_nothing(rejected)
        return self.answer(accepted, rejected)

    def items(self, request: HttpRequest, body: bytes) -> Iterable[Any]:
        """What the body holds; an item that cannot be read is a Rejected in its place. Raises Problem."""
        return decode_body(body)

    def read(self, request: HttpRequest, now: datetime) -> Callable[[Any], Iterable[Record]]:
        """What gives the records of one item, received at `now`, or raises Rejected."""
        parse = PARSERS[self.kind]
        from_browser = request.META.get("HTTP_X_MOESIF_SDK", "").startswith("moesif-browser")
        return lambda item: (parse(item, now, from_browser=from_browser),)

    def answer(self, accepted: int, rejected: Refused) -> HttpResponse:
        """What the sender is told after the commit."""
        return answer_json({"accepted": accepted, "rejected": rejected}, 201)

    def answer_nothing(self, rejected: Refused) -> HttpResponse:
        """What the sender is told where nothing can be used."""
        raise _nothing_usable(rejected)


@schema.receives("event", "An API call of a customer: its request, response and who made it.")
class Events(ReceiveView):
    kind = "event"


@schema.receives("action", "A custom action of a user or company, such as a click. Without a time it happened now.")
class Actions(ReceiveView):
    kind = "action"


@schema.receives("user", "What is known of a user; merged into the stored profile.")
class Users(ReceiveView):
    kind = "user"


@schema.receives("company", "What is known of a company; merged into the stored profile.")
class Companies(ReceiveView):
    kind = "company"


@schema.receives("subscription", "What is known of a company's subscription; merged into what is stored of it.")
class Subscriptions(ReceiveView):
    kind = "subscription"


class Constant(CollectorView):
    """Always the same answer, without key and database."""

    content: object = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return answer_json(self.content)


@schema.answers("Configuration of the SDKs: nothing is sampled away.", schema.CONFIG)
class Config(Constant):
    content = CONFIG


@schema.answers("Governance rules of the SDKs: there are none.", schema.RULES)
class Rules(Constant):
    content = RULES


@schema.answers("Whether the collector is up.", schema.PROBE)
class Probe(Constant):
    content: Any = {"status": True, "region": "self-hosted"}


def read_body(request: HttpRequest) -> bytes:
    """The body of a request, inflated. Raises Problem beyond the limits."""
    return inflate(_read(request), request.META.get("HTTP_CONTENT_ENCODING", ""))


def _read(request: HttpRequest) -> bytes:
    length = _length(request)
    if length > MAX_WIRE:
        _discard(request, length)
        raise Problem(413, "body_too_large", f"The body is larger than {MAX_WIRE:,} bytes.")
    try:
        body: bytes = request.read(length)
    except OSError:
        body = b""
    if len(body) < length:
        raise Problem(400, "truncated_body", "The body ends before its Content-Length.")
    return body


def _discard(request: HttpRequest, length: int) -> None:
    """Read what will not be used, if it is not too much: many clients look at the answer only then."""
    with suppress(OSError):
        while 0 < length <= MAX_DISCARDED and (read := len(request.read(min(length, PIECE)))):
            length -= read


def _length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    if text.isdecimal() and (length := int(text)):
        return length
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise Problem(411, "length_required", "A Content-Length is required.")
    raise Problem(400, "empty_body", "The body is empty: expected a JSON object or an array of them.")


def _records(items: Iterable[Any], read: Callable[[Any], Iterable[Record]], rejected: Refused) -> Iterator[Record]:
    """The records of the items, one after the other; `rejected` gets what cannot be used."""
    for index, item in enumerate(items):
        try:
            yield from read(item)
        except Rejected as error:
            rejected.append({"index": index, "error": str(error)})


def _nothing_usable(rejected: Refused) -> Problem:
    first = rejected[0]["error"]
    detail = f"None of the {len(rejected)} items can be used. The first: {first}" if len(rejected) > 1 else first
    errors = [{"path": f"[{item['index']}]", "message": item["error"]} for item in rejected[:SHOWN]]
    return Problem(400, "nothing_usable", detail, errors, {"accepted": 0, "rejected": rejected})


def _note(request: HttpRequest, key: ApiKey, reasons: list[str], now: datetime) -> None:
    """Count what was refused, for the administrator."""
    sender = request.headers.get("X-Moesif-SDK") or request.headers.get("User-Agent", "")
    record_rejections(key, request.path, clean(sender), reasons, now)


def _log(request: HttpRequest, key: ApiKey, items: int, rejected: Refused) -> None:
    """Tell the administrator; the messages name fields, never values."""
    logger.warning(
        "%s from key %s: %d of %d items rejected, first: [%d] %s",
        request.path, key.pk, len(rejected), items, rejected[0]["index"], rejected[0]["error"],
    )  # fmt: skip
