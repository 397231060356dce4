"""Slack against a server that refuses what Slack refuses."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from cohorts.enums import ChangeKind
from notifications.channels import CHANNELS
from notifications.channels.base import DeliveryError, Letter
from notifications.channels.slack import SlackForm
from tests.notifications.messages import BATCH, HOSTILE, entry, message
from tests.receivers import Answer, SlackServer

kind = CHANNELS["slack"]
BOT = {"token": SlackServer.TOKEN, "channel": "#growth"}


def letter(*entries, **values) -> Letter:
    return Letter(BATCH, kind.write(message(*entries, **values)))


def texts(value) -> list[str]:
    """Everything a reader sees, in order."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            return [value["text"]]
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else []


@pytest.fixture
def webhook(slack):
    return {"webhook_url": slack.webhook_url}


def test_a_message_says_who_joined_who_left_and_why(slack, webhook):
    left = entry("Grace Hopper", 2, ChangeKind.REMOVED, because="Went quiet for 7 days")
    outcome = kind.send(webhook, letter(entry("Ada Lovelace", because="Had 3 errors today"), left, added=11))
    assert (outcome.succeeded, outcome.answer) == (True, "ok")
    sent = slack.requests[0].json
    shown = " ".join(texts(sent["blocks"]))
    assert sent["text"] == "Big spenders: 12 joined, 1 left"
    for part in (
        "12 users joined and 1 left between 13:00 and 13:15 on 2 March 2026 (Europe/Berlin)",
        "The cohort has 129 members now",
        "Joined (12)",
        "Ada Lovelace",
        "user1@example.com",
        "Had 3 errors today",
        "and 11 more",
        "Left (1)",
        "Grace Hopper",
        "Went quiet for 7 days",
    ):
        assert part in shown


def test_a_bot_posts_in_its_channel(slack):
    outcome = kind.send(BOT, letter(entry()))
    assert outcome.succeeded
    [request] = slack.requests
    assert request.json["channel"] == "#growth"
    assert request.json["text"] == "Big spenders: 1 joined"
    assert request.headers["authorization"] == f"Bearer {SlackServer.TOKEN}"


@pytest.mark.parametrize("by", ["webhook", "bot"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_notify_nobody_and_break_nothing(slack, webhook, name, by):
    config = webhook if by == "webhook" else BOT
    people = [entry(name, number, because=name) for number in range(10)]
    assert kind.send(config, letter(*people, cohort=(name[:200]), added=90)).succeeded
    assert slack.pings == []
    assert "\u202e" not in slack.requests[0].body.decode()
    assert all(urlsplit(link).hostname == "testserver" for link in links(slack.requests[0].json))


@pytest.mark.parametrize("customers", [1, 10, 1_000, 100_000])
def test_however_many_customers_moved_the_first_are_named_and_the_others_counted_with_a_link(slack, webhook, customers):
    named = min(customers, kind.limits.customers)
    people = [entry(f"<!channel> {number} " + "x" * 300, number) for number in range(named)]
    assert kind.send(webhook, letter(*people, added=customers - named)).succeeded
    assert slack.pings == []
    sent = slack.requests[0].json
    assert f"Joined ({customers:,})" in " ".join(texts(sent["blocks"]))
    more = f"and {customers - named:,} more"
    assert (more in texts(sent["blocks"])) is (customers > named)
    assert all(urlsplit(link).hostname == "testserver" for link in links(sent))


def links(value) -> list[str]:
    if isinstance(value, dict):
        return [value["url"]] if "url" in value else [link for one in value.values() for link in links(one)]
    return [link for one in value for link in links(one)] if isinstance(value, list) else []


def test_the_largest_message_is_within_what_slack_takes(slack, webhook):
    people = [
        entry("ü" * 5_000, number, change, because="ß" * 5_000)
        for number, change in enumerate([ChangeKind.ADDED, ChangeKind.REMOVED] * 5)
    ]
    content = letter(*people, cohort="N" * 200, added=10**9, removed=10**9)
    assert kind.send(webhook, content).succeeded
    assert len(content.content) <= 8_000


FOR_NOW, THIS_ONE, THE_CHANNEL = (False, False), (True, False), (True, True)
"""What a refusal ends: nothing, the message, the channel."""


@pytest.mark.parametrize(
    ("status", "said", "ends"),
    [
        (400, "invalid_payload", THIS_ONE),
        (400, "invalid_blocks", THIS_ONE),
        (400, "missing_text_or_fallback_or_attachments", THIS_ONE),
        (400, "user_not_found", THE_CHANNEL),
        (403, "action_prohibited", THE_CHANNEL),
        (403, "invalid_token", THE_CHANNEL),
        (404, "channel_not_found", THE_CHANNEL),
        (404, "no_service", THE_CHANNEL),
        (404, "no_team", THE_CHANNEL),
        (404, "<html>not here</html>", THE_CHANNEL),
        (410, "channel_is_archived", THE_CHANNEL),
        (429, "rate_limited", FOR_NOW),
        (500, "rollup_error", FOR_NOW),
        (502, "<html>bad gateway</html>", FOR_NOW),
        (200, "not ok", FOR_NOW),
    ],
)
def test_refusals_of_incoming_webhooks(slack, webhook, status, said, ends):
    slack.answers.append(Answer(status, said))
    outcome = refusal(webhook)
    assert (outcome.permanent, outcome.disables) == ends
    assert "secret0000" not in outcome.error
    assert outcome.error.endswith(".") is (ends == THE_CHANNEL), "and then says what to do"


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        *((code, THE_CHANNEL) for code in ("invalid_auth", "account_inactive", "token_revoked", "token_expired")),
        *((code, THE_CHANNEL) for code in ("not_in_channel", "channel_not_found", "is_archived", "missing_scope")),
        *((code, THIS_ONE) for code in ("msg_too_long", "msg_blocks_too_long", "invalid_blocks", "no_text")),
        *((code, FOR_NOW) for code in ("ratelimited", "internal_error", "fatal_error", "service_unavailable")),
        *((code, FOR_NOW) for code in ("request_timeout", "something_new", "")),
    ],
)
def test_refusals_of_bots(slack, said, ends):
    slack.answers.append(Answer(200, json.dumps({"ok": False, "error": said})))
    outcome = refusal(BOT)
    assert (outcome.permanent, outcome.disables) == ends
    assert SlackServer.TOKEN not in outcome.error


def refusal(config):
    with pytest.raises(DeliveryError) as caught:
        kind.send(config, letter(entry()))
    return caught.value.outcome


def test_redirects_are_not_followed(slack, webhook):
    for config in (webhook, BOT):
        slack.answers.append(Answer(302, headers={"Location": f"{slack.address}/inside"}))
        assert not refusal(config).succeeded
    assert len(slack.requests) == 2


@pytest.mark.parametrize("config", ["webhook", "bot"])
def test_slack_says_how_long_to_wait(slack, webhook, config):
    slack.answers.append(Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"}))
    with pytest.raises(DeliveryError) as caught:
        kind.send(webhook if config == "webhook" else BOT, letter(entry()))
    assert (caught.value.outcome.retry_after, caught.value.outcome.permanent) == (30, False)
    assert len(slack.requests) == 1


@pytest.mark.parametrize(
    ("config", "error"),
    [({**BOT, "token": "xoxb-wrong"}, "invalid_auth"), ({**BOT, "channel": "#nowhere"}, "channel_not_found")],
)
def test_refusals_of_a_bot_are_told_in_slacks_words(slack, config, error):
    with pytest.raises(DeliveryError) as caught:
        kind.send(config, letter(entry()))
    assert caught.value.outcome.permanent
    assert str(caught.value).startswith(f"Slack answered: {error}. ")


def test_an_answer_that_is_not_slacks_is_tried_again(slack):
    slack.answers.append(Answer(502, "<html>bad gateway</html>"))
    with pytest.raises(DeliveryError) as caught:
        kind.send(BOT, letter(entry()))
    assert not caught.value.outcome.permanent
    assert len(caught.value.outcome.status) <= 60


def test_slack_out_of_reach_is_tried_again(slack, settings):
    settings.SLACK_API_URL = "http://127.0.0.1:9/api/"
    with pytest.raises(DeliveryError) as caught:
        kind.send(BOT, letter(entry()))
    assert not caught.value.outcome.permanent
    assert SlackServer.TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com.evil.example/services/T0/B0/x",
        "https://hooks.slack.com@evil.example/services/T0/B0/x",
        "http://hooks.slack.com/services/T0/B0/x",
        "https://hooks.slack.com/services/../workflows/x",
        "https://hooks.slack.com/services/T0/B0/x?next=https://evil.example",
        "https://hooks.slack.com/services/",
        "https://127.0.0.1/services/T0/B0/x",
    ],
)
def test_only_slacks_own_webhooks_are_taken_and_posted_to(url):
    assert "webhook_url" in SlackForm({"webhook_url": url}).errors
    with pytest.raises(DeliveryError) as caught:
        kind.send({"webhook_url": url}, letter(entry()))
    assert caught.value.outcome.permanent


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token": "xoxb-1"},
        {"channel": "#growth"},
        {"token": "xoxp-1", "channel": "#growth"},
        {"token": "xoxb-1", "channel": "<!here>"},
        {"token": "xoxb-1", "channel": "#growth", "webhook_url": "https://hooks.slack.com/services/T0/B0/x"},
    ],
)
def test_the_form_asks_for_a_webhook_or_a_bot_with_a_channel(given):
    assert SlackForm(given).errors


def test_secrets_left_empty_stay_and_one_way_replaces_the_other():
    bot = saved({"token": "xoxb-1", "channel": "#growth"})
    assert saved({"channel": "C0123456789"}, bot) == {"token": "xoxb-1", "channel": "C0123456789"}
    hook = {"webhook_url": "https://hooks.slack.com/services/T0/B0/xyz1"}
    assert saved({**hook, "channel": "#growth"}, bot) == hook
    assert saved({}, hook) == hook
    assert saved({"token": "xoxb-2", "channel": "#growth"}, hook) == {"token": "xoxb-2", "channel": "#growth"}


def saved(given, stored=None):
    form = SlackForm(given, stored=stored)
    assert form.is_valid(), form.errors
    return form.config()


def test_what_is_shown_holds_no_secret():
    hook = {"webhook_url": "https://hooks.slack.com/services/T0/B0/secret1234"}
    assert kind.summary(hook) == "incoming webhook …1234"
    assert kind.summary(BOT) == "bot in #growth"
    assert kind.visible(hook) == {}
    assert kind.visible(BOT) == {"channel": "#growth"}
    for stored in (hook, BOT):
        page = SlackForm(stored=stored).as_p()
        assert "secret1234" not in page
        assert SlackServer.TOKEN not in page
