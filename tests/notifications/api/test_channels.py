"""Channels over the API: secrets go in and never come out."""

from __future__ import annotations

import json

import pytest

from ingest.models import Scope
from notifications.models import Channel
from notifications.notices import own_channel
from tests.factories import NOON, make_channel, make_cohort, make_subscription
from tests.notifications.api.clients import client_with

pytestmark = pytest.mark.django_db
URL = "https://example.com/hooks/cohorts?token=hidden"


def test_a_webhook_is_created_and_its_secret_told_once(api):
    created = api.post("/api/channels/", {"kind": "webhook", "name": "Hook", "config": {"url": URL}})

    assert created.status_code == 201
    secret = created.json()["secret"]
    assert secret.startswith("whsec_")
    assert (
        created.json().items() >= {"kind": "webhook", "name": "Hook", "config": {"url": URL}, "paused": False}.items()
    )
    read = api.get(f"/api/channels/{created.json()['id']}/")
    assert secret not in read.content.decode()
    assert "secret" not in read.json()
    assert secret not in api.get("/api/channels/").content.decode()
    assert Channel.objects.get().config["secret"] == secret


def test_an_email_channel_has_no_secret(api):
    created = api.post(
        "/api/channels/", {"kind": "email", "name": "Mail", "config": {"recipients": ["one@example.com"]}}
    )

    assert (created.status_code, "secret" in created.json()) == (201, False)
    assert created.json()["config"] == {"recipients": ["one@example.com"]}


def test_a_slack_address_goes_in_and_never_comes_out(api):
    address = "https://hooks.slack.com/services/T000/B000/hidden"

    created = api.post("/api/channels/", {"kind": "slack", "name": "Slack", "config": {"webhook_url": address}})

    assert created.status_code == 201
    assert "hidden" not in created.content.decode()
    assert Channel.objects.get().config["webhook_url"] == address


def test_who_may_not_manage_channels_reads_no_settings(api):
    channel = make_channel(config={"url": URL, "secret": "whsec_x"})

    read = client_with(Scope.READ).get(f"/api/channels/{channel.pk}/")

    assert (read.status_code, read.json()["config"]) == (200, None)
    assert "hidden" not in read.content.decode()
    assert "example.com" in read.json()["summary"]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"kind": "webhook", "config": {"url": "ftp://example.com"}}, "config.url"),
        ({"kind": "webhook", "config": {}}, "config.url"),
        ({"kind": "webhook", "config": {"url": URL, "secret": "mine"}}, "config.secret"),
        ({"kind": "webhook", "config": "https://example.com"}, "config"),
        ({"kind": "webhook", "config": None}, "config.url"),
        ({"kind": "webhook"}, "config"),
        ({"kind": "email", "config": {"recipients": ["nobody"]}}, "config.recipients"),
        ({"kind": "email", "config": {"recipients": 7}}, "config.recipients"),
        ({"kind": "slack", "config": {}}, "config"),
        ({"kind": "pigeon", "config": {}}, "kind"),
        ({"kind": "webhook", "config": {"url": URL}, "name": ""}, "name"),
        ({"kind": "webhook", "config": {"url": URL}, "last_errors": ""}, "last_errors"),
    ],
)
def test_a_channel_is_judged_as_a_send_would(api, given, path):
    answer = api.post("/api/channels/", {"name": "x", **given})

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, [path])
    assert not Channel.objects.exists()


def test_an_edit_keeps_the_secret_and_what_the_pipeline_wrote(api):
    channel = make_channel(config={"url": URL, "secret": "whsec_x"}, last_error="answered 500")

    answer = api.patch(f"/api/channels/{channel.pk}/", {"config": {"url": "https://example.com/new"}, "paused": True})

    assert answer.json().items() >= {"config": {"url": "https://example.com/new"}, "paused": True}.items()
    channel.refresh_from_db()
    assert channel.config == {"url": "https://example.com/new", "secret": "whsec_x"}
    assert channel.last_error == "answered 500"
    assert api.patch(f"/api/channels/{channel.pk}/", {"kind": "email"}).status_code == 400


def test_a_channel_that_is_used_is_not_deleted(api):
    used, unused = make_subscription().channel, make_channel()

    refused = api.delete(f"/api/channels/{used.pk}/")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert api.delete(f"/api/channels/{unused.pk}/").status_code == 204


def test_a_test_tells_what_the_destination_answered(api, receiver):
    channel = make_channel(config={"url": receiver.address, "secret": "whsec_" + "c2VjcmV0" * 4})

    answer = api.post(f"/api/channels/{channel.pk}/test/")

    assert answer.status_code == 200
    assert answer.json()["succeeded"] is True
    [request] = receiver.requests
    assert json.loads(request.body)["test"] is True


def test_channels_are_filtered(api):
    hook, mail = make_channel(name="Hook"), make_channel("email", name="Mail", paused_at=NOON)

    def listed(query):
        return {each["id"] for each in api.get(f"/api/channels/{query}").json()["results"]}

    assert listed("") == {str(hook.pk), str(mail.pk)}
    assert listed("?kind=email") == {str(mail.pk)}
    assert listed("?name=hoo") == {str(hook.pk)}
    assert listed("?paused=false") == {str(hook.pk)}


def test_a_secret_is_rotated_and_told_once(api):
    channel = make_channel(config={"url": URL, "secret": "whsec_old"})

    rotated = api.post(f"/api/channels/{channel.pk}/rotate/")

    channel.refresh_from_db()
    assert (rotated.status_code, rotated.json()["secret"]) == (200, channel.config["secret"])
    assert channel.config["secret"] != "whsec_old"
    assert rotated.json()["previous_until"] == channel.config["retired"][0][1].replace("+00:00", "Z")
    assert "whsec" not in api.get(f"/api/channels/{channel.pk}/").content.decode()
    assert api.post(f"/api/channels/{make_channel('email').pk}/rotate/").json()["code"] == "no_secret"
    assert client_with(Scope.READ, Scope.WRITE).post(f"/api/channels/{channel.pk}/rotate/").status_code == 403


def test_the_values_of_headers_go_in_and_never_come_out(api):
    config = {"url": URL, "headers": {"Authorization": "Bearer canary"}}
    created = api.post("/api/channels/", {"kind": "webhook", "name": "Hook", "config": config})
    address = f"/api/channels/{created.json()['id']}/"
    assert "canary" not in created.content.decode() + api.get(address).content.decode()
    shown = api.get(address).json()["config"]["headers"]
    assert list(shown) == ["Authorization"]
    assert api.patch(address, {"config": {"headers": shown}}).status_code == 200
    assert Channel.objects.get().config["headers"] == {"Authorization": "Bearer canary"}


def test_many_tests_in_a_short_time_are_refused(api, receiver):
    channel = make_channel(config={"url": receiver.address, "secret": "whsec_" + "c2VjcmV0" * 4})
    answers = [api.post(f"/api/channels/{channel.pk}/test/").status_code for _ in range(6)]
    assert answers == [200] * 5 + [429]
    assert len(receiver.requests) == 5


def test_the_own_channel_of_the_site_cannot_be_seen_or_used(api):
    own, cohort = own_channel(NOON), make_cohort()
    assert api.get("/api/channels/").json()["results"] == []
    assert api.get(f"/api/channels/{own.pk}/").status_code == 404
    assert api.post(f"/api/channels/{own.pk}/test/").status_code == 404
    refused = api.post("/api/subscriptions/", {"cohort": str(cohort.pk), "channel": str(own.pk)})
    assert refused.status_code == 400
