"""The log of deliveries, and sending again."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from notifications.channels import CHANNELS
from notifications.delivery import deliver
from notifications.message import NoticeText
from notifications.models import Delivery
from notifications.notices import own_channel
from notifications.telling import alert_deliveries, tell
from tests.factories import (
    make_attempt,
    make_batch,
    make_channel,
    make_cohort,
    make_delivery,
    make_subscription,
    make_told,
)
from tests.notifications.messages import STORABLE, alerts, entry, message
from tests.notifications.views.test_subscribe import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return client_of("Operator")


def make_one(cohort: str = "Big spenders", channel=None, **values) -> Delivery:
    subscription = make_subscription(cohort=make_cohort(name=cohort), channel=channel or make_channel())
    return make_delivery(make_batch(subscription), **values)


def listed(client, **query):
    answer = client.get(reverse("deliveries"), query)
    assert answer.status_code == 200
    return [delivery.pk for delivery in answer.context["page"].rows]


def test_an_empty_log_says_how_it_fills(operator):
    assert "Subscribe a channel to a cohort" in operator.get(reverse("deliveries")).content.decode()


def test_the_newest_comes_first(operator, now):
    made = [make_one(created_at=now + timedelta(minutes=minute)).pk for minute in (1, 3, 2)]
    assert listed(operator) == [made[1], made[2], made[0]]


def test_it_is_filtered_by_state_channel_cohort_batch_and_time(operator):
    old = make_one(created_at=timezone.now() - timedelta(days=3), state="dead")
    new = make_one("Went quiet", created_at=timezone.now(), state="delivered")
    assert listed(operator, state="dead") == [old.pk]
    assert listed(operator, channel=new.channel_id) == [new.pk]
    assert listed(operator, cohort=old.batch.subscription.cohort_id) == [old.pk]
    assert listed(operator, batch=new.batch_id) == [new.pk]
    assert listed(operator, since="24h") == [new.pk]
    assert listed(operator, since="7d", state="delivered") == [new.pk]
    assert listed(operator, since="1h", state="dead") == []


def test_notices_and_alerts_stand_among_them_and_are_filtered(operator, now):
    batch = make_one(created_at=now)
    notice = make_told(title="Switched off: <Hook>", created_at=now + timedelta(minutes=1))
    alert = make_told(make_channel("slack"), "alert", title="Error rate", created_at=now + timedelta(minutes=2))
    assert listed(operator) == [alert.pk, notice.pk, batch.pk]
    assert listed(operator, about="alert") == [alert.pk]
    assert listed(operator, about="notice") == [notice.pk]
    assert listed(operator, about="batch") == [batch.pk]
    shown = operator.get(reverse("deliveries")).content.decode()
    for words in ("Switched off: &lt;Hook&gt;", '"Tells">alert ', '"Tells">notice ', notice.url):
        assert words in shown


def test_the_page_of_a_notice_to_a_person_shows_who_was_told_and_what(operator, now):
    notice = NoticeText("1", now, "Switched off: Hook", "Mend it.", "https://example.com/channels/")
    content = CHANNELS["email"].write_notice(notice)
    told = make_told(own_channel(now), title=notice.title, recipient="boss@example.com", content=content)
    shown = operator.get(reverse("delivery", args=[told.pk])).content.decode()
    for words in ("Switched off: Hook to Mail to people of this site", "boss@example.com", "Mend it.", told.url):
        assert words in shown
    assert "Mend it." in operator.get(reverse("delivery_mail", args=[told.pk])).content.decode()


@pytest.mark.parametrize("kind", ["slack", "email"])
def test_an_alert_is_shown_with_its_chart_as_it_looked(operator, settings, kind):
    settings.SITE_URL = "https://cohorts.example.com"
    [delivery] = alert_deliveries(alerts("acme"), "rule 1", [make_channel(kind)])
    tell([delivery])
    shown = operator.get(reverse("delivery", args=[delivery.pk])).content.decode()
    framed = operator.get(reverse("delivery_mail", args=[delivery.pk]))
    html = shown if kind == "slack" else framed.content.decode()
    assert "Alert: Error rate over 5 %: acme" in shown
    assert 'src="data:image/png;base64,' in html
    assert "cid:" not in html


def test_filters_that_are_no_such_value_are_left_out(operator):
    made = make_one()
    assert listed(operator, state="x", about="x", channel="x", cohort="'", batch="\x00", since="x", page="x") == [
        made.pk
    ]


def test_a_long_log_is_paged_without_being_counted(operator, now, django_assert_max_num_queries):
    batch = make_batch(make_subscription())
    for number in range(60):
        made = {"created_at": now + timedelta(seconds=number)}
        make_delivery(batch, part=number, **made) if number % 2 else make_told(**made)
    with django_assert_max_num_queries(8) as queries:  # one of them finds what is held
        assert len(listed(operator)) == 50
    assert not any("COUNT(" in query["sql"] for query in queries)
    assert len(listed(operator, page="2")) == 10


def test_its_page_shows_every_attempt_and_the_content(operator):
    delivery = make_one(
        content='{"counts":{"added":2}}', state="dead", last_error="Given up after 10 attempts; the last one: no"
    )
    make_attempt(delivery, status="500", error="answered 500, expected 2xx", answer="<b>oops</b>")
    make_attempt(delivery, number=2, status="timeout", error="no answer within 10 s", duration=timedelta(seconds=10))
    make_attempt(delivery, number=3, duration=None, succeeded=None)
    assert "oops" not in operator.get(reverse("delivery", args=[delivery.pk])).content.decode()
    shown = client_of("Administrator").get(reverse("delivery", args=[delivery.pk])).content.decode()
    for words in ("answered 500", "&lt;b&gt;oops", "no answer within 10 s", "10 seconds", "Cut off", "Given up after"):
        assert words in shown
    assert "&quot;added&quot;" in shown
    assert str(delivery.pk) in shown


@pytest.mark.parametrize("kind", ["slack", "email"])
def test_what_people_read_is_shown_as_it_looked(operator, now, kind):
    channel = make_channel(kind)
    content = CHANNELS[kind].write(message(entry("Ann <b>"), cohort="Big spenders"))
    delivery = make_one(channel=channel, content=content)
    shown = operator.get(reverse("delivery", args=[delivery.pk])).content.decode()
    assert "Big spenders: 1 joined" in shown
    frame = operator.get(reverse("delivery_mail", args=[delivery.pk]))
    if kind == "email":
        assert reverse("delivery_mail", args=[delivery.pk]) in shown
        assert "Ann &lt;b&gt;" in frame.content.decode()
        assert "sandbox" in frame.headers["Content-Security-Policy"]
    else:
        assert "Ann \u2039b\u203a</a>" in shown
        assert frame.status_code == 404


def test_one_that_is_waiting_says_until_when_and_is_not_replayed(operator):
    delivery = make_one(next_attempt_at=timezone.now() + timedelta(hours=2, minutes=1))
    address = reverse("delivery", args=[delivery.pk])
    shown = operator.get(address).content.decode()
    assert "in 2 hours" in shown
    assert "Replay" not in shown
    answer = operator.post(reverse("replay_delivery", args=[delivery.pk]))
    assert "already" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]


def test_replaying_sends_it_again_under_its_id(operator, receiver):
    channel = make_channel(config={"url": receiver.url, "secret": "whsec_" + "c2VjcmV0" * 4})
    delivery = make_one(channel=channel, state="dead", attempt_count=10, last_error="Given up")
    answer = operator.post(reverse("replay_delivery", args=[delivery.pk]))
    assert answer.headers["HX-Refresh"] == "true"
    deliver(delivery.pk, timezone.now())
    assert receiver.requests[0].headers["webhook-id"] == str(delivery.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count) == ("delivered", 11)


def test_a_selection_is_replayed(operator):
    dead, delivered = make_one(state="dead"), make_one(state="delivered")
    waiting, other = make_one(), make_one(state="dead")
    chosen = {"delivery": [dead.pk, delivered.pk, waiting.pk, "nonsense"]}
    answer = operator.post(reverse("replay_deliveries"), chosen)
    assert "2 deliveries are sent again" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert set(Delivery.objects.filter(state="pending")) == {dead, delivered, waiting}
    assert Delivery.objects.get(pk=other.pk).state == "dead"
    nothing = operator.post(reverse("replay_deliveries"))
    assert "Tick the deliveries" in json.loads(nothing.headers["HX-Trigger"])["toast"]["text"]


@pytest.mark.parametrize("role", ["Viewer", "Analyst"])
def test_only_operators_replay(role):
    client = client_of(role)
    delivery = make_one(state="dead")
    for shown in (client.get(reverse("deliveries")), client.get(reverse("delivery", args=[delivery.pk]))):
        assert shown.status_code == 200
        assert "Replay" not in shown.content.decode()
    assert client.post(reverse("replay_delivery", args=[delivery.pk])).status_code == 403
    assert client.post(reverse("replay_deliveries"), {"delivery": delivery.pk}).status_code == 403
    assert Delivery.objects.get().state == "dead"


def test_hostile_names_recipients_and_answers_are_shown_and_do_nothing(operator):
    for name in STORABLE:
        short = name[:200]
        delivery = make_one(short, channel=make_channel(name=short), recipient=short, last_error=name)
        make_attempt(delivery, status=name[:60], error=name, answer=name)
        Delivery.objects.filter(pk=delivery.pk).update(content=json.dumps({"name": name}))
        for address in (reverse("deliveries"), reverse("delivery", args=[delivery.pk])):
            shown = operator.get(address).content.decode()
            assert "<script>alert" not in shown
            assert "<img src=x" not in shown
            assert "\u202e" not in shown


def test_all_that_the_filters_find_and_that_were_given_up_are_replayed(operator):
    lately, long_ago = timezone.now() - timedelta(hours=2), timezone.now() - timedelta(days=3)
    dead, old = make_one(state="dead", created_at=lately), make_one(state="dead", created_at=long_ago)
    delivered = make_one(state="delivered", created_at=lately)
    shown = operator.get(reverse("deliveries"), {"since": "24h"}).content.decode()
    assert f"{reverse('replay_all_deliveries')}?since=24h" in shown
    answer = operator.post(f"{reverse('replay_all_deliveries')}?since=24h")
    assert "1 delivery is sent again" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert list(Delivery.objects.filter(state="pending")) == [dead]
    operator.post(f"{reverse('replay_all_deliveries')}?since=24h&state=delivered")
    assert set(Delivery.objects.filter(state="pending")) == {dead, delivered}
    assert Delivery.objects.get(pk=old.pk).state == "dead"
