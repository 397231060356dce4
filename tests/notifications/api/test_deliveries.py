"""Deliveries and holds over the API: read, filtered, replayed, decided."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from notifications.models import Delivery
from notifications.notices import own_channel
from tests.factories import NOON, make_attempt, make_batch, make_delivery, make_hold, make_told

pytestmark = pytest.mark.django_db


def test_a_delivery_is_told_with_its_content_and_attempts(api):
    content = '{"type":"cohort.membership_changed","sequence":1}'
    delivery = make_delivery(content=content, state="dead", attempt_count=1, last_error="answered 410")
    make_attempt(delivery, status="410", error="answered 410", answer="gone")

    told = api.get(f"/api/deliveries/{delivery.pk}/").json()

    assert told["content"] == json.loads(content)
    assert told["last_error"] == "answered 410"
    assert (told["state"], told["next_attempt_at"]) == ("dead", None)
    assert told["cohort"] == str(delivery.batch.subscription.cohort_id)
    assert told["attempts"] == [
        {
            "number": 1,
            "started_at": "2026-03-02T12:00:00Z",
            "duration": 1.0,
            "succeeded": False,
            "status": "410",
            "error": "answered 410",
            "answer": "gone",
        }
    ]


def test_deliveries_are_listed_newest_first_and_filtered(api):
    old, new = make_delivery(), make_delivery(state="delivered", created_at=NOON + timedelta(hours=1))

    def listed(**query):
        return [each["id"] for each in api.get("/api/deliveries/", query).json()["results"]]

    assert listed() == [str(new.pk), str(old.pk)]
    assert listed(state="pending") == [str(old.pk)]
    assert listed(channel=old.channel_id) == [str(old.pk)]
    assert listed(cohort=new.batch.subscription.cohort_id) == [str(new.pk)]
    assert listed(subscription=new.batch.subscription_id) == [str(new.pk)]
    assert listed(created_after="2026-03-02T12:30:00Z") == [str(new.pk)]
    assert api.get("/api/deliveries/?state=lost").status_code == 400


def test_notices_and_alerts_are_deliveries_too(api):
    batch, alert = make_delivery(), make_told(about="alert", title="Error rate: 2 alerts")
    mailed = make_told(own_channel(NOON), recipient="boss@example.com")
    told = {each["id"]: each for each in api.get("/api/deliveries/").json()["results"]}
    assert [told[str(one.pk)]["about"] for one in (batch, alert, mailed)] == ["batch", "alert", "notice"]
    assert told[str(batch.pk)]["title"] == batch.batch.subscription.cohort.name
    shown = told[str(alert.pk)]
    assert (shown["title"], shown["url"]) == ("Error rate: 2 alerts", alert.url)
    assert [shown[name] for name in ("batch", "cohort", "subscription", "sequence")] == [None] * 4
    assert (shown["channel"], told[str(mailed.pk)]["channel"]) == (str(alert.channel_id), None)
    assert [each["id"] for each in api.get("/api/deliveries/?about=alert").json()["results"]] == [str(alert.pk)]
    assert api.get(f"/api/deliveries/{mailed.pk}/").json()["content"] == {}


def test_deliveries_are_not_written_over_http(api):
    delivery = make_delivery()

    assert api.post("/api/deliveries/", {}).status_code == 405
    assert api.patch(f"/api/deliveries/{delivery.pk}/", {"state": "delivered"}).status_code == 405
    assert api.delete(f"/api/deliveries/{delivery.pk}/").status_code == 405
    assert Delivery.objects.get().state == "pending"


@pytest.mark.parametrize("wrong", ["%00", "%ff", "9" * 30, "cD14", "2026-99-99", "cD0yMDI2"])
@pytest.mark.parametrize("name", ["cursor", "channel", "batch", "created_after", "state", "limit"])
def test_no_filter_makes_the_site_fail(api, name, wrong):
    make_delivery()

    assert api.get(f"/api/deliveries/?{name}={wrong}").status_code < 500


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("path", ["channels", "subscriptions", "deliveries"])
def test_a_list_costs_the_same_queries_for_every_length(api, path, count, django_assert_num_queries):
    for _ in range(count):
        make_told(make_delivery(make_batch()).channel)
    api.get(f"/api/{path}/")  # notes the use of the key, once a minute

    with django_assert_num_queries(2):
        assert len(api.get(f"/api/{path}/").json()["results"]) == (2 * count if path == "deliveries" else count)


def test_a_delivery_that_was_given_up_is_replayed(api):
    delivery = make_delivery(state="dead", attempt_count=10, last_error="Given up")

    replayed = api.post(f"/api/deliveries/{delivery.pk}/replay/")

    assert (replayed.status_code, replayed.json()["state"], replayed.json()["last_error"]) == (200, "pending", None)
    assert replayed.json()["next_attempt_at"] is not None
    again = api.post(f"/api/deliveries/{delivery.pk}/replay/")
    assert (again.status_code, again.json()["code"]) == (409, "not_settled")


def test_a_selection_of_deliveries_is_replayed(api):
    dead, delivered, waiting = (make_delivery(state=state) for state in ("dead", "delivered", "pending"))
    chosen = [str(one.pk) for one in (dead, delivered, waiting)]

    replayed = api.post("/api/deliveries/replay/", {"deliveries": chosen})

    assert replayed.json() == {"replayed": 2}
    assert api.post("/api/deliveries/replay/", {"deliveries": []}).status_code == 400
    assert api.post("/api/deliveries/replay/", {"deliveries": ["x"]}).status_code == 400


def test_a_stretch_of_time_is_replayed(api):
    hours = [make_delivery(state="dead", created_at=NOON + timedelta(hours=hour)) for hour in range(4)]
    delivered = make_delivery(state="delivered", created_at=NOON + timedelta(hours=1))
    stretch = {"created_after": "2026-03-02T13:00:00Z", "created_before": "2026-03-02T15:00:00Z"}
    assert api.post("/api/deliveries/replay/", stretch).json() == {"replayed": 2}
    assert set(Delivery.objects.filter(state="pending")) == set(hours[1:3])
    arrived = {**stretch, "state": "delivered", "channel": str(delivered.channel_id)}
    assert api.post("/api/deliveries/replay/", arrived).json() == {"replayed": 1}
    for wrong in ({}, {"created_before": "2026-03-02T15:00:00Z"}, {**stretch, "deliveries": [str(delivered.pk)]}):
        assert api.post("/api/deliveries/replay/", wrong).status_code == 400


def test_what_is_held_is_listed_and_decided(api):
    ended, hold = make_hold(outcome="lifted", ended_at=NOON), make_hold(added=7)

    [listed] = api.get("/api/holds/?open=true").json()["results"]

    assert listed.items() >= {"id": hold.pk, "why": hold.why, "added": 7, "decision": None, "outcome": None}.items()
    assert api.post(f"/api/holds/{hold.pk}/send/", {"revision": 2}).json()["code"] == "not_undecided"
    assert api.post(f"/api/holds/{hold.pk}/send/", {"revision": 1}).json()["decision"] == "send"
    assert api.post(f"/api/holds/{hold.pk}/drop/", {}).status_code == 409
    assert api.post(f"/api/holds/{ended.pk}/drop/", {}).status_code == 409
