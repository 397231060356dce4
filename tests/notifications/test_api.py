"""The management API of channels, subscriptions and deliveries."""

import json
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from notifications.models import Channel, Delivery, Subscription
from notifications.notices import own_channel
from tests.factories import (
    NOON,
    make_api_key,
    make_attempt,
    make_batch,
    make_channel,
    make_cohort,
    make_customer,
    make_delivery,
    make_hold,
    make_membership,
    make_person,
    make_subscription,
    make_told,
)

pytestmark = pytest.mark.django_db
URL = "https://example.com/hooks/cohorts?token=hidden"


def client_with(*scopes):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*scopes)}")
    return client


@pytest.fixture
def api():
    """A client whose key may do everything here."""
    return client_with(Scope.READ, Scope.WRITE, Scope.ADMIN)


# --- Channels


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


# --- Subscriptions


def test_a_subscription_is_created_from_the_members_of_the_moment(api):
    cohort, channel = make_cohort(), make_channel()
    make_membership(cohort, make_customer(), version=3)
    given = {
        "cohort": str(cohort.pk),
        "channel": str(channel.pk),
        "send_on_addition": True,
        "send_on_removal": False,
        "period": "1d",
        "fields": ["email", "metadata.plan"],
        "tell_existing": False,
    }

    created = api.post("/api/subscriptions/", given)

    assert created.status_code == 201
    assert {name: created.json()[name] for name in given} == given
    assert api.get(f"/api/subscriptions/{created.json()['id']}/").json() == created.json()
    assert Subscription.objects.get().settled_version == 3


def test_what_is_left_out_has_its_default(api):
    created = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk}).json()

    expected = {"send_on_addition": True, "send_on_removal": True, "period": "15m", "fields": [], "paused": False}
    assert created.items() >= expected.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cohort", "00000000-0000-0000-0000-000000000000"),
        ("cohort", 7),
        ("channel", None),
        ("period", "8d"),
        ("fields", ["plan"]),
        ("fields", "email"),
        ("fields", ["company_domain"]),
        ("send_on_adition", True),
    ],
)
def test_a_wrong_subscription_is_refused_by_the_name_of_the_field(api, field, value):
    given = {"cohort": make_cohort().pk, "channel": make_channel().pk, field: value}

    answer = api.post("/api/subscriptions/", given)

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, [field])


def test_a_subscription_that_tells_nothing_is_refused(api):
    nothing = {"send_on_addition": False, "send_on_removal": False}

    created = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk, **nothing})
    edited = api.patch(
        f"/api/subscriptions/{make_subscription(send_on_removal=False).pk}/", {"send_on_addition": False}
    )

    assert (created.status_code, edited.status_code) == (400, 400)


def test_a_second_subscription_on_the_same_channel_is_refused(api):
    there = make_subscription()

    answer = api.post("/api/subscriptions/", {"cohort": there.cohort_id, "channel": there.channel_id})

    assert (answer.status_code, answer.json()["code"]) == (409, "already_subscribed")


def test_an_edit_leaves_cohort_channel_and_progress(api):
    subscription = make_subscription(settled_version=4, sequence=2)
    address = f"/api/subscriptions/{subscription.pk}/"

    edited = api.patch(address, {"fields": ["email", "email"], "period": "1h", "paused": True})

    assert edited.json().items() >= {"fields": ["email"], "period": "1h", "paused": True, "sequence": 2}.items()
    subscription.refresh_from_db()
    assert (subscription.settled_version, subscription.period) == (4, timedelta(hours=1))
    assert api.patch(address, {"cohort": make_cohort().pk}).status_code == 400
    assert api.patch(address, {"channel": make_channel().pk}).status_code == 400
    assert api.delete(address).status_code == 204


# --- Deliveries


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


def test_the_own_channel_of_the_site_cannot_be_seen_or_used(api):
    own, cohort = own_channel(NOON), make_cohort()
    assert api.get("/api/channels/").json()["results"] == []
    assert api.get(f"/api/channels/{own.pk}/").status_code == 404
    assert api.post(f"/api/channels/{own.pk}/test/").status_code == 404
    refused = api.post("/api/subscriptions/", {"cohort": str(cohort.pk), "channel": str(own.pk)})
    assert refused.status_code == 400


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


# --- Who may


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "channels/", Scope.READ),
        ("post", "channels/", Scope.ADMIN),
        ("patch", "channels/CHANNEL/", Scope.ADMIN),
        ("delete", "channels/CHANNEL/", Scope.ADMIN),
        ("post", "channels/CHANNEL/test/", Scope.ADMIN),
        ("get", "subscriptions/", Scope.READ),
        ("post", "subscriptions/", Scope.WRITE),
        ("patch", "subscriptions/SUBSCRIPTION/", Scope.WRITE),
        ("delete", "subscriptions/SUBSCRIPTION/", Scope.WRITE),
        ("get", "deliveries/", Scope.READ),
    ],
)
def test_a_key_needs_the_scope(method, path, scope):
    subscription, channel = make_subscription(), make_channel("email")
    path = "/api/" + path.replace("CHANNEL", str(channel.pk)).replace("SUBSCRIPTION", str(subscription.pk))

    assert getattr(APIClient(), method)(path).status_code == 401
    assert getattr(client_with(*[each for each in Scope if each != scope]), method)(path).status_code == 403
    assert getattr(client_with(scope), method)(path).status_code not in (401, 403)


def test_a_person_needs_the_permission_of_the_model():
    nobody, boss = APIClient(), APIClient()
    nobody.force_login(make_person(superuser=False))
    boss.force_login(make_person())
    channel = make_channel()

    assert nobody.get("/api/channels/").status_code == 403
    assert nobody.post(f"/api/channels/{channel.pk}/test/").status_code == 403
    assert boss.get(f"/api/channels/{channel.pk}/").json()["config"] == {"url": channel.config["url"]}


def test_a_person_cannot_be_made_to_write_by_another_site():
    boss = APIClient(enforce_csrf_checks=True)
    boss.force_login(make_person())

    assert boss.post("/api/channels/", {}).status_code == 403


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


@pytest.mark.parametrize("address", ["/api/deliveries/{}/replay/", "/api/deliveries/replay/"])
def test_replaying_takes_the_scope_of_an_administrator(address):
    delivery = make_delivery(state="dead")
    client = client_with(Scope.READ, Scope.WRITE)

    assert client.post(address.format(delivery.pk), {"deliveries": [str(delivery.pk)]}).status_code == 403
    assert Delivery.objects.get().state == "dead"


def test_existing_members_are_told_of_only_together_with_additions(api):
    values = {"cohort": str(make_cohort().pk), "channel": str(make_channel().pk), "tell_existing": True}

    refused = api.post("/api/subscriptions/", values | {"send_on_addition": False})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["path"] == "tell_existing"
    created = api.post("/api/subscriptions/", values)
    assert created.status_code == 201
    address = f"/api/subscriptions/{created.json()['id']}/"
    assert api.patch(address, {"send_on_addition": False}).status_code == 400
    Subscription.objects.update(existing_told=True)
    assert api.patch(address, {"send_on_addition": False}).status_code == 200


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


def test_what_was_answered_is_read_by_administrators_only(api):
    delivery = make_delivery()
    make_attempt(delivery, status="500", error="answered 500", answer="canary")
    address = f"/api/deliveries/{delivery.pk}/"
    assert api.get(address).json()["attempts"][0]["answer"] == "canary"
    read = client_with(Scope.READ).get(address).json()["attempts"][0]
    assert (read["answer"], read["error"]) == ("", "answered 500")


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


# --- When and what a subscription tells

RULES = {
    "send_at": "09:00",
    "days": [5, 1, 1],
    "quiet_from": "22:00",
    "quiet_to": "07:00",
    "time_zone": "Europe/Berlin",
    "minimum_stay": "6h",
    "cool_down": "7d",
    "once_per_customer": False,
    "hold_above": 500,
    "hold_above_percent": 20,
    "hold_when_silent": False,
}


def test_the_rules_of_a_subscription_are_saved_and_said_in_words(api):
    there = {"cohort": make_cohort().pk, "channel": make_channel().pk}

    created = api.post("/api/subscriptions/", {**there, **RULES}).json()

    assert created.items() >= {**RULES, "days": [1, 5], "period": "15m"}.items()
    assert created["words"].startswith(
        "Every Monday and Friday at 09:00 (Europe/Berlin), the net change since the last"
    )
    nothing = dict.fromkeys(("send_at", "quiet_from", "quiet_to", "minimum_stay", "cool_down", "hold_above"))
    edited = api.patch(f"/api/subscriptions/{created['id']}/", nothing).json()
    assert edited.items() >= nothing.items()
    assert edited["words"].startswith("At most every 15 minutes, only on Mondays and Fridays (Europe/Berlin), the net")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"send_at": "9 o'clock"}, "send_at"),
        ({"send_at": "23:00", "quiet_from": "22:00", "quiet_to": "07:00"}, "send_at"),
        ({"days": []}, "days"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"minimum_stay": "1s"}, "minimum_stay"),
        ({"cool_down": "366d"}, "cool_down"),
        ({"hold_above": 0}, "hold_above"),
        ({"hold_above_percent": 101}, "hold_above_percent"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_name_of_the_field(api, values, field):
    answer = api.post("/api/subscriptions/", {"cohort": make_cohort().pk, "channel": make_channel().pk, **values})

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (400, [field])


def test_what_is_held_is_listed_and_decided(api):
    ended, hold = make_hold(outcome="lifted", ended_at=NOON), make_hold(added=7)

    [listed] = api.get("/api/holds/?open=true").json()["results"]

    assert listed.items() >= {"id": hold.pk, "why": hold.why, "added": 7, "decision": None, "outcome": None}.items()
    assert api.post(f"/api/holds/{hold.pk}/send/", {"revision": 2}).json()["code"] == "not_undecided"
    assert api.post(f"/api/holds/{hold.pk}/send/", {"revision": 1}).json()["decision"] == "send"
    assert api.post(f"/api/holds/{hold.pk}/drop/", {}).status_code == 409
    assert api.post(f"/api/holds/{ended.pk}/drop/", {}).status_code == 409
