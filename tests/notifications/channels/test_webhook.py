"""Webhooks against a real receiver: the signature, what counts as success, and bounds of time and size."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
import svix.webhooks as svix
from standardwebhooks import Webhook, WebhookVerificationError

from notifications.channels import CHANNELS
from notifications.channels import http as outbound
from notifications.channels.base import DeliveryError, Letter
from notifications.channels.webhook import MASK, WebhookForm, new_secret
from tests.notifications.messages import BATCH, HOSTILE, entry, message
from tests.receivers import Answer, http_receiver

webhook = CHANNELS["webhook"]
LETTER = Letter(BATCH, '{"name":"Grüße 🎉"}')


@pytest.fixture
def config(receiver):
    return {"url": receiver.url, "secret": new_secret()}


def failure(config, letter=LETTER):
    with pytest.raises(DeliveryError) as caught:
        webhook.send(config, letter)
    return caught.value.outcome


def test_the_published_library_accepts_the_signature(receiver, config):
    outcome = webhook.send(config, LETTER)
    assert (outcome.succeeded, outcome.status) == (True, "200")
    [request] = receiver.requests
    assert request.verified(config["secret"]) == {"name": "Grüße 🎉"}
    assert request.body == LETTER.content.encode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("cohortsite/")
    assert request.headers["webhook-id"] == BATCH
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 5


def test_the_library_refuses_another_secret_and_other_bytes(receiver, config):
    webhook.send(config, LETTER)
    [request] = receiver.requests
    with pytest.raises(WebhookVerificationError):
        request.verified(new_secret())
    with pytest.raises(WebhookVerificationError):
        Webhook(config["secret"]).verify(request.body + b" ", request.headers)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_arrive_as_they_are(receiver, config, name):
    content = webhook.write(message(entry(name)))
    webhook.send(config, Letter(BATCH, content))
    body = receiver.requests[0].verified(config["secret"])
    assert body["added"][0]["name"] == name


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_only_2xx_is_success(receiver, config, status):
    receiver.always = Answer(status)
    assert webhook.send(config, LETTER).status == str(status)


@pytest.mark.parametrize(
    ("status", "permanent"), [(400, False), (401, False), (404, False), (410, True), (429, False), (500, False)]
)
def test_any_other_status_is_a_failure_and_only_410_is_for_good(receiver, config, status, permanent):
    receiver.always = Answer(status, "because")
    outcome = failure(config)
    assert (outcome.status, outcome.permanent, outcome.answer) == (str(status), permanent, "because")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_failures_and_are_not_followed(receiver, config, status):
    with http_receiver() as inside:
        receiver.always = Answer(status, headers={"Location": inside.url})
        assert "redirects are not followed" in failure(config).error
        assert inside.requests == []


def test_retry_after_is_read_in_seconds_and_as_a_date(receiver, config):
    receiver.answers.append(Answer(503, headers={"Retry-After": "120"}))
    assert failure(config).retry_after == 120
    receiver.answers.append(Answer(503, headers={"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}))
    assert failure(config).retry_after == 0
    receiver.answers.append(Answer(503, headers={"Retry-After": "soon"}))
    assert failure(config).retry_after is None


def test_of_a_large_answer_the_start_is_kept(receiver, config):
    receiver.always = Answer(200, "x" * 3_000_000)
    assert webhook.send(config, LETTER).answer == "x" * 2048


def test_an_answer_may_hold_anything(receiver, config):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x00\xff!")

    receiver.always = answer
    assert webhook.send(config, LETTER).answer == "\ufffd\ufffd!"


def drip_headers(handler):
    while True:
        handler.wfile.write(b"X")
        time.sleep(0.1)


def hang(handler):
    time.sleep(2)


def drip_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    drip_headers(handler)


@pytest.mark.parametrize("behavior", [drip_headers, hang])
def test_a_slow_receiver_is_cut_off_at_the_deadline(receiver, config, monkeypatch, behavior):
    monkeypatch.setattr(outbound, "READ", 1.0)
    monkeypatch.setattr("notifications.channels.call.TOTAL", 0.5)
    receiver.always = behavior
    started = time.monotonic()
    outcome = failure(config)
    assert time.monotonic() - started < 1.5
    assert not outcome.permanent
    assert (outcome.status, outcome.error) == ("timeout", "no whole answer within 0.5 s")


def test_a_status_counts_also_when_the_body_never_ends(receiver, config, monkeypatch):
    monkeypatch.setattr("notifications.channels.call.TOTAL", 0.5)
    receiver.always = drip_body
    started = time.monotonic()
    assert webhook.send(config, LETTER).succeeded
    assert time.monotonic() - started < 1.5


def test_a_receiver_that_says_nothing_is_given_up_after_the_read_timeout(receiver, config, monkeypatch):
    monkeypatch.setattr(outbound, "READ", 0.3)
    receiver.always = hang
    assert failure(config).error == "no answer within 0.3 s"


def test_a_refused_connection_says_so(settings, config):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = failure({**config, "url": f"http://127.0.0.1:{port}/token-123"})
    assert outcome.error == "the connection was refused or the host is unreachable"
    assert not outcome.permanent


def test_an_unknown_host_says_so(config):
    assert failure({**config, "url": "http://nowhere.invalid/token-123"}).error == "the host name was not found"


def test_a_receiver_without_tls_fails_as_tls(receiver, config):
    outcome = failure({**config, "url": receiver.url.replace("http://", "https://")})
    assert (outcome.status, "TLS" in outcome.error) == ("TLS", True)
    assert receiver.requests == []


def test_proxies_of_the_environment_are_not_used(receiver, config, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert webhook.send(config, LETTER).succeeded


def test_an_address_that_is_not_allowed_any_more_is_not_posted_to(receiver, config, settings):
    settings.ALLOW_HTTP_WEBHOOKS = False
    outcome = failure(config)
    assert (outcome.permanent, receiver.requests) == (True, [])


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "http://example.com/hook",
        "ftp://example.com",
        "https://",
        "https://user:password@example.com/",
        "https://token@example.com/",
        "https://example.com/#part",
        "https://example.com/a b",
        "https://example.com\\@evil.example/",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://[::1/",
        "https://example.com/" + "x" * 2048,
        "https://example.com/\u0000",
        "javascript:alert(1)",
    ],
)
def test_the_form_refuses_what_could_not_be_sent(url):
    form = WebhookForm({"url": url})
    assert not form.is_valid()
    assert list(form.errors) == ["url"]


def test_a_secret_is_made_once_and_stays(db):
    form = WebhookForm({"url": "https://example.com/hook"})
    assert form.is_valid()
    made = form.config()
    assert webhook.shown_once(made) == {"secret": made["secret"]}
    assert len(made["secret"]) == len("whsec_") + 44
    edit = WebhookForm({"url": "https://example.com/other"}, stored=made)
    assert edit.is_valid()
    assert edit.config() == {"url": "https://example.com/other", "secret": made["secret"]}
    assert WebhookForm({"url": "https://example.com/hook"}).is_valid()
    assert new_secret() != new_secret()


def test_what_is_shown_holds_no_secret():
    config = {"url": "https://hooks.example.com:8443/catch/token-123?key=456", "secret": "whsec_789"}
    assert webhook.summary(config) == "https://hooks.example.com:8443/…"
    assert webhook.visible(config) == {"url": config["url"]}


# --- Rotation


def test_for_a_day_both_secrets_verify_with_either_library(receiver, config):
    old, now = config["secret"], datetime.now(UTC)
    rotated = webhook.rotate(config, now)
    webhook.send(rotated, LETTER)
    [request] = receiver.requests
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, rotated["secret"]):
        assert Webhook(secret).verify(request.body, request.headers)
        svix.Webhook(secret).verify(request.body, request.headers)
    with pytest.raises(svix.WebhookVerificationError):
        svix.Webhook(new_secret()).verify(request.body, request.headers)


def test_after_a_day_the_old_secret_signs_no_more(receiver, config):
    old = config["secret"]
    rotated = webhook.rotate(config, datetime.now(UTC) - timedelta(hours=24, seconds=1))
    webhook.send(rotated, LETTER)
    [request] = receiver.requests
    assert request.verified(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        request.verified(old)


def test_a_secret_changed_twice_within_a_day_keeps_both_before_it(config):
    now = datetime.now(UTC)
    twice = webhook.rotate(webhook.rotate(config, now), now)
    assert twice["retired"][0][0] == config["secret"]
    often = config
    for _ in range(9):
        often = webhook.rotate(often, now)
    assert len(often["retired"]) == 3
    assert webhook.visible(often) == {"url": config["url"]}


# --- Headers of one's own


def cleaned(headers, stored=None, url="https://example.com/hook"):
    form = WebhookForm({"url": url, "headers": headers}, stored=stored)
    assert form.is_valid(), form.errors
    return form.config()


def test_headers_are_sent_and_cannot_replace_ours(receiver, config):
    webhook.send({**config, "headers": {"Authorization": "Bearer canary", "X-Team": "growth"}}, LETTER)
    [request] = receiver.requests
    assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer canary", "growth")
    assert request.verified(config["secret"])


def test_headers_are_given_as_lines_or_as_an_object_and_shown_masked():
    made = cleaned("Authorization: Bearer a:b\n\nX-Team:growth")
    assert made["headers"] == {"Authorization": "Bearer a:b", "X-Team": "growth"}
    assert cleaned({"X-Team": "growth"})["headers"] == {"X-Team": "growth"}
    assert webhook.visible(made)["headers"] == {"Authorization": MASK, "X-Team": MASK}
    assert "Bearer a:b" not in WebhookForm(stored=made).as_p()


def test_a_masked_value_stays_a_missing_line_goes_and_another_host_gets_nothing():
    made = cleaned("Authorization: Bearer a\nX-Team: growth")
    assert cleaned(f"Authorization: {MASK}", made)["headers"] == {"Authorization": "Bearer a"}
    assert "headers" not in cleaned("", made)
    elsewhere = WebhookForm({"url": "https://evil.example/", "headers": f"Authorization: {MASK}"}, stored=made)
    assert "expected the value of Authorization" in str(elsewhere.errors)


@pytest.mark.parametrize(
    "headers",
    [
        "Host: evil.example",
        "content-length: 3",
        "Transfer-Encoding: chunked",
        "Webhook-Signature: v1,x",
        "X-Forwarded-For: 127.0.0.1",
        "No colon",
        "X Team: growth",
        "X-Team:",
        "X-Team: grüß",
        "X-Team: a\x00b",
        {"X-Team": "a\r\nHost: evil.example"},
        {"X-Team\r\nHost": "evil.example"},
        "X-Team: a\nx-team: b",
        "X-Long: " + "x" * 1001,
        "\n".join(f"X-{number}: 1" for number in range(11)),
        f"X-Unknown: {MASK}",
    ],
)
def test_headers_that_are_ours_or_break_lines_are_refused(headers):
    assert list(WebhookForm({"url": "https://example.com/", "headers": headers}).errors) == ["headers"]
