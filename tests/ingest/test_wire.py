"""Requests recorded from the published Moesif clients, sent again byte by byte (tests/ingest/wire)."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest

from ingest.arrivals import record_arrivals
from ingest.models import Customer, CustomerVersion, Event

EVENTS = ("/v1/events", "/v1/actions")
WIRE = Path(__file__).parent / "wire"
REQUESTS = [
    pytest.param(json.loads(line), id=f"{file.stem}-{number}")
    for file in sorted(WIRE.glob("*.jsonl"))
    for number, line in enumerate(file.read_text().splitlines())
]


def replay(client, recorded: dict, key: str):
    headers = {**recorded["headers"], "X-Moesif-Application-Id": key}
    content_type = headers.pop("content-type", headers.pop("Content-Type", ""))
    body = base64.b64decode(recorded["body"])
    answer = client.generic(recorded["method"], recorded["path"], body, content_type, headers=headers)
    record_arrivals()
    return answer


def items_of(recorded: dict) -> list[dict]:
    body = base64.b64decode(recorded["body"])
    value = json.loads(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("recorded", REQUESTS)
def test_every_recorded_request_is_answered_as_the_client_needs(client, collector_key, recorded):
    answer = replay(client, recorded, collector_key)
    if recorded["method"] != "POST":
        assert answer.status_code == 200
        return
    items = items_of(recorded)
    assert answer.status_code == 201
    assert answer.json() == {"accepted": len(items), "rejected": []}
    stored = Event.objects.count()
    assert replay(client, recorded, collector_key).json()["accepted"] == len(items)
    assert Event.objects.count() == stored == (len(items) if recorded["path"].startswith(EVENTS) else 0)


def test_what_the_clients_sent_is_what_is_stored(client, collector_key):
    recorded = [parameter.values[0] for parameter in REQUESTS]
    posted = [request for request in recorded if request["method"] == "POST"]
    for request in posted:
        replay(client, request, collector_key)
    by_id = {event.fields["transaction_id"]: event for event in Event.objects.all() if "transaction_id" in event.fields}
    sent = [item for request in posted if "/events" in request["path"] for item in items_of(request)]
    assert len(sent) > 15
    for item in sent:
        headers = {name.lower(): value for name, value in (item["request"].get("headers") or {}).items()}
        stored = by_id[item.get("transaction_id") or headers["x-moesif-transaction-id"]]
        assert stored.fields["request"]["uri"] == item["request"]["uri"]
        assert stored.fields["response"]["status"] == item["response"]["status"]
        assert (stored.user and stored.user.external_id) == item.get("user_id")
        assert stored.fields.get("metadata") == item.get("metadata")
    assert not {"authorization", "cookie"} & {
        name for event in by_id.values() for name in event.fields["request"].get("headers", {})
    }
    actions = [item for request in posted if "/actions" in request["path"] for item in items_of(request)]
    assert Event.objects.filter(type="action").count() == len(actions)


def test_the_profile_that_moesifapi_sends_is_stored_whole(client, collector_key):
    posted = [json.loads(line) for line in (WIRE / "moesifapi_py.jsonl").read_text().splitlines()]
    for request in posted:
        if request["path"] in ("/v1/users", "/v1/companies"):
            replay(client, request, collector_key)
    user = Customer.objects.get(kind="user", external_id="12345")
    assert (user.email, user.company.external_id) == ("john@acme.com", "67890")
    assert user.profile["metadata"]["sales_info"] == {"stage": "Customer", "lifetime_value": 24000}
    assert user.profile["campaign"]["gclid"] == "g1"
    assert user.company.profile["company_domain"] == "acmeinc.com"
    assert CustomerVersion.objects.filter(customer=user).count() == 1
