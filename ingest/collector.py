"""The HTTP endpoints that senders speak to. Published SDKs work with only their base address changed.

What is answered 201 is committed. One bad item never costs the good ones beside it; only when nothing can be used is
a request refused. `config` and `rules` never fail and ask no key: a client's own application would fail with them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import IO, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ingest import schema
from ingest.authentication import CollectorAuthentication, HasScope
from ingest.decode import MAX_WIRE, decode_body, inflate
from ingest.limits import count_items
from ingest.models import ApiKey, Scope
from ingest.parse import PARSERS, Record, Rejected
from ingest.problems import Problem
from ingest.record import Recorded, record
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
}
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Headers": "content-type,content-encoding,authorization,x-moesif-application-id,x-moesif-sdk",
    "Access-Control-Max-Age": "86400",
}


class CollectorParser(BaseParser):
    """Bounded body -> items, whatever the Content-Type says: clients label gzip and JSON as they like."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """A list of items, of which unreadable ones are Rejected. Raises Problem."""
        return decode_body(read_body(stream, parser_context["request"]))


class OnlyChoice(BaseContentNegotiation):
    """The view's parser and renderer, whatever was asked for."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return next(iter(renderers)), "application/json"


class CollectorView(APIView):
    """What all endpoints share: the headers and the preflight."""

    authentication_classes: Any = []
    permission_classes: Any = []
    parser_classes = [CollectorParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OnlyChoice

    @extend_schema(exclude=True)
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        methods = ", ".join(self.allowed_methods)
        return Response(headers={**PREFLIGHT_HEADERS, "Access-Control-Allow-Methods": methods})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(request, response, *args, **kwargs)
        for name, value in HEADERS.items():
            answer[name] = value
        return answer


class ReceiveView(CollectorView):
    """Takes one item or an array of them; `kind` says of which kind."""

    authentication_classes: Any = [CollectorAuthentication]
    permission_classes: Any = [HasScope]
    required_scopes: Any = {"POST": Scope.COLLECTOR}
    kind = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "POST":  # a preflight carries no key
            super().initial(request, *args, **kwargs)

    def post(self, request: Request) -> Response:
        now = timezone.now()
        items = self._items(request, now)
        count_items(_key(request), len(items), now)
        records, rejected = self._parse(request, items, now)
        if rejected:
            _log(request, len(items), rejected)
            _note(request, [each["error"] for each in rejected], now)
        if rejected and not records:
            return self.answer_nothing(rejected)
        return self.answer(record(records), rejected)

    def _items(self, request: Request, now: datetime) -> list[Any]:
        """What the body holds. Raises Problem when it cannot be read, which is noted too."""
        try:
            if isinstance(request.data, list):
                return request.data
            raise _no_body(request)
        except Problem as problem:
            _note(request, [str(problem.detail)], now)
            raise

    def answer(self, recorded: Recorded, rejected: list[dict[str, Any]]) -> Response:
        """What the sender is told after the commit."""
        return Response(
            {"accepted": recorded.accepted, "duplicates": recorded.duplicates, "rejected": rejected}, status=201
        )

    def answer_nothing(self, rejected: list[dict[str, Any]]) -> Response:
        """What the sender is told where nothing can be used."""
        raise _nothing_usable(rejected)

    def read(self, request: Request, now: datetime) -> Callable[[Any], Iterable[Record]]:
        """What gives the records of one item, received at `now`, or raises Rejected."""
        parse = PARSERS[self.kind]
        from_browser = request.headers.get("X-Moesif-SDK", "").startswith("moesif-browser")
        return lambda item: (parse(item, now, from_browser=from_browser),)

    def _parse(self, request: Request, items: list[Any], now: datetime) -> tuple[list[Record], list[dict[str, Any]]]:
        read = self.read(request, now)
        records: list[Record] = []
        rejected: list[dict[str, Any]] = []
        for index, item in enumerate(items):
            try:
                records.extend(read(item))
            except Rejected as error:
                rejected.append({"index": index, "error": str(error)})
        return records, rejected


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

    def get(self, request: Request) -> Response:
        return Response(self.content)


@schema.answers("Configuration of the SDKs: nothing is sampled away.", schema.CONFIG)
class Config(Constant):
    content = CONFIG


@schema.answers("Governance rules of the SDKs: there are none.", schema.RULES)
class Rules(Constant):
    content = RULES


@schema.answers("Whether the collector is up.", schema.PROBE)
class Probe(Constant):
    content: Any = {"status": True, "region": "self-hosted"}


def read_body(stream: IO[Any], request: Request) -> bytes:
    """The body of a request, inflated. Raises Problem beyond the limits."""
    headers = request.headers
    return inflate(_read(stream, int(headers["Content-Length"])), headers.get("Content-Encoding", ""))


def _read(stream: IO[Any], length: int) -> bytes:
    if length > MAX_WIRE:
        raise Problem(413, "body_too_large", f"The body is larger than {MAX_WIRE:,} bytes.")
    try:
        body: bytes = stream.read(length)
    except OSError:
        body = b""
    if len(body) < length:
        raise Problem(400, "truncated_body", "The body ends before its Content-Length.")
    return body


def _no_body(request: Request) -> Problem:
    if request.headers.get("Transfer-Encoding"):
        return Problem(411, "length_required", "A Content-Length is required.")
    return Problem(400, "empty_body", "The body is empty: expected a JSON object or an array of them.")


def _nothing_usable(rejected: list[dict[str, Any]]) -> Problem:
    first = rejected[0]["error"]
    detail = f"None of the {len(rejected)} items can be used. The first: {first}" if len(rejected) > 1 else first
    errors = [{"path": f"[{item['index']}]", "message": item["error"]} for item in rejected]
    answer = {"accepted": 0, "duplicates": 0, "rejected": rejected}
    return Problem(400, "nothing_usable", detail, errors, answer)


def _key(request: Request) -> ApiKey:
    """The key that the view lets in."""
    assert isinstance(request.auth, ApiKey)
    return request.auth


def _note(request: Request, reasons: list[str], now: datetime) -> None:
    """Count what was refused, for the administrator."""
    sender = request.headers.get("X-Moesif-SDK") or request.headers.get("User-Agent", "")
    record_rejections(_key(request), request.path, clean(sender), reasons, now)


def _log(request: Request, items: int, rejected: list[dict[str, Any]]) -> None:
    """Tell the administrator; the messages name fields, never values."""
    logger.warning(
        "%s from key %s: %d of %d items rejected, first: [%d] %s",
        request.path, _key(request).pk, len(rejected), items, rejected[0]["index"], rejected[0]["error"],
    )  # fmt: skip
