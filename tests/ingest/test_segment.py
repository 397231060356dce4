"""What Segment items become, and how bad ones are refused."""

from __future__ import annotations

import base64
import json

import pytest

from ingest.decode import Rejected
from ingest.models import Customer, Event
from ingest.segment import read_item
from tests.ingest.items import send


def track(**values) -> dict:
    return {"type": "track", "userId": "u1", "event": "Clicked", "messageId": "m1", **values}


def post(client, key, path, body):
    basic = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
    return send(client, path, body, None, Authorization=basic)


def test_one_bad_item_of_a_batch_costs_no_other(client, collector_key):
    items = [json.dumps(track()), json.dumps(track(messageId="m2")).replace('"m2"', '"m2", "properties": {"n": NaN}')]
    items += [json.dumps(each) for each in (track(), {"type": "nonsense"}, track(event=None, messageId="m3"))]
    body = ('{"writeKey": "x", "batch": [' + ", ".join(items) + '], "sentAt": "2026-03-02T11:00:00Z"}').encode()
    answer = post(client, collector_key, "/v1/batch", body)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["success"], told["accepted"], Event.objects.count()) == (False, 2, 1)
    assert [each["index"] for each in told["rejected"]] == [1, 3, 4]
    assert "NaN" in told["rejected"][0]["error"]
    assert told["rejected"][1]["error"].startswith("type: expected one of")
    assert told["rejected"][2]["error"] == "event: expected a text"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"batch": {}}', b'{"batch": [', b"\x1f\x8bx", b'{"batch" [1]}'])
def test_a_body_without_a_batch_gets_400(client, collector_key, body):
    assert post(client, collector_key, "/v1/batch", body).status_code == 400


def test_single_items_take_their_type_from_the_address(client, collector_key):
    assert post(client, collector_key, "/v1/identify", {"userId": "u1", "traits": {"plan": "pro"}}).status_code == 200
    assert post(client, collector_key, "/v1/group", {"userId": "u1", "groupId": "c1"}).json()["accepted"] == 2
    assert post(client, collector_key, "/v1/page", {"anonymousId": "a1", "name": "Home"}).status_code == 200
    assert post(client, collector_key, "/v1/alias", {"userId": "u1", "previousId": "a1"}).status_code == 200
    user = Customer.objects.get(external_id="u1")
    assert (user.profile["metadata"], user.company.external_id) == ({"plan": "pro"}, "c1")
    page = Event.objects.get()
    assert (page.fields["action_name"], page.fields["metadata"]) == ("Viewed Page", {"name": "Home"})
    assert page.user.merged_into == user
    assert post(client, None, "/v1/track", track()).status_code == 401


def test_the_context_tells_of_campaign_address_and_page(now):
    context = {"ip": "203.0.113.9", "userAgent": "curl/8", "page": {"url": "/pricing"}, "groupId": "c1",
               "campaign": {"source": "ads", "name": "spring"}}  # fmt: skip
    [event] = read_item(track(context=context, timestamp="2026-03-02T11:00:00+01:00"), now)
    assert (event.time.hour, event.company_id, event.fields["request"]["route"]) == (10, "c1", "/pricing")
    assert event.fields["request"]["headers"] == {"user-agent": "curl/8"}
    [user] = read_item({"type": "identify", "anonymousId": "a1", "context": context}, now)
    assert user.patch["campaign"] == {"utm_source": "ads", "utm_campaign": "spring"}
    assert (user.external_id, user.anonymous) == ("a1", True)


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (7, ""),
        ({"type": []}, "type"),
        (track(userId=["x"]), "userId"),
        (track(event=""), "event"),
        (track(properties=[1]), "properties"),
        (track(properties={"n": 2**60}), "properties.n"),
        (track(timestamp="soon"), "timestamp"),
        (track(context=5), "context"),
        (track(context={"page": 5}), "context.page"),
        ({"type": "identify", "userId": "u", "traits": "x"}, "traits"),
        ({"type": "identify"}, "userId"),
        ({"type": "group", "userId": "u"}, "groupId"),
        ({"type": "alias", "userId": "u"}, "previousId"),
    ],
)
def test_what_cannot_be_used_is_told_by_the_senders_names(item, path, now):
    with pytest.raises(Rejected) as refused:
        read_item(item, now)
    assert str(refused.value).partition(":")[0] == path or (path == "" and "expected an object" in str(refused.value))
