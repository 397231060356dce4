"""The dialog that subscribes a channel to a cohort: what it offers, refuses and saves."""

from __future__ import annotations

import json
from datetime import time, timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from ingest.columns import open_columns
from notifications.models import Channel, Subscription
from tests.factories import (
    make_channel,
    make_cohort,
    make_company,
    make_customer,
    make_membership,
    make_person,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db

DAYS = [str(day) for day in range(1, 8)]
CHOICES = {"send_on_addition": "on", "send_on_removal": "on", "period": "15m", "days": DAYS, "fields": ["email"]}
IN_PLACE = {"channel_choice": "new:webhook", "new-name": "Backend", "new-url": "https://example.com/hook"}


def client_of(role: str) -> Client:
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator():
    return client_of("Operator")


@pytest.fixture
def cohort():
    return make_cohort(name="Big spenders")


def post(client, cohort, **values):
    return client.post(reverse("subscribe", args=[cohort.pk]), CHOICES | values)


def events(answer):
    return json.loads(answer.headers["HX-Trigger"])


def test_a_channel_is_subscribed_and_the_dialog_closes(operator, cohort):
    channel = make_channel(name="Hook")
    answer = post(
        operator, cohort, channel_choice=channel.pk, period="1h", more_fields="metadata.plan, metadata.my city"
    )
    made = Subscription.objects.get()
    assert (made.cohort, made.channel, made.period) == (cohort, channel, timedelta(hours=1))
    assert (made.send_on_addition, made.send_on_removal, made.tell_existing) == (True, True, False)
    assert made.fields == ["email", "metadata.plan", "metadata.my city"]
    assert made.created_by is not None
    assert answer.status_code == 204
    assert list(events(answer)) == [f"subscriptions-{cohort.pk}", "close-dialog", "toast"]


def test_a_webhook_made_in_place_shows_its_secret_once_and_how_to_verify(operator, cohort):
    answer = post(operator, cohort, **IN_PLACE)
    channel = Channel.objects.get()
    assert (channel.name, channel.config["url"]) == ("Backend", "https://example.com/hook")
    assert Subscription.objects.get().channel == channel
    assert channel.config["secret"] in answer.content.decode()
    assert "Webhook(secret).verify" in answer.content.decode()
    assert f"subscriptions-{cohort.pk}" in events(answer)
    for address in (reverse("channels"), reverse("channel", args=[channel.pk])):
        assert channel.config["secret"] not in operator.get(address).content.decode()


def test_slack_made_in_place_has_nothing_to_show(operator, cohort):
    address = "https://hooks.slack.com/services/T0/B0/secret"
    answer = post(operator, cohort, **{"channel_choice": "new:slack", "new-name": "Growth", "new-webhook_url": address})
    assert answer.status_code == 204
    assert Channel.objects.get().config == {"webhook_url": address}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"channel_choice": ""}, "Choose where to."),
        ({"channel_choice": "nonsense"}, "This channel is gone"),
        ({"channel_choice": "new:pigeon"}, "This channel is gone"),
        (IN_PLACE | {"new-url": "ftp://example.com"}, "expected an address that starts with https://"),
        (IN_PLACE | {"new-name": ""}, "This field is required."),
        (IN_PLACE | {"period": "1s"}, "expected 1m to 7d"),
        (IN_PLACE | {"more_fields": "metadata.ok, shoe_size"}, "expected a field of a user"),
        (IN_PLACE | {"send_on_addition": [], "send_on_removal": []}, "Choose additions, removals or both."),
        (IN_PLACE | {"send_on_addition": [], "tell_existing": "on"}, "choose additions too"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(operator, cohort, values, said):
    answer = post(operator, cohort, **values)
    assert answer.status_code == 422
    assert said in answer.content.decode().replace("&quot;", '"')
    assert not Channel.objects.exists()
    assert not Subscription.objects.exists()


def test_a_faulty_form_keeps_what_was_typed_also_a_secret(operator, cohort):
    address = "https://hooks.slack.com/services/T0/B0/secret"
    values = {"channel_choice": "new:slack", "new-name": "", "new-webhook_url": address, "more_fields": "metadata.plan"}
    shown = post(operator, cohort, **values).content.decode()
    assert address in shown
    assert 'value="metadata.plan"' in shown


def test_a_channel_that_is_told_already_is_not_offered_again(operator, cohort):
    taken = make_subscription(cohort=cohort).channel
    shown = operator.get(reverse("subscribe", args=[cohort.pk])).content.decode()
    assert "told already" in shown
    assert "told of the cohort already" in post(operator, cohort, channel_choice=taken.pk).content.decode()
    assert Subscription.objects.count() == 1


def test_who_may_not_add_channels_chooses_among_those_that_are_there(cohort):
    analyst = client_of("Analyst")
    assert "your account may not add one" in analyst.get(reverse("subscribe", args=[cohort.pk])).content.decode()
    channel = make_channel()
    shown = analyst.get(reverse("subscribe", args=[cohort.pk])).content.decode()
    assert str(channel.pk) in shown
    assert "new:webhook" not in shown
    assert "Send a test" not in shown
    assert "You may not add channels" in post(analyst, cohort, **IN_PLACE).content.decode()
    assert Channel.objects.count() == 1
    assert post(analyst, cohort, channel_choice=channel.pk).status_code == 204


def test_the_fields_seen_in_profiles_are_offered(operator, cohort, now):
    metadata = {"plan": "pro", "usage": {"seats": 3}, "email": "a@example.com", "<b>bold</b>": 1}
    make_user("ada", metadata=metadata)
    make_company("acme", metadata={"industry": "toys"})
    open_columns().seal(now)
    shown = operator.get(reverse("subscribe", args=[cohort.pk])).content.decode()
    assert 'value="metadata.plan"' in shown
    assert 'value="metadata.usage.seats"' in shown
    assert 'value="metadata.email"' not in shown
    assert "industry" not in shown
    assert "<b>bold" not in shown


def test_a_new_subscription_starts_from_what_a_person_wants_to_read(operator, cohort):
    make_membership(cohort, make_customer(), make_customer())
    shown = operator.get(reverse("subscribe", args=[cohort.pk])).content.decode()
    assert 'value="email" checked' in shown
    assert '<option value="15m" selected>At most every 15 minutes</option>' in shown
    assert "2 members now" in shown


def test_existing_members_are_told_of_when_asked(operator, cohort):
    post(operator, cohort, **IN_PLACE, tell_existing="on")
    assert Subscription.objects.get().tell_existing


def test_a_subscription_is_edited_and_its_channel_stays(operator):
    subscription = make_subscription(fields=["email"], period=timedelta(hours=36))
    shown = operator.get(reverse("subscription", args=[subscription.pk])).content.decode()
    assert '<option value="36h" selected>At most every 36 hours</option>' in shown
    other = make_channel()
    values = {"send_on_removal": "on", "period": "1d", "days": DAYS, "fields": ["name"], "channel_choice": other.pk}
    answer = operator.post(reverse("subscription", args=[subscription.pk]), values)
    assert answer.status_code == 204
    kept = Subscription.objects.get(pk=subscription.pk)
    assert (kept.send_on_addition, kept.period, kept.fields) == (False, timedelta(days=1), ["name"])
    assert kept.channel == subscription.channel


def test_additions_stay_on_while_existing_members_wait_to_be_told_of(operator):
    subscription = make_subscription(tell_existing=True)
    values = {"send_on_removal": "on", "period": "1d", "days": DAYS}
    answer = operator.post(reverse("subscription", args=[subscription.pk]), values)
    assert answer.status_code == 422
    assert "choose additions too" in answer.content.decode()
    Subscription.objects.update(existing_told=True)
    assert operator.post(reverse("subscription", args=[subscription.pk]), values).status_code == 204


def test_a_subscription_is_paused_resumed_and_deleted(operator):
    subscription = make_subscription()
    for view, paused in (("pause_subscription", True), ("resume_subscription", False)):
        answer = operator.post(reverse(view, args=[subscription.pk]))
        assert f"subscriptions-{subscription.cohort_id}" in events(answer)
        assert (Subscription.objects.get().paused_at is not None) == paused
    operator.post(reverse("delete_subscription", args=[subscription.pk]))
    assert not Subscription.objects.exists()


def test_pausing_again_keeps_the_time_since_when(operator, now):
    subscription = make_subscription(paused_at=now)
    operator.post(reverse("pause_subscription", args=[subscription.pk]))
    assert Subscription.objects.get().paused_at == now


def test_a_digest_with_all_that_is_folded_away_is_saved_and_shown_again(operator, cohort):
    answer = post(
        operator,
        cohort,
        channel_choice=make_channel().pk,
        period="at",
        send_at="08:30",
        days=["1", "3"],
        quiet_from="22:00",
        quiet_to="07:00",
        time_zone="Europe/Berlin",
        minimum_stay="6h",
        cool_down="7d",
        once_per_customer="on",
        hold_above="500",
        hold_above_percent="20",
    )
    assert answer.status_code == 204
    made = Subscription.objects.get()
    assert made.schedule.words == "every Monday and Wednesday at 08:30 (Europe/Berlin)"
    assert (made.quiet_from, made.quiet_to) == (time(22), time(7))
    assert (made.minimum_stay, made.cool_down) == (timedelta(hours=6), timedelta(days=7))
    assert (made.once_per_customer, made.hold_above, made.hold_above_percent) == (True, 500, 20)
    assert made.hold_when_silent is False
    assert made.period == timedelta(minutes=15)
    form = operator.get(reverse("subscription", args=[made.pk])).context["form"]
    shown = {name: form[name].value() for name in ("period", "send_at", "days", "minimum_stay", "hold_above")}
    expected = {"period": "at", "send_at": time(8, 30), "days": [1, 3], "minimum_stay": "6h", "hold_above": 500}
    assert shown == expected


def test_a_period_in_place_of_a_digest_ends_it(operator, cohort):
    subscription = make_subscription(cohort=cohort, send_at=time(9), days=[1])
    values = CHOICES | {"send_at": "09:00", "period": "1h"}
    assert operator.post(reverse("subscription", args=[subscription.pk]), values).status_code == 204
    kept = Subscription.objects.get()
    assert (kept.send_at, kept.period) == (None, timedelta(hours=1))


@pytest.mark.parametrize(
    ("values", "field", "error"),
    [
        ({"period": "at", "send_at": ""}, "send_at", "Choose the time of day."),
        ({"period": "at", "send_at": "25:00"}, "send_at", "Enter a valid time."),
        ({"days": []}, "days", "Choose at least one day."),
        ({"quiet_from": "22:00"}, "quiet_to", "Quiet hours need a beginning and an end."),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to", "Quiet hours end when they begin"),
        (
            {"period": "at", "send_at": "23:00", "quiet_from": "22:00", "quiet_to": "07:00"},
            "send_at",
            "This time lies in the quiet hours",
        ),
        ({"minimum_stay": "2y"}, "minimum_stay", "expected an integer and one of"),
        ({"hold_above": "0"}, "hold_above", "greater than or equal to 1"),
        ({"hold_above_percent": "101"}, "hold_above_percent", "less than or equal to 100"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone", "expected the name of a time zone"),
    ],
)
def test_rules_that_do_not_go_together_are_refused_beside_the_field(operator, cohort, values, field, error):
    answer = post(operator, cohort, channel_choice=make_channel().pk, **values)
    assert answer.status_code == 422
    assert error in answer.context["form"].errors[field][0]
    assert error in answer.content.decode()


def test_what_will_happen_is_said_beside_the_dialog(operator, cohort):
    values = CHOICES | {
        "period": "at",
        "send_at": "09:00",
        "days": ["1", "2", "3", "4", "5"],
        "time_zone": "Europe/Berlin",
        "minimum_stay": "1h",
        "cool_down": "7d",
        "hold_above": "500",
        "hold_when_silent": "on",
    }
    answer = operator.post(reverse("notification_preview", args=[cohort.pk]), values)
    assert answer.context["rules"] == [
        "Every weekday at 09:00 (Europe/Berlin), the net change since the last one.",
        "A change is told once it has lasted 1 hour; who turns back before is not mentioned.",
        "Of the same customer nothing more is told for 1 week; then what came of it meanwhile.",
        "Held until somebody decides, when more than 500 customers would be told of at once or when events have "
        "stopped coming in.",
    ]
