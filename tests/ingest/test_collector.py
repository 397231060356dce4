"""The endpoints as senders see them: what is accepted, what is refused, and what is stored then."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import subprocess
import sys
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from ingest import collector, decode, keys
from ingest.arrivals import record_arrivals
from ingest.keys import find_key, make_key, revoke_key
from ingest.models import ApiKey, Arrival, Customer, CustomerVersion, Event, Scope, SealQueue
from tests.factories import make_api_key
from tests.ingest.items import action, event, gzipped, send

KINDS = ("events", "actions", "users", "companies", "subscriptions")
POST_PATHS = [f"/v1/{kind}{batch}" for kind in KINDS for batch in ("", "/batch")]
ITEMS = {
    "events": event(user_id="u1"),
    "actions": action(user_id="u1"),
    "users": {"user_id": "u1"},
    "companies": {"company_id": "c1"},
    "subscriptions": {"subscription_id": "s1", "company_id": "c1"},
}


@pytest.mark.parametrize("path", POST_PATHS)
def test_every_endpoint_stores_what_it_is_sent(client, collector_key, path):
    item = ITEMS[path.split("/")[2]]
    answer = send(client, path, [item] if path.endswith("batch") else item, collector_key)
    assert answer.status_code == 201
    assert answer.json() == {"accepted": 1, "rejected": []}
    assert Event.objects.count() + CustomerVersion.objects.count() == 1
    assert Customer.objects.get().external_id in ("u1", "c1")


def test_an_event_is_stored_with_what_criteria_can_ask(client, collector_key):
    sent = event(
        user_id="u1",
        company_id="c1",
        metadata={"plan": "pro", "gone": None},
        request={"headers": {"User-Agent": "curl/8", "Authorization": "Bearer s3cret"}, "ip_address": "203.0.113.9"},
    )
    assert send(client, "/v1/events", sent, collector_key).status_code == 201
    stored = Event.objects.get()
    assert (stored.type, stored.user.external_id, stored.company.external_id, stored.weight) == (
        "api_call",
        "u1",
        "c1",
        1,
    )
    assert stored.time == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert abs(stored.received_at - timezone.now()) < timedelta(minutes=1)
    assert stored.fields == {
        "request": {
            "verb": "GET",
            "uri": "https://api.acme.test/items/42?a=1",
            "route": "/items/:id",
            "ip_address": "203.0.113.9",
            "headers": {"user-agent": "curl/8"},
        },
        "response": {"status": 200},
        "duration_ms": 250,
        "metadata": {"plan": "pro"},
    }
    assert sorted(SealQueue.objects.values_list("source", flat=True)) == ["customer", "customer", "event"]


@pytest.mark.parametrize("path", POST_PATHS)
def test_senders_without_a_live_key_get_401(client, db, path):
    now = timezone.now()
    revoked, revoked_text = make_key("revoked", [Scope.COLLECTOR], now)
    revoke_key(revoked, now)
    _, expired = make_key("expired", [Scope.COLLECTOR], now, expires_at=now)
    _, good = make_key("good", [Scope.COLLECTOR], now)
    mistyped = good[:-1] + ("a" if good[-1] != "a" else "b")
    for key in (None, "", "x" * 60, mistyped, revoked_text, expired):
        answer = send(client, path, ITEMS[path.split("/")[2]], key)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Bearer")
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] in ("not_authenticated", "authentication_failed")
    assert not Customer.objects.exists()


def test_a_key_without_the_collector_scope_gets_403(client, db):
    answer = send(client, "/v1/events", event(), make_api_key(Scope.READ, Scope.WRITE, Scope.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_two_live_keys_serve_while_one_replaces_the_other(client, db):
    now = timezone.now()
    old, old_text = make_key("old", [Scope.COLLECTOR], now)
    _, new_text = make_key("new", [Scope.COLLECTOR], now)
    assert send(client, "/v1/users", {"user_id": "a"}, old_text).status_code == 201
    assert send(client, "/v1/users", {"user_id": "b"}, new_text).status_code == 201
    revoke_key(old, now)
    assert send(client, "/v1/users", {"user_id": "c"}, old_text).status_code == 401
    assert send(client, "/v1/users", {"user_id": "d"}, new_text).status_code == 201


@pytest.mark.parametrize("form", ["basic", "bearer"])
def test_the_key_may_come_as_basic_user_or_bearer_token(client, collector_key, form):
    credentials = {"basic": "Basic " + base64.b64encode(f"{collector_key}:".encode()).decode()}
    header = credentials.get(form, f"Bearer {collector_key}")
    assert send(client, "/v1/users", {"user_id": "a"}, None, Authorization=header).status_code == 201
    assert send(client, "/v1/users", {"user_id": "a"}, None, Authorization=header[:-8]).status_code == 401


def test_unreadable_basic_credentials_get_401(client, db):
    assert send(client, "/v1/users", {"user_id": "a"}, None, Authorization="Basic %%%").status_code == 401


@pytest.mark.parametrize("encoding", ["gzip", None])
def test_gzip_is_read_by_header_and_by_magic_bytes(client, collector_key, encoding):
    headers = {"Content_Encoding": encoding} if encoding else {}
    answer = send(
        client, "/v1/events/batch", gzipped([event(user_id="u1"), event(user_id="u2")]), collector_key, **headers
    )
    assert answer.json() == {"accepted": 2, "rejected": []}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"]
)
def test_the_content_type_does_not_matter(client, collector_key, content_type):
    body = gzipped({"user_id": "u1"})
    headers = {"X-Moesif-Application-Id": collector_key}
    answer = client.post("/v1/users", body, content_type=content_type, headers=headers)
    assert answer.status_code == 201


def test_one_bad_item_never_costs_the_good_ones(client, collector_key):
    good = json.dumps(event(user_id="u1"))
    bad = [
        '{"request": {"time": "2026-03-02T11:00:00Z", "uri": "/", "verb": "GET"}, "metadata": {"n": NaN}}',
        good.replace('"u1"', '"u2", "user_id": "u3"'),
        "17",
        json.dumps(event(metadata="text")),
        json.dumps(event(request={"time": "yesterday"})),
        good.replace('"u1"', '"\\u0000"'),
        '{"request": ' + "[" * 5000 + "]" * 5000 + "}",
        json.dumps(event(metadata={"n": 2**53 + 1})),
    ]
    body = (
        "["
        + ",".join(
            part for pair in zip(bad, [good.replace("u1", f"g{i}") for i in range(8)], strict=True) for part in pair
        )
        + "]"
    ).encode()
    body = body.replace(b'"g7"', b'"g7", "session_token": "\xff"')
    answer = send(client, "/v1/events/batch", body, collector_key)
    assert answer.status_code == 201
    assert answer.json()["accepted"] == 7
    assert [item["index"] for item in answer.json()["rejected"]] == [0, 2, 4, 6, 8, 10, 12, 14, 15]
    for item, expected in zip(
        answer.json()["rejected"],
        [
            "NaN",
            '"user_id" is given twice',
            "expected an object",
            "metadata: expected an object",
            "request.time: expected",
            "user_id: expected no control",
            "nested at most 32",
            "metadata.n: expected an integer within 2^53",
            "UTF-8",
        ],
        strict=True,
    ):
        assert expected in item["error"]
    assert set(Customer.objects.values_list("external_id", flat=True)) == {f"g{i}" for i in range(7)}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b"  ", "empty_body"),
        (b"hello", "invalid_json"),
        (b'"text"', "invalid_json"),
        (b"[{}", "invalid_json"),
        (b'[{"a": "b}]', "invalid_json"),
        (b"[{}]]", "invalid_json"),
        (b"[1] 2", "invalid_json"),
        (b'{"request": ', "nothing_usable"),
        ("{}".encode("utf-16"), "invalid_json"),
        (b"{}", "nothing_usable"),
        (b"[{}, 1, null]", "nothing_usable"),
        (b"[NaN]", "nothing_usable"),
        (b"[" * 100_000, "invalid_json"),
        (b"\x1f\x8b\x08", "truncated_gzip"),
        (gzipped([{}])[:-4], "truncated_gzip"),
        (gzipped([{}])[:-8] + b"\0" * 8, "invalid_gzip"),
        (gzipped([{}]) * 2, "invalid_gzip"),
        (b"\x1f\x8bnonsense", "invalid_gzip"),
    ],
)
def test_a_body_that_cannot_be_used_at_all_gets_400(client, collector_key, body, code):
    answer = send(client, "/v1/events/batch", body, collector_key)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_what_cannot_be_used_is_named_field_by_field(client, collector_key):
    answer = send(client, "/v1/users/batch", [{}, {"user_id": 1.5}], collector_key)
    assert answer.json()["rejected"] == [
        {"index": 0, "error": "user_id: expected a text of 1 to 200 characters"},
        {"index": 1, "error": "user_id: expected a text, not a number"},
    ]
    assert answer.json()["errors"][1] == {"path": "[1]", "message": "user_id: expected a text, not a number"}


def test_a_header_that_promises_gzip_and_does_not_keep_it_gets_400(client, collector_key):
    answer = send(client, "/v1/events", b"not gzip", collector_key, Content_Encoding="gzip")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_other_encodings_get_415(client, collector_key, encoding):
    answer = send(client, "/v1/events", b"{}", collector_key, Content_Encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_encoding")


def test_a_body_over_the_limit_on_the_wire_gets_413(client, collector_key):
    answer = send(client, "/v1/events/batch", b" " * (decode.MAX_WIRE + 1), collector_key)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_gzip_bomb_gets_413(client, collector_key):
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(compressor.compress(b" " * 1_000_000) for _ in range(100)) + compressor.flush()
    assert len(bomb) < 200_000
    answer = send(client, "/v1/events/batch", bomb, collector_key)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_more_values_than_memory_should_bear_get_413(client, collector_key):
    answer = send(
        client, "/v1/events/batch", zlib.compress(b"[" + b"{}," * 3_000_000 + b"{}]", wbits=31), collector_key
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_batch_above_djangos_own_limit_is_taken(client, collector_key):
    events = [event(user_id="u1", metadata={"n": n, "text": "x" * 90_000}) for n in range(50)]
    assert send(client, "/v1/events/batch", events, collector_key).json()["accepted"] == 50


def test_an_event_over_one_megabyte_is_rejected_alone(client, collector_key):
    events = [event(user_id="u1", metadata={"text": "x" * 1_000_000}), event(user_id="u2")]
    answer = send(client, "/v1/events/batch", events, collector_key)
    assert answer.json()["accepted"] == 1
    assert "expected at most 1,000,000 bytes" in answer.json()["rejected"][0]["error"]


@pytest.mark.django_db(transaction=True)
def test_a_body_cut_off_on_the_way_gets_400(live_server):
    key = make_api_key(Scope.COLLECTOR)
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nX-Moesif-Application-Id: {key}\r\nContent-Length: 10\r\n\r\n"
    )
    with socket.create_connection((live_server.thread.host, live_server.thread.port), timeout=10) as connection:
        connection.sendall(head.encode() + b"{}")
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert b" 400 " in answer.splitlines()[0]
    assert b'"truncated_body"' in answer


def test_a_body_of_unknown_length_gets_411(client, collector_key):
    headers = {"X-Moesif-Application-Id": collector_key, "Transfer-Encoding": "chunked"}
    answer = client.post("/v1/events", content_type="application/json", headers=headers, CONTENT_LENGTH="")
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_an_empty_batch_is_fine(client, collector_key):
    answer = send(client, "/v1/events/batch", [], collector_key)
    assert (answer.status_code, answer.json()["accepted"]) == (201, 0)


def test_the_first_of_the_same_transaction_wins(client, collector_key):
    first = event(transaction_id="t1", user_id="u1", metadata={"n": 1})
    second = event(transaction_id="t1", user_id="u1", metadata={"n": 2})
    assert send(client, "/v1/events/batch", [first, second], collector_key).json()["accepted"] == 2
    assert send(client, "/v1/actions", action(transaction_id="t1", user_id="u1"), collector_key).status_code == 201
    assert Event.objects.get().fields["metadata"] == {"n": 1}
    assert SealQueue.objects.filter(source="event").count() == 1


def test_ids_that_stand_for_nobody_are_refused_from_the_browser_alone(client, collector_key):
    item = {"user_id": "undefined"}
    assert send(client, "/v1/users", item, collector_key, X_Moesif_SDK="moesif-browser-js/1.8.13").status_code == 400
    assert send(client, "/v1/users", item, collector_key).status_code == 201


@pytest.mark.parametrize("key", [None, "unknown"])
@pytest.mark.parametrize("path", ["/v1/config", "/v1/rules", "/health/probe"])
def test_config_rules_and_probe_answer_anybody_without_touching_the_database(client, path, key):
    answer = client.get(path, headers={"X-Moesif-Application-Id": key} if key else {})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    expected = {
        "/v1/config": {
            "sample_rate": 100,
            "user_sample_rate": {},
            "company_sample_rate": {},
            "user_rules": {},
            "company_rules": {},
            "regex_config": [],
        },
        "/v1/rules": [],
    }
    if path in expected:
        assert answer.json() == expected[path]
    else:
        assert answer.json()["status"] is True


def test_tags_are_the_same_in_every_answer(client, collector_key):
    answers = [
        client.get("/v1/config"),
        send(client, "/v1/events", event(), collector_key),
        send(client, "/v1/events", b"", collector_key),
    ]
    assert len({(a["X-Moesif-Config-ETag"], a["X-Moesif-Rules-Tag"]) for a in answers}) == 1


@pytest.mark.parametrize("path", [*POST_PATHS, "/v1/config", "/v1/rules", "/health/probe"])
def test_browsers_are_let_through_from_any_origin(client, path):
    answer = client.options(path, headers={"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "*"
    allowed = answer["Access-Control-Allow-Headers"].split(",")
    assert {"content-type", "x-moesif-application-id", "x-moesif-sdk"} <= set(allowed)
    assert ("POST" if path in POST_PATHS else "GET") in answer["Access-Control-Allow-Methods"]


def test_the_answer_to_a_browser_says_that_it_may_read_it(client, collector_key):
    assert send(client, "/v1/events", event(), collector_key)["Access-Control-Allow-Origin"] == "*"
    assert send(client, "/v1/events", event(), None)["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_another_method_gets_405(client, db, method):
    answer = getattr(client, method)("/v1/events")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_a_trailing_slash_is_another_address_and_never_a_redirect(client, collector_key):
    assert send(client, "/v1/events/", event(), collector_key).status_code == 404


def test_a_database_out_of_reach_gets_503_and_a_time_to_try_again(client, collector_key, monkeypatch):
    def refuse(packed, now):
        raise OperationalError("database is locked")

    monkeypatch.setattr(collector, "accept", refuse)
    answer = send(client, "/v1/events", event(), collector_key)
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "5", "unavailable")


def test_what_nobody_foresaw_is_logged_and_told_without_details(client, collector_key, monkeypatch, caplog):
    def fail(packed, now):
        raise RuntimeError("canary")

    monkeypatch.setattr(collector, "accept", fail)
    with caplog.at_level(logging.ERROR):
        answer = send(client, "/v1/events", event(), collector_key)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "canary" not in answer.content.decode()
    assert "canary" in caplog.text


def test_rejected_items_are_logged_by_key_without_their_values(client, collector_key, caplog):
    send(client, "/v1/users/batch", [{"user_id": "u1"}, {"user_id": ["canary"]}], collector_key)
    assert find_key(collector_key, timezone.now()).pk in caplog.text
    assert "1 of 2 items rejected, first: [1] user_id: expected a text" in caplog.text
    assert "canary" not in caplog.text
    assert collector_key not in caplog.text


def test_secrets_are_never_stored(client, collector_key, settings):
    """Not even in the inbox."""
    settings.KEPT_BODY_PATHS, settings.DROPPED_BODY_PATHS = ["request.body.order"], ["request.body.order.card"]
    headers = dict.fromkeys(("Authorization", "COOKIE", "x-api-key", "Proxy-Authorization", "X-Auth-Token"), "canary")
    sent = event(
        user_id="u1",
        request={"headers": headers, "body": {"password": "canary", "order": {"card": "canary", "amount": 5}}},
        response={"headers": {"Set-Cookie": ["canary"]}, "body": {"token": "canary"}},
    )
    key = {"X-Moesif-Application-Id": collector_key}
    assert client.post("/v1/events", json.dumps(sent), content_type="application/json", headers=key).status_code == 201
    assert b"canary" not in bytes(Arrival.objects.get().content)
    record_arrivals()
    stored = Event.objects.get().fields
    assert stored["request"]["body"] == {"order": {"amount": 5}}
    assert "canary" not in json.dumps(stored)


@contextmanager
def locked_inbox():
    """Somebody else holds the inbox for as long as the block lasts."""
    other = connection.copy()
    with connection.cursor() as cursor, other.cursor() as rival:
        if connection.vendor == "postgresql":
            cursor.execute("SET lock_timeout = '200ms'")
            rival.execute("BEGIN")
            rival.execute("LOCK TABLE ingest_arrival IN ACCESS EXCLUSIVE MODE")
        else:
            cursor.execute("PRAGMA busy_timeout = 200")
            rival.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_lasts_too_long_gets_503_and_nothing_is_stored(client):
    key = make_api_key(Scope.COLLECTOR)
    ApiKey.objects.update(last_used_at=timezone.now())
    with locked_inbox():
        answer = send(client, "/v1/events", event(user_id="u1"), key)
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "5", "unavailable")
    assert send(client, "/v1/events", event(user_id="u1"), key).json()["accepted"] == 1


def test_a_database_that_is_away_gets_503(tmp_path):
    """A site of its own, with an address at which no server listens."""
    code = """
import django
django.setup()
from django.test import Client
headers = {"X-Moesif-Application-Id": "%s"}
client = Client(raise_request_exception=False)
for path in ("/v1/events", "/v1/batch", "/v1/traces"):
    answer = client.post(path, b"[]", content_type="application/json", headers=headers)
    print(answer.status_code, answer.get("Retry-After"))
print(client.get("/v1/config").status_code)
"""
    body = f"ck_live_{'a' * 8}_{'b' * 43}"
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "cohortsite.settings", "DATA_DIR": str(tmp_path),
           "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "ALLOWED_HOSTS": "testserver"}  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", code % (body + keys._checksum(body))],
        env=env, capture_output=True, text=True, timeout=120, cwd=settings.BASE_DIR,
    )  # fmt: skip
    assert run.stdout.splitlines() == ["503 5"] * 3 + ["200"]
