"""Where webhooks may go: forms of addresses, confusions of parsers, names that change, ports, what settings allow."""

from __future__ import annotations

import socket

import pytest
import requests
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

from notifications.channels import CHANNELS
from notifications.channels import http as outbound
from notifications.channels.base import DeliveryError, Letter
from notifications.channels.http import check_target, check_url
from notifications.channels.webhook import WebhookForm, new_secret
from tests.receivers import http_receiver

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "localhost",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.88.99.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[ff02::1]",
    "[3fff::1]",
    "[5f00::1]",
]
ODD = ["2130706433", "0x7f000001", "0x7f.0.0.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0"]
"""Forms that the system's resolver reads as addresses and other parsers do not."""
MISSED = ["168.63.129.16", "[::127.0.0.1]", "[fec0::1]", "[192.31.196.1]".strip("[]"), "192.175.48.1", "192.52.193.1"]
"""Which requests-hardened lets through."""
OUTSIDE = ["93.184.216.34", "8.8.8.8", "[2606:4700::1111]", "[2a00:1450:4001::1]"]


def theirs(host: str) -> bool:
    """Whether requests-hardened would send there."""
    try:
        filter_host(host.strip("[]"), 443, allow_loopback=False)
    except (InvalidIPAddress, requests.RequestException):
        return False
    return True


@pytest.mark.parametrize("host", [*INSIDE, *ODD, *MISSED])
def test_what_is_inside_is_refused_when_saved_and_when_sent(settings, host):
    assert "url" in WebhookForm({"url": f"https://{host}/"}).errors
    with pytest.raises(DeliveryError) as caught:
        outbound.post(f"https://{host}/", b"{}", {})
    assert caught.value.outcome.status == "blocked"


def test_nothing_passes_that_the_published_filter_stops():
    assert [host for host in [*INSIDE, *ODD] if theirs(host)] == []
    assert [host for host in MISSED if not theirs(host)] == [], "it has learned: the decision record can say so"
    for host in OUTSIDE:
        assert theirs(host)
        check_target(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "https://a@b@127.0.0.1/",
        "https://example.com@127.0.0.1/",
        "https://127.0.0.1\\@example.com/",
        "https://127.0.0.1#@example.com/",
        "https://127.0.0.1:443#@example.com:443/",
        "https://example.com:443@127.0.0.1/",
        "https:/127.0.0.1/",
        "https:127.0.0.1",
        "https:///127.0.0.1/",
        "https://127.0.0.1%2f@example.com/",
        "https://127.0.0.1%00.example.com/",
        "https://127.0.0.1\t.example.com/",
        "https://127.0.0.1\n/",
        "https://127.0.0.1\u00a0/",
        "https://[::1%25lo]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1]@example.com/",
        "https://[::ffff:127.0.0.1]:443/",
        "https://127。0。0。1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        "https://127.0.0.1./",
        "https://.127.0.0.1/",
        "https://127.0.0.1?@example.com/",
        "https://127.0.0.1;@example.com/",
        "HTTPS://LOCALHOST/",
        "https://xn--/",
        "https://exa mple.com/",
        "https://example.com:443:443/",
        "https://example.com:\uff14\uff14\uff13/",
        "https://*.example.com/",
        "https://example..com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "//127.0.0.1/",
        "https://",
    ],
)
def test_confusing_addresses_are_refused(url):
    with pytest.raises(ValueError, match=r"^expected ") as caught:
        check_target(url)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hooks?token=1&x=%20",
        "https://hooks.example.com:8443/a/b",
        "https://bücher.example/haken",
        "https://under_score.example.com/",
        "https://1password.example/",
        "https://example.com./",
    ],
)
def test_ordinary_addresses_are_taken(url):
    check_target(url)


@pytest.mark.parametrize(
    ("port", "opened", "http", "taken"),
    [
        (443, [], False, True),
        (8443, [], False, True),
        (80, [], False, False),
        (80, [], True, True),
        (22, [], True, False),
        (8080, [], False, False),
        (8080, ["8080"], False, True),
        (9005, ["9000-9010"], False, True),
        (9011, ["9000-9010"], False, False),
    ],
)
def test_ports_are_those_of_the_web_unless_a_setting_names_others(settings, port, opened, http, taken):
    settings.WEBHOOK_ALLOW_PORTS, settings.ALLOW_HTTP_WEBHOOKS = opened, http
    assert ("url" not in WebhookForm({"url": f"https://example.com:{port}/"}).errors) is taken


def test_networks_can_be_allowed_and_the_denied_ones_outrank_them(settings):
    settings.WEBHOOK_ALLOW_CIDRS, settings.WEBHOOK_DENY_CIDRS = (
        ["10.0.0.0/8", "fd00:1::/32"],
        ["10.9.0.0/16", "8.8.8.0/24"],
    )
    for host in ("10.1.2.3", "[fd00:1::5]"):
        check_url(f"https://{host}/")
    for host in ("10.9.2.3", "8.8.8.8", "192.168.0.1", "[fd00:2::5]", "[::ffff:10.1.2.3]"):
        with pytest.raises(ValueError, match="private and reserved"):
            check_url(f"https://{host}/")


def names(monkeypatch, *answers: list[str]) -> list[str]:
    """Let every name stand for these addresses, one list after the other; the names that were looked up."""
    asked: list[str] = []

    def look_up(host, port, **_):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize("found", [["10.0.0.5"], ["93.184.216.34", "127.0.0.1"], ["2606:4700::1", "::1"]])
def test_a_name_that_stands_for_the_inside_is_refused(monkeypatch, found):
    names(monkeypatch, found)
    assert "private and reserved" in str(WebhookForm({"url": "https://inside.example/"}).errors)
    with pytest.raises(DeliveryError, match="network to which nothing is sent") as caught:
        outbound.post("https://inside.example/", b"{}", {})
    assert not caught.value.outcome.permanent, "its owner may mend the name"
    assert "10.0.0.5" not in str(caught.value)


def test_a_name_is_looked_up_once_and_the_address_that_was_judged_is_the_one_connected_to(monkeypatch, open_loopback):
    with http_receiver() as first:
        asked = names(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
        url = first.url.replace("127.0.0.1", "rebinding.example")
        CHANNELS["webhook"].send({"url": url, "secret": new_secret()}, Letter("1", "{}"))
    assert asked == ["rebinding.example"]
    [request] = first.requests
    assert request.headers["host"].startswith("rebinding.example:")


def test_an_address_that_does_not_answer_is_passed_over(monkeypatch, open_loopback):
    with http_receiver() as second:
        names(monkeypatch, ["127.0.0.9", "127.0.0.1"])
        second_url = second.url.replace("127.0.0.1", "two.example")
        assert outbound.post(second_url, b"{}", {}).status == 200
