"""The page of channels and its dialogs."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications.models import Channel
from tests.factories import make_channel, make_cohort, make_subscription
from tests.notifications.messages import STORABLE
from tests.notifications.views.test_subscribe import client_of
from tests.receivers import Answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return client_of("Operator")


def page(client):
    answer = client.get(reverse("channels"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_empty_page_says_what_to_do(operator):
    assert "Add one, send a test" in page(operator)
    viewer = page(client_of("Viewer"))
    assert "Somebody who operates this site" in viewer
    assert "Add channel" not in viewer


def test_a_channel_shows_where_it_goes_and_no_secret(operator):
    make_channel(name="Hook", config={"url": "https://example.com/hook?token=canary", "secret": "whsec_canary"})
    make_channel("slack", name="Growth", config={"webhook_url": "https://hooks.slack.com/services/T/B/canary"})
    shown = page(operator)
    assert "https://example.com/…" in shown
    assert "canary" not in shown


def test_its_state_and_the_reason_of_a_failure_are_shown(operator):
    hours_ago = timezone.now() - timedelta(hours=5)
    make_channel(name="Broken", last_error="answered 500, expected 2xx", failing_since=hours_ago)
    make_channel(name="Resting", paused_at=hours_ago)
    make_channel(name="Fine", last_success_at=hours_ago)
    shown = page(operator).replace("\xa0", " ")
    assert "Failing for 5 hours: answered 500, expected 2xx" in shown
    assert "paused" in shown
    assert "5 hours ago" in shown


def test_settings_that_cannot_be_decrypted_do_not_break_the_page(operator):
    channel = make_channel(name="Lost")
    Channel.objects.filter(pk=channel.pk).update(config="not what it was")
    channel.refresh_from_db()
    assert page(operator)


def test_it_says_which_cohorts_are_told(operator):
    channel = make_channel()
    for number in range(6):
        make_subscription(channel=channel, cohort=make_cohort(name=f"Told {number}"))
    shown = page(operator)
    assert "Told 3" in shown
    assert "and 2 more" in shown


def test_only_operators_have_controls():
    channel = make_channel()
    for role in ("Viewer", "Analyst"):
        client = client_of(role)
        shown = page(client)
        assert channel.name in shown
        assert "Add channel" not in shown
        assert reverse("channel", args=[channel.pk]) not in shown
        for view in ("channel", "test_channel"):
            assert client.get(reverse(view, args=[channel.pk])).status_code == 403
        for view in ("pause_channel", "resume_channel", "delete_channel", "test_channel"):
            assert client.post(reverse(view, args=[channel.pk])).status_code == 403
        assert client.get(reverse("new_channel")).status_code == 403
    assert Channel.objects.get().paused_at is None


def test_a_channel_is_added_and_a_webhooks_secret_shown_once(operator):
    address = f"{reverse('new_channel')}?kind=webhook"
    assert "expected an address" in operator.post(address, {"name": "Hook", "url": "gopher://x"}).content.decode()
    answer = operator.post(address, {"name": "Hook", "url": "https://example.com/hook"})
    channel = Channel.objects.get()
    assert channel.config["secret"] in answer.content.decode()
    assert json.loads(answer.headers["HX-Trigger"]) == {"channels-changed": True}
    assert channel.created_by is not None


def test_a_kind_is_chosen_first(operator):
    shown = operator.get(reverse("new_channel")).content.decode()
    for kind in ("webhook", "slack", "email"):
        assert f"?kind={kind}" in shown
    assert "recipients" in operator.get(f"{reverse('new_channel')}?kind=email").content.decode()


def test_an_edit_keeps_the_secret_that_is_left_empty_and_never_shows_it(operator):
    channel = make_channel("slack", name="Growth")
    address = reverse("channel", args=[channel.pk])
    assert channel.config["webhook_url"] not in operator.get(address).content.decode()
    answer = operator.post(address, {"name": "Growth team"})
    assert "close-dialog" in json.loads(answer.headers["HX-Trigger"])
    kept = Channel.objects.get()
    assert (kept.name, kept.config) == ("Growth team", channel.config)


def test_a_channel_is_paused_and_resumed(operator):
    channel = make_channel()
    operator.post(reverse("pause_channel", args=[channel.pk]))
    assert Channel.objects.get().state == "paused"
    operator.post(reverse("resume_channel", args=[channel.pk]))
    assert Channel.objects.get().state == "unused"


def test_a_channel_in_use_is_not_deleted(operator):
    used, free = make_subscription().channel, make_channel()
    refused = operator.post(reverse("delete_channel", args=[used.pk]))
    assert "take the channel off them first" in json.loads(refused.headers["HX-Trigger"])["toast"]["text"]
    operator.post(reverse("delete_channel", args=[free.pk]))
    assert list(Channel.objects.all()) == [used]


def test_a_test_is_sent_and_its_answer_shown(operator, receiver):
    channel = make_channel(config={"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4})
    receiver.always = Answer(404, "no such hook")
    answer = operator.post(reverse("test_channel", args=[channel.pk]))
    assert "answered 404, expected 2xx" in answer.content.decode()
    assert "no such hook" not in answer.content.decode(), "only administrators see what was answered"
    seen = client_of("Administrator").post(reverse("test_channel", args=[channel.pk])).content.decode()
    assert "no such hook" in seen
    assert "channels-changed" in answer.headers["HX-Trigger"]
    assert "answered 404" in page(operator)


def test_the_list_renews_itself_without_its_page(operator):
    make_channel(name="Hook")
    part = operator.get(reverse("channels"), headers={"HX-Request": "true", "HX-Target": "channel-list"})
    assert "Hook" in part.content.decode()
    assert "<html" not in part.content.decode()


def test_hostile_names_are_shown_and_do_nothing(operator):
    for name in STORABLE:
        channel = make_channel(name=name[:200] or "-")
        make_subscription(channel=channel, cohort=make_cohort(name=name[:200] or "-"))
    shown = page(operator)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert "\u202e" not in shown
    assert "{{ settings.SECRET_KEY }}" in shown


def test_more_channels_need_no_more_queries(operator, django_assert_max_num_queries):
    for _ in range(30):
        make_subscription()
    with django_assert_max_num_queries(8):
        page(operator)


def test_networks_that_are_open_are_warned_of(operator, settings):
    assert "Private networks are open" not in page(operator)
    settings.WEBHOOK_ALLOW_CIDRS = ["10.20.0.0/16"]
    dialog = operator.get(f"{reverse('new_channel')}?kind=webhook").content.decode()
    for shown in (page(operator), dialog):
        assert "Private networks are open" in shown
        assert "10.20.0.0/16" in shown
    assert "10.20" not in page(client_of("Viewer"))


def test_a_webhooks_secret_is_rotated_and_the_new_one_shown_once(operator):
    channel = make_channel()
    assert reverse("rotate_channel", args=[channel.pk]) in page(operator)
    shown = operator.post(reverse("rotate_channel", args=[channel.pk])).content.decode()
    rotated = Channel.objects.get()
    assert rotated.config["secret"] in shown
    assert rotated.config["retired"][0][0] == channel.config["secret"]
    assert channel.config["secret"] not in shown
    assert rotated.config["secret"] not in page(operator)


def test_only_webhooks_have_a_secret_to_rotate(operator):
    channel = make_channel("email")
    assert reverse("rotate_channel", args=[channel.pk]) not in page(operator)
    assert "Only webhooks" in operator.post(reverse("rotate_channel", args=[channel.pk])).headers["HX-Trigger"]


def test_a_channel_that_was_switched_off_says_so_and_why(operator, now):
    make_channel(paused_at=now, disabled_at=now, last_error="answered 410: the receiver is gone for good")
    shown = page(operator)
    assert "switched off" in shown
    assert "answered 410: the receiver is gone for good" in shown
    assert "mend it, send a test, resume it" in shown
