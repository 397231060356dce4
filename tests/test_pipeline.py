"""The whole product at once: a published client sends, a cycle runs, real receivers are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from moesifapi.configuration import Configuration
from moesifapi.models import CompanyModel, EventModel, EventRequestModel, EventResponseModel, UserModel
from moesifapi.moesif_api_client import MoesifAPIClient

from cohorts.models import Cohort, Evaluation, MembershipChange
from cohortsite.management.commands.run_cycle import describe
from cohortsite.pipeline import UnitKind, due_units, run_cycle, run_unit
from ingest.models import Event, Scope
from notifications.batching import subscribe
from notifications.models import Attempt, Batch, Delivery, Settlement
from tests.clients.senders import call_app, moesifdjango_app, wait_until
from tests.factories import make_api_key, make_channel, make_cohort, make_event, make_user

pytestmark = pytest.mark.django_db(transaction=True)

MINUTES = timedelta(minutes=15)
SECRET = "whsec_" + "c2VjcmV0" * 4
FIRST_CALL_WITH_400 = {
    "version": 1,
    "match": {
        "all": [
            {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
            {
                "performed": {
                    "type": "api_call",
                    "where": {"field": "response.status", "op": "is", "value": 400},
                },
                "at_least": 1,
                "within": {"calendar": "today"},
            },
        ]
    },
}


@pytest.fixture
def now() -> datetime:
    """The clock's time: the published client stamps what it sends."""
    return datetime.now(UTC)


@pytest.fixture
def api(live_server):
    """The published Python client, with only its address and key set."""
    address = Configuration.BASE_URI
    Configuration.BASE_URI = live_server.url
    yield MoesifAPIClient(make_api_key(Scope.COLLECTOR)).api
    Configuration.BASE_URI = address


@pytest.fixture
def cohort(now) -> Cohort:
    zone = f"Etc/GMT{now.hour - 12:+d}"  # where it is about noon, so that today lasts until the test is over
    return make_cohort(
        name="First call today, and hit a 400", criteria=FIRST_CALL_WITH_400, created_at=now, time_zone=zone
    )


def sdk_call(user: str, company: str, at: datetime, status: int) -> EventModel:
    return EventModel(
        request=EventRequestModel(time=at.isoformat(), uri="https://api.acme.test/items/7", verb="POST", headers={}),
        response=EventResponseModel(time=at.isoformat(), status=status, headers={}),
        user_id=user,
        company_id=company,
    )


def test_a_first_call_that_fails_is_told_by_webhook_slack_and_email(api, cohort, now, receiver, slack, mailbox):
    run_cycle(now)
    everything = ["email", "name", "company_id", "first_seen_time", "metadata.plan"]
    hook = make_channel(config={"url": receiver.url, "secret": SECRET})
    for channel in (
        hook,
        make_channel("slack", config={"webhook_url": slack.webhook_url}),
        make_channel("email", config={"recipients": ["success@example.com"]}),
    ):
        subscribe(cohort, channel, now=now, fields=everything)

    api.update_company(CompanyModel(company_id="acme", company_domain="acme.test", metadata={"plan": "pro"}))
    api.update_user(
        UserModel(user_id="u-1", company_id="acme", metadata={"email": "ann@acme.test", "name": "Ann", "plan": "pro"})
    )
    api.create_event(sdk_call("u-1", "acme", now, 400))
    api.create_events_batch([sdk_call("u-2", "acme", now, 200), sdk_call("u-1", "acme", now, 400)])
    report = run_cycle(now + MINUTES)

    assert report.faults == []
    assert [attempt.succeeded for attempt in report.attempts] == [True, True, True]
    [request] = receiver.requests
    body = request.verified(SECRET)
    assert request.headers["webhook-id"] == body["id"]
    assert (body["type"], body["sequence"], body["part"], body["parts"]) == ("cohort.membership_changed", 1, 1, 1)
    assert body["cohort"]["name"] == cohort.name
    assert body["counts"] == {"added": 1, "removed": 0, "members": 1}
    [ann] = body["added"]
    assert body["removed"] == []
    assert (ann["user_id"], ann["company_id"], ann["email"], ann["name"]) == ("u-1", "acme", "ann@acme.test", "Ann")
    assert (ann["metadata"], ann["reason"]) == ({"plan": "pro"}, "behavior")
    assert "API Call where response.status is 400: 2 times today (at least 1)" in ann["because"]
    [mail] = mailbox.mails
    assert "First call today, and hit a 400" in mail.message["Subject"]
    assert "Ann" in mail.message.get_body(("plain",)).get_content()
    [message] = slack.requests
    assert "Ann" in message.body.decode()


def test_calls_that_a_django_application_reports_are_told(cohort, now, live_server, receiver):
    run_cycle(now)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=now)
    with moesifdjango_app(live_server.url, make_api_key(Scope.COLLECTOR)) as app:
        assert call_app(app, "/items/42", user_id="u-1", company_id="acme") == 200
        assert call_app(app, "/bad", user_id="u-2", company_id="acme") == 400
        assert call_app(app, "/broken", user_id="u-3", company_id="acme") == 500
        wait_until(lambda: Event.objects.count() == 3)
    run_cycle(now + MINUTES)
    [request] = receiver.requests
    [added] = request.verified(SECRET)["added"]
    assert (added["user_id"], added["reason"]) == ("u-2", "behavior")
    assert "API Call where response.status is 400: 1 time today (at least 1)" in added["because"]


def test_a_second_cycle_at_the_same_instant_changes_nothing(cohort, now, receiver):
    ann = make_user("ann", now)
    run_cycle(now)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=now)
    make_event(ann, now + timedelta(minutes=1), response={"status": 400})
    run_cycle(now + MINUTES)
    tables = (Event, Evaluation, MembershipChange, Settlement, Batch, Delivery, Attempt)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    report = run_cycle(now + MINUTES)
    assert (report.evaluations, report.batches, report.attempts, report.faults) == ([], [], [], [])
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before
    assert len(receiver.requests) == 1


def test_units_do_what_a_cycle_does(cohort, now, receiver):
    make_event(make_user("bob", now), now)
    run_cycle(now)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=now)
    make_event(make_user("ann", now), now + timedelta(minutes=1), response={"status": 400})
    later, done = now + MINUTES, []
    while units := due_units(later):
        run_unit(units[0], later)
        run_unit(units[0], later)  # a unit that is found twice does no harm
        done.append(units[0].kind)
    assert done == [UnitKind.SEAL, UnitKind.COHORT, UnitKind.SUBSCRIPTION, UnitKind.CHANNEL]
    [request] = receiver.requests
    assert [added["user_id"] for added in request.json["added"]] == ["ann"]


def test_a_receiver_that_is_down_is_told_later_with_the_same_id(cohort, now, receiver):
    run_cycle(now)
    hook = make_channel(config={"url": receiver.url, "secret": SECRET})
    subscribe(cohort, hook, now=now)
    make_event(make_user("ann", now), now + timedelta(minutes=1), response={"status": 400})
    receiver.answers.extend([type(receiver.always)(503)])
    [failed] = run_cycle(now + MINUTES).attempts
    hook.refresh_from_db()
    assert (failed.succeeded, failed.status) == (False, "503")
    assert "503" in hook.last_error
    [delivered] = run_cycle(now + 2 * MINUTES).attempts
    first, second = receiver.requests
    assert delivered.succeeded
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_one_step_that_fails_does_not_stop_the_others(cohort, now, settings, receiver):
    run_cycle(now)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=now)
    broken = subscribe(cohort, make_channel(kind="webhook", config={}), now=now)
    make_event(make_user("ann", now), now + timedelta(minutes=1), response={"status": 400})
    run_cycle(now + MINUTES)
    assert len(receiver.requests) == 1
    assert Delivery.objects.filter(batch__subscription=broken, state="delivered").count() == 0


def test_the_command_says_what_it_did_and_refuses_a_time_without_offset(cohort, now):
    make_event(make_user("ann", now), now, response={"status": 400})
    out = StringIO()
    call_command("run_cycle", "--now", now.isoformat(), stdout=out)
    assert "sealed 1 events" in out.getvalue()
    assert f"{cohort.name}: 1 members, a baseline that nobody is told of" in out.getvalue()
    out = StringIO()
    call_command("run_cycle", "--now", (now + timedelta(minutes=1)).isoformat(), stdout=out)
    assert "not due" in out.getvalue()
    with pytest.raises(Exception, match="expected an offset"):
        call_command("run_cycle", "--now", "2026-03-01T12:00:00")


def test_a_quiet_cycle_is_described_in_one_place(now):
    assert describe(run_cycle(now), now)[0] == f"Cycle as of {now:%Y-%m-%d %H:%M:%S} UTC"
