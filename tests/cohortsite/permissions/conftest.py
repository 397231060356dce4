"""One of everything, and clients of each role."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from cohorts.backtest.run import advance, start_backtest
from cohortsite.roles import ADMINISTRATOR
from ingest.columns import open_columns
from notifications.channels.charts import freeze
from notifications.message import encode
from tests.cohortsite.permissions.rules import ANONYMOUS
from tests.cohortsite.permissions.world import World
from tests.factories import (
    make_attempt,
    make_batch,
    make_change,
    make_channel,
    make_cohort,
    make_company,
    make_delivery,
    make_evaluation,
    make_event,
    make_hold,
    make_membership,
    make_person,
    make_subscription,
    make_told,
    make_user,
)
from tests.notifications.alerts.rows import make_alert, make_maintenance, make_rule
from tests.notifications.messages import alerts


@pytest.fixture
def world(now) -> World:
    company = make_company("acme", now)
    user = make_user("ann", now, company, metadata={"email": "ann@example.com", "plan": "pro"})
    event = make_event(user, now, request={"verb": "GET", "route": "/"}, response={"status": 400})
    cohort = make_cohort(evaluated_at=now)
    make_membership(cohort)
    make_change(cohort, user)
    make_membership(cohort, user, version=2)
    make_evaluation(cohort)
    # An address to which nothing is ever sent.
    channel = make_channel(config={"url": "https://127.0.0.1/hook", "secret": "whsec_" + "c2VjcmV0" * 4})
    subscription = make_subscription(cohort=cohort, channel=channel)
    delivery = make_delivery(make_batch(subscription), state="dead", last_error="410 Gone")
    make_attempt(delivery, status="410", error="Gone")
    mail = make_delivery(
        make_batch(make_subscription(cohort=cohort, channel=make_channel("email"))), recipient="a@b.example"
    )
    open_columns().seal(now)
    backtest = start_backtest(vars(cohort), 1, now, cohort=cohort)
    advance(backtest.pk, now)
    listed = make_cohort(is_list=True, criteria={})
    hold = make_hold(subscription)
    rule = make_rule(channel)
    alert, window = make_alert(rule, group={"company_id": "acme"}), make_maintenance(rule)
    told = (channel, subscription, delivery, hold, mail)
    charted = make_told(channel, "alert", content=encode({"chart": freeze(alerts("acme").chart)}))
    return World(user, company, cohort, listed, backtest, event, *told, rule, alert, window, charted)


@pytest.fixture
def client_as(db):
    """`client_as(role)`: a client with a person of the role logged in; administrators are also staff."""
    clients: dict[str, Client] = {}

    def log_in(role: str) -> Client:
        if role not in clients:
            clients[role] = Client(raise_request_exception=True)
            if role != ANONYMOUS:
                person = make_person(staff=role == ADMINISTRATOR, superuser=False)
                person.groups.set(Group.objects.filter(name=role))
                clients[role].force_login(person)
        return clients[role]

    return log_in
