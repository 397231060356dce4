"""Items as clients send them, with as little as they need."""

from __future__ import annotations

import gzip
import json
from typing import Any

from ingest.arrivals import record_arrivals


def event(**values: Any) -> dict[str, Any]:
    """An API call on the wire; `request` and `response` add to what stands there."""
    request = {"time": "2026-03-02T11:00:00Z", "verb": "GET", "uri": "https://api.acme.test/items/42?a=1"}
    response = {"time": "2026-03-02T11:00:00.250Z", "status": 200}
    request |= values.pop("request", {})
    response |= values.pop("response", {})
    return {"request": request, "response": response, **values}


def action(**values: Any) -> dict[str, Any]:
    return {"action_name": "Clicked", "request": {"time": "2026-03-02T11:00:00Z"}, **values}


def send(client: Any, path: str, body: Any, key: str | None, **headers: Any) -> Any:
    """POST as a client does, and record what was accepted: JSON unless bytes are given; `headers` by name with
    underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named["X-Moesif-Application-Id"] = key
    answer = client.post(path, content, content_type="application/json; charset=utf-8", headers=named)
    if answer.status_code < 300:
        record_arrivals()
    return answer


def gzipped(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode(), mtime=0)  # the same bytes at any time: names of tests hold them
