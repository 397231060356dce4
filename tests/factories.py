"""Rows for tests. Every function takes what the test is about and fills in the rest."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from pyroaring import BitMap

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
from ingest.keys import make_key
from ingest.models import (
    ApiKey,
    Arrival,
    Customer,
    CustomerKind,
    CustomerVersion,
    Event,
    EventType,
    Rejection,
    Scope,
    SealQueue,
)
from notifications.models import (
    Attempt,
    Batch,
    Channel,
    Delivery,
    Hold,
    Settlement,
    Subscription,
    Suppression,
    Waiting,
)
from notifications.telling import told_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NUMBERS = itertools.count(1)
ON_PRO = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "pro"}}


def make_person(*, staff: bool = True, superuser: bool = True, **values) -> User:
    """Somebody who can sign in."""
    name = f"person{next(NUMBERS)}"
    return User.objects.create_user(name, password="secret", is_staff=staff, is_superuser=superuser, **values)


def make_api_key(*scopes: Scope) -> str:
    """The text of a new key."""
    return make_key("test", scopes or [Scope.READ], NOON)[1]


def make_key_row() -> ApiKey:
    return make_key("test", [Scope.COLLECTOR], NOON)[0]


def make_arrival(**values) -> Arrival:
    """Something accepted; as it is, no rows can be made of it."""
    return Arrival.objects.create(**{"received_at": NOON, "items": 1, "content": b"?", **values})


def make_rejection(key: ApiKey | None = None, **values) -> Rejection:
    defaults = {"path": "/v1/events", "sender": "moesif-nodejs/3.11.0", "reason": "request.time: expected a time"}
    times = dict.fromkeys(("hour", "first_at", "last_at"), NOON)
    return Rejection.objects.create(key=key or make_key_row(), **{"items": 3, **defaults, **times, **values})


def make_customer(
    external_id: str | None = None, *, kind: str = "user", metadata: dict | None = None, **values
) -> Customer:
    values = {"created_at": NOON, "profile": {"metadata": metadata or {}}, **values}
    return Customer.objects.create(kind=kind, external_id=external_id or f"customer{next(NUMBERS)}", **values)


def make_version(customer: Customer | None = None, **values) -> CustomerVersion:
    company = make_customer(kind="company")
    return CustomerVersion.objects.create(
        customer=customer or make_customer(company=company), company=company, received_at=NOON, **values
    )


def make_stored_event(**values) -> Event:
    """A row in the table of events, as if it had been recorded (but not queued for sealing)."""
    fields = {"request": {"verb": "GET", "route": "/things/:id"}, "response": {"status": 400}}
    defaults = {
        "key": uuid.uuid4().bytes,
        "type": "api_call",
        "time": NOON,
        "received_at": NOON,
        "user": make_customer(),
        "company": make_customer(kind="company"),
        "fields": fields,
    }
    return Event.objects.create(**{**defaults, **values})


def make_cohort(**values) -> Cohort:
    defaults = {"name": f"Cohort {next(NUMBERS)}", "kind": "user", "criteria": ON_PRO, "created_at": NOON}
    return Cohort.objects.create(**{**defaults, **values})


def make_membership(cohort: Cohort, *members: Customer, version: int = 1) -> Membership:
    """The cohort's members, as an evaluation would have left them; the first version is a baseline."""
    ids = BitMap(member.pk for member in members)
    if version == 1:
        Baseline.objects.create(cohort=cohort, version=1, as_of=NOON, members=ids.serialize())
    values = {
        "version": version,
        "definition_version": 1,
        "as_of": NOON,
        "count": len(ids),
        "members": ids.serialize(),
        "universe": ids.serialize(),
    }
    return Membership.objects.update_or_create(cohort=cohort, defaults=values)[0]


def make_change(cohort: Cohort | None = None, customer: Customer | None = None, **values) -> MembershipChange:
    defaults = {
        "cohort": cohort or make_cohort(),
        "customer": customer or make_customer(),
        "version": 2,
        "change": "added",
        "changed_at": NOON + timedelta(minutes=15),
        "reason": "behavior",
        "because": ["API Call: 3 times today (at least 1)"],
    }
    return MembershipChange.objects.create(**{**defaults, **values})


def make_evaluation(cohort: Cohort | None = None, **values) -> Evaluation:
    cohort = cohort or make_cohort()
    defaults = {"definition_version": 1, "criteria": cohort.criteria, "as_of": NOON, "duration": timedelta(seconds=1)}
    return Evaluation.objects.create(cohort=cohort, **{**defaults, "members": 3, **values})


def make_backtest(**values) -> Backtest:
    defaults = {
        "cohort": make_cohort(),
        "kind": "user",
        "criteria": {},
        "time_zone": "UTC",
        "week_starts_on": 1,
        "period": timedelta(minutes=15),
        "parts": [],
        "days": 7,
        "start": NOON - timedelta(days=7),
        "end": NOON,
        "total": 673,
        "created_at": NOON,
        "created_by": make_person(),
    }
    return Backtest.objects.create(**{**defaults, **values})


def make_backtest_step() -> BacktestStep:
    nobody = BitMap().serialize()
    return BacktestStep.objects.create(backtest=make_backtest(), at=NOON, added=nobody, removed=nobody)


def make_list() -> CohortList:
    return CohortList.objects.create(cohort=make_cohort(), members=BitMap([1, 2]).serialize())


def make_list_edit() -> ListEdit:
    added, removed = BitMap([1, 2]).serialize(), BitMap().serialize()
    return ListEdit.objects.create(cohort=make_cohort(), at=NOON, by=make_person(), added=added, removed=removed)


def make_channel(kind: str = "webhook", **values) -> Channel:
    configs = {
        "webhook": {"url": "https://example.com/hook", "secret": "whsec_" + "c2VjcmV0" * 4},
        "email": {"recipients": ["success@example.com"]},
        "slack": {"webhook_url": "https://hooks.slack.com/services/T0/B0/secret"},
    }
    defaults = {"name": f"Channel {next(NUMBERS)}", "config": configs[kind], "created_at": NOON}
    return Channel.objects.create(kind=kind, **{**defaults, **values})


def make_subscription(**values) -> Subscription:
    defaults = {"created_at": NOON, "settled_at": NOON}
    values = {**defaults, **values}
    return Subscription.objects.create(
        cohort=values.pop("cohort", None) or make_cohort(),
        channel=values.pop("channel", None) or make_channel(),
        **values,
    )


def make_batch(subscription: Subscription | None = None, **values) -> Batch:
    defaults = {
        "sequence": 1,
        "period_from": NOON,
        "period_to": NOON + timedelta(minutes=15),
        "created_at": NOON,
        "added": 1,
        "removed": 0,
        "members": 3,
    }
    return Batch.objects.create(subscription=subscription or make_subscription(), **{**defaults, **values})


def make_settlement() -> Settlement:
    batch = make_batch()
    change = make_change(batch.subscription.cohort)
    return Settlement.objects.create(subscription=batch.subscription, change=change, outcome="told", batch=batch)


def make_delivery(batch: Batch | None = None, **values) -> Delivery:
    batch = batch or make_batch()
    defaults = {
        "channel": batch.subscription.channel,
        "content": '{"type":"cohort.membership_changed"}',
        "next_attempt_at": NOON,
        "created_at": NOON,
    }
    return Delivery.objects.create(batch=batch, **{**defaults, **values})


def make_told(channel: Channel | None = None, about: str = "notice", **values) -> Delivery:
    """A delivery of what is no batch."""
    channel, key = channel or make_channel(), f"thing {next(NUMBERS)}"
    defaults = {"key": key, "title": "Look", "url": "https://example.com/look", "content": "{}"}
    values = {**defaults, "next_attempt_at": NOON, "created_at": NOON, **values}
    id = told_id(about, values["key"], channel.pk, 1, values.get("recipient", ""))
    return Delivery.objects.create(id=id, about=about, channel=channel, **values)


def make_attempt(delivery: Delivery | None = None, **values) -> Attempt:
    defaults = {"number": 1, "started_at": NOON, "duration": timedelta(seconds=1), "succeeded": False}
    return Attempt.objects.create(delivery=delivery or make_delivery(), **{**defaults, **values})


def make_waiting() -> Waiting:
    subscription = make_subscription()
    change = make_change(subscription.cohort)
    ripe_at = NOON + timedelta(hours=1)
    return Waiting.objects.create(subscription=subscription, customer=change.customer, change=change, ripe_at=ripe_at)


def make_hold(subscription: Subscription | None = None, **values) -> Hold:
    defaults = {
        "why": "5,000 customers would be told of at once, more than 500.",
        "customers": BitMap().serialize(),
        "added": 5_000,
        "removed": 0,
        "held_at": NOON,
        "looked_at": NOON,
    }
    return Hold.objects.create(subscription=subscription or make_subscription(), **{**defaults, **values})


def make_suppression() -> Suppression:
    return Suppression.objects.create(address=f"gone{next(NUMBERS)}@example.com", reason="bounced", created_at=NOON)


# --- What came in, waiting to be sealed: the rows that the collector would have written


def make_user(
    external_id: str, received_at: datetime = NOON, company: Customer | None = None, **profile: Any
) -> Customer:
    """A user of whom something was said: `metadata={...}`, `campaign={...}` and so on, and a company if given."""
    user = name_customer(CustomerKind.USER, external_id, received_at)
    add_version(user, received_at, company, **profile)
    return user


def make_company(external_id: str, received_at: datetime = NOON, **profile: Any) -> Customer:
    """A company of which something was said."""
    company = name_customer(CustomerKind.COMPANY, external_id, received_at)
    add_version(company, received_at, **profile)
    return company


def name_customer(kind: str, external_id: str, at: datetime = NOON) -> Customer:
    """The customer with this id, made if nothing has named it yet; without a profile."""
    customer, made = Customer.objects.get_or_create(kind=kind, external_id=external_id, defaults={"created_at": at})
    if made:
        enqueue(SealQueue.Source.CUSTOMER, customer.pk)
    return customer


def add_version(
    customer: Customer, received_at: datetime, company: Customer | None = None, **patch: Any
) -> CustomerVersion:
    """One thing said of a customer, later than all others; naming a company is said of the company too."""
    profile = dict(customer.profile)
    for key, value in patch.items():
        profile[key] = {**profile.get(key, {}), **value} if isinstance(value, dict) else value
    if company is not None:
        customer.company = company
        add_version(company, received_at)
    customer.profile = profile
    customer.save()
    version = CustomerVersion.objects.create(
        customer=customer, received_at=received_at, patch=patch, profile=profile, company=customer.company
    )
    enqueue(SealQueue.Source.VERSION, version.pk)
    return version


def make_event(
    user: Customer | None = None,
    time: datetime = NOON,
    *,
    company: Customer | None = None,
    received_at: datetime | None = None,
    type: str = EventType.API_CALL,
    weight: int = 1,
    **fields: Any,
) -> Event:
    """An event, received when it happened unless said otherwise; `fields` nested as in `Event.fields`."""
    event = Event.objects.create(
        key=uuid.uuid4().bytes,
        type=type,
        time=time,
        received_at=received_at or time,
        user=user,
        company=company,
        weight=weight,
        fields=fields,
    )
    enqueue(SealQueue.Source.EVENT, event.pk)
    return event


def enqueue(source: str, row: int) -> None:
    """Let the row wait to be sealed."""
    SealQueue.objects.create(source=source, row=row)
