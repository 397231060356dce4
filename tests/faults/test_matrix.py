"""Every way in which a destination misbehaves ends in time, in bounded memory, and in the state that is stated here."""

from __future__ import annotations

import socket
import ssl
import time
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from notifications.channels import CHANNELS
from notifications.channels.base import DeliveryError, Letter
from notifications.delivery import deliver
from notifications.models import Attempt, Channel, Delivery
from tests.factories import make_batch, make_channel, make_delivery, make_subscription
from tests.faults import misbehaving as does
from tests.faults.misbehaving import answers, misbehaving
from tests.notifications.messages import entry, message
from tests.receivers import http_receiver

SECRET = "whsec_" + "c2VjcmV0" * 4
SHORT = {"http.CONNECT": 0.6, "http.READ": 0.8, "call.TOTAL": 1.0}
"""Seconds in place of 3, 10 and 15: the same code, in a test's time."""
MEMORY = 4_000_000

pytestmark = pytest.mark.usefixtures("open_loopback")


@dataclass(frozen=True)
class Ended:
    """How one delivery ended."""

    delivery: Delivery
    attempt: Attempt
    channel: Channel
    memory: int

    @property
    def told(self) -> tuple[str, str, str]:
        return self.delivery.state, self.attempt.status, self.channel.state


@pytest.fixture
def short(monkeypatch):
    for name, seconds in SHORT.items():
        monkeypatch.setattr(f"notifications.channels.{name}", seconds)


def deliver_to(url: str, now: datetime) -> Ended:
    """Deliver one message there and look what became of it. It ends: a hang would be one for ever."""
    channel = make_channel(config={"url": url, "secret": SECRET})
    waiting = make_delivery(make_batch(make_subscription(channel=channel)))
    tracemalloc.start()
    try:
        started = time.monotonic()
        deliver(waiting.pk, now)
        assert time.monotonic() - started < 10
        _, memory = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Ended(Delivery.objects.get(pk=waiting.pk), Attempt.objects.get(), Channel.objects.get(pk=channel.pk), memory)


WAITS, ARRIVED = "pending", "delivered"
PATIENT = {
    does.hangs,
    does.hangs_after_headers,
    does.drips_its_status,
    does.drips_its_headers,
    does.drips_its_body,
    does.continues_without_end,
}
"""Only time ends these."""
MATRIX = [
    (answers("500 Oops"), (WAITS, "500", "failing")),
    (answers("404 Not Found"), (WAITS, "404", "failing")),
    (does.hangs, (WAITS, "timeout", "failing")),
    (does.drips_its_status, (WAITS, "timeout", "failing")),
    (does.drips_its_headers, (WAITS, "timeout", "failing")),
    (does.continues_without_end, (WAITS, "timeout", "failing")),
    (does.sends_headers_without_end, (WAITS, "broken off", "failing")),
    (does.sends_a_header_without_end, (WAITS, "broken off", "failing")),
    (does.resets, (WAITS, "broken off", "failing")),
    (does.closes_half_way, (WAITS, "broken off", "failing")),
    (does.talks_nonsense, (WAITS, "broken off", "failing")),
    # The status has said it all: what the body does meanwhile changes nothing.
    (does.hangs_after_headers, (ARRIVED, "200", "working")),
    (does.drips_its_body, (ARRIVED, "200", "working")),
    (does.sends_100_mb, (ARRIVED, "200", "working")),
    (does.sends_a_bomb, (ARRIVED, "200", "working")),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("behavior", "told"), MATRIX, ids=lambda given: getattr(given, "__name__", ""))
def test_a_misbehaving_receiver(now, request, caplog, behavior, told):
    if behavior in PATIENT:
        request.getfixturevalue("short")
    caplog.set_level("DEBUG")
    with misbehaving(behavior) as server:
        ended = deliver_to(server.url(), now)
    assert ended.told == told
    assert ended.memory < MEMORY
    assert len(ended.attempt.answer.encode()) <= 3 * 2048
    assert len(server.requests) == 1
    assert "token-canary" not in caplog.text + ended.attempt.error + ended.channel.last_error
    if told[0] == WAITS:
        waits = ended.delivery.next_attempt_at - now - ended.attempt.duration
        assert timedelta(seconds=4.5) <= waits <= timedelta(seconds=5.5)


@pytest.mark.django_db
def test_one_that_asks_for_time_gets_it(now):
    with misbehaving(answers("429 Slowly", "Retry-After: 3600")) as server:
        ended = deliver_to(server.url(), now)
    assert ended.told == (WAITS, "429", "failing")
    assert ended.delivery.next_attempt_at - now >= timedelta(hours=1)


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_redirect_to_the_inside_is_not_followed(now, status):
    with http_receiver() as inside, misbehaving(answers(status, f"Location: {inside.url}")) as server:
        ended = deliver_to(server.url(), now)
        assert inside.requests == []
    assert ended.told == (WAITS, status[:3], "failing")


@pytest.mark.django_db
def test_a_closed_port(now):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert deliver_to(url, now).told == (WAITS, "refused", "failing")


@pytest.mark.django_db
def test_a_name_that_nobody_knows(now):
    assert deliver_to("https://nowhere.invalid/", now).told == (WAITS, "no host", "failing")


@pytest.mark.django_db
def test_a_name_server_that_hangs(now, short, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    assert deliver_to("https://example.com/", now).told == (WAITS, "timeout", "failing")


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trust(settings, tmp_path, authority: trustme.CA) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    settings.WEBHOOK_CA_BUNDLE = str(bundle)


@pytest.mark.django_db
def test_a_certificate_of_a_private_authority_is_taken_where_a_setting_names_it(now, settings, tmp_path, authority):
    with misbehaving(answers("204 Yes"), context_of(authority.issue_cert("127.0.0.1"))) as server:
        assert deliver_to(server.url(), now).told == (WAITS, "TLS", "failing")
        assert server.requests == []
        Attempt.objects.all().delete()
        trust(settings, tmp_path, authority)
        assert deliver_to(server.url(), now).told == (ARRIVED, "204", "working")


@pytest.mark.django_db
@pytest.mark.parametrize("fault", ["expired", "wrong host", "nobody's"])
def test_a_bad_certificate_stops_everything(now, settings, tmp_path, authority, fault):
    trust(settings, tmp_path, authority)
    old = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = {
        "expired": lambda: authority.issue_cert("127.0.0.1", not_before=old, not_after=old + timedelta(days=90)),
        "wrong host": lambda: authority.issue_cert("elsewhere.example"),
        "nobody's": lambda: trustme.CA().issue_cert("127.0.0.1"),
    }[fault]()
    with misbehaving(answers("200 OK"), context_of(certificate)) as server:
        assert deliver_to(server.url(), now).told == (WAITS, "TLS", "failing")
    assert server.requests == [], "nothing may be sent before the certificate is judged"


@pytest.mark.django_db
def test_a_handshake_that_hangs(now, short):
    with misbehaving(does.says_nothing_at_all, listens=False) as server:
        ended = deliver_to(server.url().replace("http://", "https://"), now)
    assert ended.told == (WAITS, "timeout", "failing")


# --- Mail servers


def mail_to(port: int, settings, now: datetime) -> Ended:
    """Deliver one mail there and look what became of it."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 10
    channel = make_channel("email", config={"recipients": ["ann@example.com"]})
    content = CHANNELS["email"].write(message(entry()))
    waiting = make_delivery(
        make_batch(make_subscription(channel=channel)), recipient="ann@example.com", content=content
    )
    deliver(waiting.pk, now)
    return Ended(Delivery.objects.get(pk=waiting.pk), Attempt.objects.get(), Channel.objects.get(pk=channel.pk), 0)


@pytest.mark.django_db
@pytest.mark.parametrize("step", ["greeting", "RCPT", "content"])
def test_a_mail_server_that_sends_a_byte_now_and_then(now, settings, monkeypatch, step):
    monkeypatch.setattr("notifications.channels.call.TOTAL", 0.7)
    with misbehaving(does.speaks_smtp_slowly(step), listens=False) as server:
        ended = mail_to(server.port, settings, now)
    assert ended.told == (WAITS, "timeout", "failing")
    assert ended.attempt.error == "no whole answer within 0.7 s"


@pytest.mark.django_db
def test_a_mail_that_was_taken_is_not_sent_again_for_a_goodbye_that_drips(now, settings, monkeypatch):
    monkeypatch.setattr("notifications.channels.call.TOTAL", 0.7)
    with misbehaving(does.speaks_smtp_slowly("QUIT"), listens=False) as server:
        assert mail_to(server.port, settings, now).told == (ARRIVED, "handed over", "working")


@pytest.mark.django_db
def test_a_mail_server_whose_handshake_hangs(now, settings, monkeypatch):
    monkeypatch.setattr("notifications.channels.call.TOTAL", 0.7)
    settings.EMAIL_USE_SSL = True
    with misbehaving(does.says_nothing_at_all, listens=False) as server:
        assert mail_to(server.port, settings, now).told == (WAITS, "timeout", "failing")


# --- With the real numbers


def test_a_byte_now_and_then_is_cut_off_within_16_seconds():
    with misbehaving(does.drips_its_headers) as server:
        started = time.monotonic()
        with pytest.raises(DeliveryError, match="no whole answer within 15 s"):
            CHANNELS["webhook"].send({"url": server.url(), "secret": SECRET}, Letter("1", "{}"))
        assert 14 < time.monotonic() - started < 16
