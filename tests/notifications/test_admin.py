"""Channels, subscriptions and deliveries in the admin."""

import json
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages

from notifications.models import Channel, Hold, Subscription, Suppression
from tests.factories import (
    NOON,
    make_attempt,
    make_channel,
    make_cohort,
    make_customer,
    make_delivery,
    make_hold,
    make_membership,
    make_person,
    make_subscription,
)
from tests.receivers import Answer

pytestmark = pytest.mark.django_db
CHANNELS = "/admin/notifications/channel/"
SUBSCRIPTIONS = "/admin/notifications/subscription/"
HOLDS = "/admin/notifications/hold/"
CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def boss(client):
    client.force_login(make_person())
    return client


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


# --- Channels


def test_adding_a_channel_begins_with_its_kind(boss):
    page = boss.get(f"{CHANNELS}add/").content.decode()

    assert all(f"?kind={kind}" in page for kind in ("webhook", "slack", "email"))
    assert boss.get(f"{CHANNELS}add/?kind=pigeon").content.decode().count("?kind=") == page.count("?kind=")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("webhook", ["url", "headers"]), ("slack", ["webhook_url", "token", "channel"]), ("email", ["recipients"])],
)
def test_each_kind_has_its_form(boss, kind, fields):
    form = boss.get(f"{CHANNELS}add/?kind={kind}").context["adminform"].form

    assert list(form.fields) == ["name", "tells_operators", *fields]


@pytest.mark.parametrize(("kind", "rotates"), [("webhook", True), ("email", False)])
def test_only_a_webhook_offers_to_rotate_its_secret(boss, kind, rotates):
    page = boss.get(f"{CHANNELS}{make_channel(kind).pk}/change/").content.decode()

    assert ("Rotate the secret" in page) == rotates
    assert "Send a test" in page


def test_an_address_is_suppressed_once_however_it_is_written(boss):
    address = "/admin/notifications/suppression/add/"
    for written in ("Ann@example.com", "ann@EXAMPLE.com"):
        answer = boss.post(address, {"address": written, "reason": "bounced", "detail": ""})

    assert "This address is suppressed already." in answer.content.decode()
    assert [found.address for found in Suppression.objects.all()] == ["ann@example.com"]


def test_a_webhook_is_added_and_its_secret_shown_once(boss):
    answer = boss.post(f"{CHANNELS}add/?kind=webhook", {"name": "Hook", "url": "https://example.com/hook"})

    channel = Channel.objects.get()
    secret = channel.config["secret"]
    assert (channel.kind, channel.config["url"]) == ("webhook", "https://example.com/hook")
    assert any(secret in message for message in said(answer))
    boss.get(CHANNELS)  # shows the message
    assert secret not in boss.get(CHANNELS).content.decode()
    assert secret not in boss.get(f"{CHANNELS}{channel.pk}/change/").content.decode()


def test_an_email_channel_is_added(boss):
    boss.post(f"{CHANNELS}add/?kind=email", {"name": "Mail", "recipients": "one@example.com\ntwo@example.com"})

    assert Channel.objects.get().config == {"recipients": ["one@example.com", "two@example.com"]}


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("webhook", {"url": "ftp://example.com"}, "url"),
        ("webhook", {"url": ""}, "url"),
        ("email", {"recipients": "nobody"}, "recipients"),
        ("slack", {"webhook_url": "https://example.com/"}, "webhook_url"),
        ("slack", {}, "__all__"),
    ],
)
def test_a_channel_is_judged_as_a_send_would(boss, kind, given, field):
    answer = boss.post(f"{CHANNELS}add/?kind={kind}", {"name": "x", **given})

    errors = answer.context["adminform"].form.errors
    assert list(errors) == [field]
    assert len(errors[field]) == 1
    assert not Channel.objects.exists()


def test_a_secret_left_empty_stays_and_is_not_shown(boss):
    channel = make_channel("slack")
    page = boss.get(f"{CHANNELS}{channel.pk}/change/").content.decode()

    answer = boss.post(
        f"{CHANNELS}{channel.pk}/change/", {"name": "New", "webhook_url": "", "token": "", "channel": ""}
    )

    assert answer.status_code == 302
    assert channel.config["webhook_url"] not in page
    stored = Channel.objects.get()
    assert (stored.name, stored.config) == ("New", channel.config)


def test_an_edit_keeps_what_the_pipeline_wrote(boss):
    channel = make_channel(last_error="answered 500", failing_since=NOON)
    secret = channel.config["secret"]

    boss.post(f"{CHANNELS}{channel.pk}/change/", {"name": "New", "url": "https://example.com/other"})

    stored = Channel.objects.get()
    assert stored.config == {"url": "https://example.com/other", "secret": secret}
    assert (stored.last_error, stored.failing_since) == ("answered 500", NOON)


def test_the_list_shows_the_last_error_and_the_last_success(boss):
    make_channel(last_error="answered 500, expected 2xx", last_success_at=NOON)

    page = boss.get(CHANNELS).content.decode()

    assert "answered 500, expected 2xx" in page
    assert "2026-03-02 12:00:00" in page


def test_the_answer_to_a_test_is_a_message(boss, receiver):
    channel = make_channel(config={"url": receiver.address, "secret": "whsec_" + "c2VjcmV0" * 4})

    taken = boss.post(f"{CHANNELS}{channel.pk}/test/", CONFIRMED)
    boss.get(CHANNELS)  # shows the message
    receiver.always = Answer(status=500)
    refused = boss.post(CHANNELS, {"action": "test_selected", "_selected_action": [str(channel.pk)]})

    assert "the test was taken (200)" in said(taken)[0]
    assert "the test failed: answered 500" in said(refused)[0]
    assert [json.loads(request.body)["test"] for request in receiver.requests] == [True, True]


@pytest.mark.parametrize(("address", "make"), [(CHANNELS, make_channel), (SUBSCRIPTIONS, make_subscription)])
def test_it_is_paused_and_resumed(boss, address, make):
    row = make()
    selected = {"_selected_action": [str(row.pk)]}

    def paused():
        row.refresh_from_db()
        return row.paused_at is not None

    boss.post(f"{address}{row.pk}/pause/", CONFIRMED)
    assert paused()
    boss.post(f"{address}{row.pk}/resume/", CONFIRMED)
    assert not paused()
    boss.post(address, {"action": "pause_selected", **selected})
    assert paused()
    boss.post(address, {"action": "resume_selected", **selected})
    assert not paused()
    boss.get(f"{address}{row.pk}/pause/")
    assert not paused()


# --- Subscriptions


def form(**values):
    given = {"send_on_addition": "on", "send_on_removal": "on", "period": "15m", "fields": "email, metadata.plan"}
    given |= {"days": ["1", "2", "3", "4", "5", "6", "7"]}
    return {name: value for name, value in {**given, **values}.items() if value is not None}


def test_a_subscription_starts_from_the_members_of_the_moment(boss):
    cohort, channel = make_cohort(), make_channel()
    make_membership(cohort, make_customer(), version=3)

    answer = boss.post(f"{SUBSCRIPTIONS}add/", form(cohort=cohort.pk, channel=channel.pk, period="1d"))

    assert answer.status_code == 302
    made = Subscription.objects.get()
    assert (made.cohort, made.channel, made.settled_version) == (cohort, channel, 3)
    assert (made.fields, made.period) == (["email", "metadata.plan"], timedelta(days=1))
    assert made.created_by.username == answer.wsgi_request.user.username


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"fields": "plan"}, "fields"),
        ({"period": "1s"}, "period"),
        ({"send_on_addition": None, "send_on_removal": None}, "send_on_addition"),
        ({"send_on_addition": None, "tell_existing": "on"}, "tell_existing"),
        ({"cohort": None}, "cohort"),
    ],
)
def test_a_wrong_subscription_is_refused_at_its_field(boss, wrong, field):
    answer = boss.post(
        f"{SUBSCRIPTIONS}add/", form(**{"cohort": make_cohort().pk, "channel": make_channel().pk, **wrong})
    )

    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Subscription.objects.exists()


def test_a_second_subscription_on_the_same_channel_is_refused(boss):
    there = make_subscription()

    answer = boss.post(f"{SUBSCRIPTIONS}add/", form(cohort=there.cohort_id, channel=there.channel_id))

    assert answer.status_code == 200
    assert Subscription.objects.count() == 1


def test_an_edit_of_a_subscription_keeps_cohort_channel_and_progress(boss):
    subscription = make_subscription(settled_version=4, sequence=2)
    other = make_cohort()

    answer = boss.post(f"{SUBSCRIPTIONS}{subscription.pk}/change/", form(cohort=other.pk, fields="name", period="2h"))

    assert answer.status_code == 302
    stored = Subscription.objects.get()
    assert (stored.cohort, stored.settled_version, stored.sequence) == (subscription.cohort, 4, 2)
    assert (stored.fields, stored.period) == (["name"], timedelta(hours=2))


# --- Deliveries


def test_a_failed_delivery_shows_its_reason_attempts_and_message_and_leads_on(boss):
    delivery = make_delivery(
        state="dead", last_error="answered 410: the receiver is gone for good", content='{"name":"<script>x"}'
    )
    make_attempt(delivery, status="410", error="answered 410", answer="<b>moved</b>")

    listed = boss.get("/admin/notifications/delivery/").content.decode()
    page = boss.get(f"/admin/notifications/delivery/{delivery.pk}/change/").content.decode()

    assert "the receiver is gone for good" in listed
    assert "the receiver is gone for good" in page
    assert "&lt;b&gt;moved&lt;/b&gt;" in page
    assert "<script>x" not in page
    assert f"{CHANNELS}{delivery.channel_id}/change/" in page
    assert f"/admin/cohorts/cohort/{delivery.batch.subscription.cohort_id}/change/" in page
    assert f"/admin/notifications/batch/{delivery.batch_id}/change/" in page


def test_all_that_a_subscription_may_wait_for_is_edited_in_the_admin(boss):
    subscription = make_subscription(hold_when_silent=True)
    rules = {"send_at": "09:00", "days": ["1", "5"], "time_zone": "Europe/Berlin", "minimum_stay": "6h"}
    rules |= {"cool_down": "7d", "once_per_customer": "on", "hold_above": "500", "hold_above_percent": "20"}
    answer = boss.post(f"{SUBSCRIPTIONS}{subscription.pk}/change/", form(**rules))
    assert answer.status_code == 302
    kept = Subscription.objects.get()
    assert kept.schedule.words == "every Monday and Friday at 09:00 (Europe/Berlin)"
    assert (kept.minimum_stay, kept.cool_down) == (timedelta(hours=6), timedelta(days=7))
    assert (kept.once_per_customer, kept.hold_above, kept.hold_above_percent) == (True, 500, 20)
    assert kept.hold_when_silent is False
    shown = boss.get(f"{SUBSCRIPTIONS}{subscription.pk}/change/").content.decode()
    assert 'value="6h"' in shown


@pytest.mark.parametrize("decision", ["send", "drop"])
def test_what_is_held_is_sent_or_dropped_in_the_admin(boss, decision):
    one, other, ended = make_hold(), make_hold(), make_hold(outcome="lifted", ended_at=NOON)
    assert boss.get(f"{HOLDS}{one.pk}/change/").status_code == 200
    boss.post(f"{HOLDS}{one.pk}/{decision}/", CONFIRMED)
    boss.post(HOLDS, {"action": f"{decision}_selected", "_selected_action": [other.pk, ended.pk]})
    decided = dict(Hold.objects.values_list("pk", "decision"))
    assert decided == {one.pk: decision, other.pk: decision, ended.pk: ""}
