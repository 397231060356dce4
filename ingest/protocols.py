"""The endpoints of other protocols: Segment and OpenTelemetry. They share all but the form of bodies and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from google.protobuf.json_format import MessageToDict

from ingest import otlp, schema, segment
from ingest.collector import ReceiveView, Refused, answer_json
from ingest.decode import decode_member
from ingest.records import Record

PROTOBUF = "application/x-protobuf"


class SegmentView(ReceiveView):
    """One item of the type; a sender is told that it was read, since some end their process at a 400."""

    type: str | None = None

    def read(self, request: HttpRequest, now: datetime) -> Callable[[Any], Iterable[Record]]:
        return lambda item: segment.read_item(item, now, self.type)

    def answer(self, accepted: int, rejected: Refused) -> HttpResponse:
        return answer_json({"success": not rejected, "accepted": accepted, "rejected": rejected})

    def answer_nothing(self, rejected: Refused) -> HttpResponse:
        return self.answer(0, rejected)


@schema.takes("Segment", "Items of all types under `batch`.", schema.SEGMENT_BATCH)
class SegmentBatch(SegmentView):
    def items(self, request: HttpRequest, body: bytes) -> Iterable[Any]:
        return decode_member(body, "batch")


@schema.takes("Segment", "One item; its type is the last word of the address.", schema.SEGMENT_ITEM)
class SegmentItem(SegmentView):
    pass


@schema.takes("OpenTelemetry", "Traces by OTLP/HTTP: the spans of HTTP servers become API calls.", schema.TRACES)
class Traces(ReceiveView):
    """Protobuf, or JSON where the Content-Type says so; answered in the same form."""

    def items(self, request: HttpRequest, body: bytes) -> Iterable[Any]:
        return otlp.read_json(body) if _is_json(request) else otlp.read_protobuf(body)

    def read(self, request: HttpRequest, now: datetime) -> Callable[[Any], Iterable[Record]]:
        return lambda span: filter(None, (otlp.read_span(span, now),))

    def answer(self, accepted: int, rejected: Refused) -> HttpResponse:
        told = otlp.answer(len(rejected), rejected[0]["error"] if rejected else "")
        if _is_json(self.request):
            return answer_json(MessageToDict(told))
        return HttpResponse(told.SerializeToString(), content_type=PROTOBUF)

    def answer_nothing(self, rejected: Refused) -> HttpResponse:
        return self.answer(0, rejected)


def _is_json(request: HttpRequest) -> bool:
    return (request.content_type or "").startswith("application/json")
