"""What the pages of cohorts show of notifications."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.template import engines
from django.test import RequestFactory
from django.urls import reverse

from notifications.schedule import every
from tests.factories import NOON, make_batch, make_channel, make_cohort, make_delivery, make_person, make_subscription
from tests.notifications.messages import STORABLE
from tests.notifications.views.test_subscribe import client_of

pytestmark = pytest.mark.django_db


def person_with(role: str) -> User:
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name=role))
    return person


def render(source: str, role: str = "Analyst", person: User | None = None, **context) -> str:
    request = RequestFactory().get("/")
    request.user = person or person_with(role)
    return engines["django"].from_string("{% load notifications %}" + source).render(context, request)


def test_a_list_of_cohorts_shows_its_channels_with_one_query(django_assert_num_queries):
    cohorts = [make_cohort() for _ in range(5)]
    for cohort in cohorts:
        for number in range(3):
            make_subscription(cohort=cohort, channel=make_channel(name=f"Hook {number}"))
    source = """{% subscriptions_of cohorts as subscriptions %}
        {% for cohort in cohorts %}{% cohort_channels cohort subscriptions %}{% endfor %}"""
    person = person_with("Analyst")
    with django_assert_num_queries(1 + 2):  # the person's own permissions, and those of the groups
        shown = render(source, person=person, cohorts=cohorts)
    assert shown.count('told-name">Hook 2') == 5


def test_the_plus_is_only_for_who_may_subscribe():
    cohort = make_cohort()
    address = reverse("subscribe", args=[cohort.pk])
    for source in ("{% cohort_channels cohort %}", "{% cohort_subscriptions cohort %}"):
        assert address in render(source, "Analyst", cohort=cohort)
        assert address not in render(source, "Viewer", cohort=cohort)


def test_a_viewer_sees_the_channels_without_controls():
    subscription = make_subscription(channel=make_channel(name="Hook"))
    own = reverse("subscription", args=[subscription.pk])
    for source in ("{% cohort_channels cohort %}", "{% cohort_subscriptions cohort %}"):
        shown = render(source, "Viewer", cohort=subscription.cohort)
        assert "Hook" in shown
        assert own not in shown
        assert own in render(source, "Analyst", cohort=subscription.cohort)


def test_a_failing_or_paused_channel_is_told_in_words():
    cohort = make_cohort()
    make_subscription(cohort=cohort, channel=make_channel(last_error="answered 500"))
    make_subscription(cohort=cohort, paused_at=NOON)
    shown = render("{% cohort_channels cohort %}", cohort=cohort)
    assert ", failing" in shown
    assert ", paused" in shown


def test_a_subscription_says_what_it_tells_and_what_was_sent_last():
    subscription = make_subscription(send_on_removal=False, period=timedelta(hours=2), sequence=2)
    make_delivery(make_batch(subscription, sequence=1), state="dead")
    last = make_batch(subscription, sequence=2)
    make_delivery(last, part=1, state="delivered")
    make_delivery(last, part=2, state="pending")
    shown = render("{% cohort_subscriptions cohort %}", cohort=subscription.cohort)
    for words in ("joins", "2 hours", "1 of 2 waiting", f"?batch={last.pk}"):
        assert words in shown
    assert "given up" not in shown
    assert "leaves" not in shown.replace("joins and leaves.", "")


def test_what_was_sent_is_listed_newest_first_with_its_state():
    subscription = make_subscription()
    for number, state in ((1, "delivered"), (2, "dead")):
        created_at = NOON + timedelta(hours=number)
        batch = make_batch(subscription, sequence=number, added=1000 + number, created_at=created_at)
        make_delivery(batch, state=state)
    make_batch(make_subscription(), added=7)
    shown = render("{% cohort_batches cohort %}", "Viewer", cohort=subscription.cohort)
    assert shown.index("1,002") < shown.index("1,001")
    assert shown.index("given up") < shown.index("delivered")
    assert "Nothing was sent yet" in render("{% cohort_batches cohort %}", cohort=make_cohort())


def test_hostile_names_are_shown_and_do_nothing():
    for name in STORABLE:
        cohort = make_cohort(name=name[:200])
        make_delivery(make_batch(make_subscription(cohort=cohort, channel=make_channel(name=name[:200]), sequence=1)))
        for tag in ("cohort_channels", "cohort_subscriptions", "cohort_batches"):
            shown = render("{% " + tag + " cohort %}", cohort=cohort)
            assert "<script>alert" not in shown
            assert "<img src=x" not in shown
            assert "\u202e" not in shown


@pytest.mark.parametrize("view", ["cohort_channels", "cohort_subscriptions"])
def test_a_part_of_a_page_renews_itself(view):
    subscription = make_subscription(channel=make_channel(name="Hook"))
    shown = client_of("Viewer").get(reverse(view, args=[subscription.cohort_id])).content.decode()
    assert "Hook" in shown
    assert f"subscriptions-{subscription.cohort_id} from:body" in shown
    assert "<html" not in shown


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(hours=1), "hour"),
        (timedelta(days=14), "2 weeks"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_how_often(period, words):
    assert every(period) == words
