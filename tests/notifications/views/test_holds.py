"""What is held: shown where people look, sent or dropped by one click."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from pyroaring import BitMap

from notifications.models import Hold
from tests.factories import make_channel, make_cohort, make_customer, make_hold, make_subscription
from tests.notifications.views.test_subscribe import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def hold():
    people = [make_customer(f"user-{number}") for number in range(7)]
    subscription = make_subscription(cohort=make_cohort(name="Quiet"), channel=make_channel(name="Growth team"))
    return make_hold(subscription, customers=BitMap(one.pk for one in people).serialize(), added=7)


@pytest.mark.parametrize("page", ["home", "deliveries", "holds"])
def test_what_is_held_is_shown_with_why_and_who(hold, page):
    shown = client_of("Operator").get(reverse(page)).content.decode()
    for part in ("Quiet", "Growth team", "+7", hold.why, "user-0, user-1, user-2, user-3, user-4", "and 2 more"):
        assert part in shown
    assert reverse("send_hold", args=[hold.pk]) in shown


def test_who_may_not_decide_sees_it_without_the_buttons(hold):
    shown = client_of("Analyst").get(reverse("deliveries")).content.decode()
    assert hold.why in shown
    assert "an operator decides" in shown
    assert reverse("send_hold", args=[hold.pk]) not in shown


@pytest.mark.parametrize("decision", ["send", "drop"])
def test_one_click_decides_and_the_list_renews_itself(hold, decision):
    operator = client_of("Operator")
    answer = operator.post(reverse(f"{decision}_hold", args=[hold.pk]), {"revision": "1"})
    assert json.loads(answer.headers["HX-Trigger"])["holds-changed"] is True
    kept = Hold.objects.get()
    assert (kept.decision, kept.decided_by is not None) == (decision, True)
    shown = operator.get(reverse("holds")).content.decode()
    assert "with the next cycle" in shown
    assert reverse("send_hold", args=[hold.pk]) not in shown


@pytest.mark.parametrize("revision", ["2", "", "²", "-1", "x"])
def test_what_changed_since_it_was_looked_at_is_not_decided(hold, revision):
    answer = client_of("Operator").post(reverse("send_hold", args=[hold.pk]), {"revision": revision})
    assert "look again" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert Hold.objects.get().decision == ""


def test_where_nothing_is_held_nothing_is_said(db):
    operator = client_of("Operator")
    make_subscription()
    assert "Nothing of this is sent" not in operator.get(reverse("deliveries")).content.decode()
    assert "Nothing of this is sent" not in operator.get(reverse("home")).content.decode()
