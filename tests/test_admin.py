"""The admin as a whole: every registered model has a list and a page, and neither asks more queries for more rows."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success
from django_q.signing import SignedPackage

from cohorts.models import (
    Backtest,
    BacktestStep,
    Baseline,
    Cohort,
    CohortList,
    Evaluation,
    ListEdit,
    Membership,
    MembershipChange,
)
from cohortsite.admin_sidebar import GROUPS
from cohortsite.models import Heartbeat, Process
from ingest.models import (
    ApiKey,
    Arrival,
    Customer,
    CustomerVersion,
    Erasure,
    Event,
    Rejection,
    Route,
    SealQueue,
    Segment,
)
from notifications.alerts.models import Alert, AlertChange, AlertRule, Maintenance, RuleChannel
from notifications.models import (
    Attempt,
    Batch,
    Channel,
    Delivery,
    Hold,
    SentTests,
    Settlement,
    Subscription,
    Suppression,
    Waiting,
)
from tests import factories
from tests.factories import NOON, NUMBERS
from tests.notifications.alerts import rows

pytestmark = pytest.mark.django_db


def make_segment() -> Segment:
    return Segment.objects.create(kind="events", state="published", rows=3, size=4_000, created_at=NOON)


def make_task(model, **values):
    now = timezone.now()
    number = next(NUMBERS)
    return model.objects.create(
        id=f"task{number}", name=f"task {number}", func="cohortsite.schedules.work", started=now, stopped=now, **values
    )


def make_schedule() -> Schedule:
    task = make_task(Success, success=True, args=("seal", ""))
    return Schedule.objects.create(name=f"tick {next(NUMBERS)}", func="cohortsite.schedules.tick", task=task.id)


def make_queued() -> OrmQ:
    payload = SignedPackage.dumps({"id": "x", "name": "x", "func": "f", "args": (), "kwargs": {}})
    return OrmQ.objects.create(key="cohortsite", payload=payload, lock=NOON)


MAKERS = {
    User: factories.make_person,
    Group: lambda: Group.objects.create(name=f"Group {next(NUMBERS)}"),
    Schedule: make_schedule,
    Success: lambda: make_task(Success, success=True, args=("seal", "")),
    Failure: lambda: make_task(Failure, success=False, result="Traceback\nValueError: no"),
    OrmQ: make_queued,
    Heartbeat: lambda: Heartbeat.objects.create(name=f"worker {next(NUMBERS)}", at=NOON),
    Process: lambda: Process.objects.create(role="site", host=f"host{next(NUMBERS)}", started_at=NOON),
    Customer: lambda: factories.make_customer(company=factories.make_customer(kind="company")),
    CustomerVersion: factories.make_version,
    Event: factories.make_stored_event,
    SealQueue: lambda: SealQueue.objects.create(source="event", row=1, segment=make_segment()),
    Segment: make_segment,
    Erasure: lambda: Erasure.objects.create(customer=factories.make_customer(), erased_at=NOON, events=3),
    ApiKey: factories.make_key_row,
    Arrival: factories.make_arrival,
    Rejection: factories.make_rejection,
    Route: lambda: Route.objects.create(path=f"/items/{next(NUMBERS)}", seen_on=NOON.date()),
    Cohort: lambda: factories.make_membership(factories.make_cohort(), factories.make_customer()).cohort,
    Membership: lambda: factories.make_membership(factories.make_cohort(), factories.make_customer()),
    Baseline: lambda: factories.make_membership(factories.make_cohort()).cohort.baselines.get(),
    Evaluation: factories.make_evaluation,
    MembershipChange: factories.make_change,
    Backtest: factories.make_backtest,
    BacktestStep: factories.make_backtest_step,
    CohortList: factories.make_list,
    ListEdit: factories.make_list_edit,
    Channel: lambda: factories.make_subscription().channel,
    Subscription: factories.make_subscription,
    Batch: lambda: factories.make_delivery().batch,
    Settlement: factories.make_settlement,
    Delivery: lambda: factories.make_attempt().delivery,
    Attempt: factories.make_attempt,
    Suppression: factories.make_suppression,
    Hold: factories.make_hold,
    Waiting: factories.make_waiting,
    SentTests: lambda: SentTests.objects.create(who=f"person-{next(NUMBERS)}", since=NOON, count=2),
    AlertRule: lambda: rows.make_alert(rows.make_rule(factories.make_channel())).rule,
    RuleChannel: lambda: RuleChannel.objects.get(rule=rows.make_rule(factories.make_channel())),
    Alert: lambda: rows.make_alert(
        group={"company_id": "acme"}, acknowledged_at=NOON, acknowledged_by=factories.make_person()
    ),
    AlertChange: lambda: rows.make_change(by=factories.make_person()),
    Maintenance: lambda: rows.make_maintenance(rows.make_rule(), created_by=factories.make_person()),
}
OURS = ("ingest", "cohorts", "notifications", "alerts", "cohortsite")
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def boss(client):
    client.force_login(factories.make_person(first_name="Boss"))
    return client


def queries(client, address) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def test_every_model_of_ours_is_registered_and_every_registered_model_is_made_here():
    from django.apps import apps  # noqa: PLC0415

    ours = {model for app in OURS for model in apps.get_app_config(app).get_models()}

    assert ours <= set(REGISTERED)
    assert set(MAKERS) == set(REGISTERED)


def test_the_sidebar_leads_to_every_registered_model(boss):
    assert {model for group in GROUPS.values() for *_, model in group} == {
        model._meta.label_lower for model in REGISTERED
    }


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_a_list_asks_the_same_queries_for_one_row_and_for_three(boss, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    MAKERS[model]()
    queries(boss, address)  # fills the cache of content types
    for_one = queries(boss, address)
    MAKERS[model]()
    MAKERS[model]()
    for_three = queries(boss, address)

    assert len(for_one) == len(for_three), "\n".join(for_three)


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_a_page_asks_the_same_queries_whatever_else_there_is(boss, model):
    made = MAKERS[model]()
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[made.pk])
    queries(boss, address)
    alone = queries(boss, address)
    MAKERS[model]()
    MAKERS[model]()

    assert len(alone) == len(queries(boss, address))


@pytest.mark.parametrize("model", REGISTERED, ids=lambda model: model._meta.label)
def test_a_list_can_be_searched_and_shows_no_bytes(boss, model):
    MAKERS[model]()
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    answer = boss.get(address, {"q": "x"})

    assert answer.status_code == 200
    assert "memory at 0x" not in answer.content.decode()


@pytest.mark.parametrize(
    "model",
    [
        Customer,
        CustomerVersion,
        Event,
        SealQueue,
        Segment,
        Erasure,
        Rejection,
        Route,
        Membership,
        Baseline,
        Evaluation,
        MembershipChange,
        Batch,
        Settlement,
        Delivery,
        Attempt,
        RuleChannel,
        Alert,
        AlertChange,
        Heartbeat,
        Process,
        Schedule,
        Success,
        Failure,
        OrmQ,
    ],
    ids=lambda model: model._meta.label,
)
def test_what_the_pipeline_writes_cannot_be_added_edited_or_deleted(boss, model):
    made = MAKERS[model]()
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    before = model.objects.filter(pk=made.pk).values().get()

    assert boss.post(reverse(f"{name}_add"), {}).status_code == 403
    assert boss.post(reverse(f"{name}_change", args=[made.pk]), {}).status_code == 403
    assert boss.post(reverse(f"{name}_delete", args=[made.pk]), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=made.pk).values().get() == before


def test_somebody_without_permissions_sees_no_model(client):
    client.force_login(factories.make_person(superuser=False))
    factories.make_cohort()

    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/cohorts/cohort/").status_code == 403
    assert b"/admin/cohorts/cohort/" not in client.get("/admin/").content


def test_the_admin_is_closed_to_strangers_and_to_people_who_are_not_staff(client):
    assert client.get("/admin/").status_code == 302
    client.force_login(factories.make_person(staff=False, superuser=False))
    assert client.get("/admin/cohorts/cohort/").status_code == 302
