"""The endpoints of other protocols: Segment and OpenTelemetry. They share all but the form of bodies and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import IO, Any

from google.protobuf.json_format import MessageToDict
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from ingest import otlp, schema, segment
from ingest.collector import CollectorParser, ReceiveView, read_body
from ingest.decode import decode_member
from ingest.parse import Record
from ingest.record import Recorded

PROTOBUF = "application/x-protobuf"


class BatchParser(BaseParser):
    """The items under `batch`, whatever the Content-Type says."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """A list of items, of which unreadable ones are Rejected. Raises Problem."""
        return decode_member(read_body(stream, parser_context["request"]), "batch")


class SegmentView(ReceiveView):
    """One item of the type; a sender is told that it was read, since some end their process at a 400."""

    type: str | None = None
    parser_classes = [CollectorParser]

    def read(self, request: Request, now: datetime) -> Callable[[Any], Iterable[Record]]:
        return lambda item: segment.read_item(item, now, self.type)

    def answer(self, recorded: Recorded, rejected: list[dict[str, Any]]) -> Response:
        told = {"accepted": recorded.accepted, "duplicates": recorded.duplicates, "rejected": rejected}
        return Response({"success": not rejected, **told})

    def answer_nothing(self, rejected: list[dict[str, Any]]) -> Response:
        return self.answer(Recorded(0, 0), rejected)


@schema.takes("Segment", "Items of all types under `batch`.", schema.SEGMENT_BATCH)
class SegmentBatch(SegmentView):
    parser_classes = [BatchParser]


@schema.takes("Segment", "One item; its type is the last word of the address.", schema.SEGMENT_ITEM)
class SegmentItem(SegmentView):
    pass


class TracesParser(BaseParser):
    """OTLP as protobuf, or as JSON where the Content-Type says so."""

    media_type = PROTOBUF

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """A list of the spans of servers, of which unreadable ones are Rejected. Raises Problem."""
        request = parser_context["request"]
        body = read_body(stream, request)
        return otlp.read_json(body) if _is_json(request) else otlp.read_protobuf(body)


class ProtobufRenderer(BaseRenderer):
    """Bytes as they are; a problem as JSON."""

    media_type = PROTOBUF
    format = "protobuf"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> Any:
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


@schema.takes("OpenTelemetry", "Traces by OTLP/HTTP: the spans of HTTP servers become API calls.", schema.TRACES)
class Traces(ReceiveView):
    parser_classes = [TracesParser]
    renderer_classes = [ProtobufRenderer]

    def read(self, request: Request, now: datetime) -> Callable[[Any], Iterable[Record]]:
        return lambda span: filter(None, (otlp.read_span(span, now),))

    def answer(self, recorded: Recorded, rejected: list[dict[str, Any]]) -> Response:
        told = otlp.answer(len(rejected), rejected[0]["error"] if rejected else "")
        if _is_json(self.request):
            return Response(MessageToDict(told), content_type="application/json")
        return Response(told.SerializeToString(), content_type=PROTOBUF)

    def answer_nothing(self, rejected: list[dict[str, Any]]) -> Response:
        return self.answer(Recorded(0, 0), rejected)


def _is_json(request: Any) -> bool:
    return str(request.content_type or "").startswith("application/json")
