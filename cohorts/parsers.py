"""How the bodies of the management API are read: as strictly as the collector reads an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from ingest.decode import MAX_ITEM, Rejected, decode_item


class StrictJSONParser(BaseParser):
    """JSON of bounded size and depth, without NaN and repeated keys; what cannot be read is a ParseError."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return decode_item(stream.read(MAX_ITEM + 1))
        except Rejected as error:
            raise ParseError(f"The body cannot be read as JSON: {error}") from None
