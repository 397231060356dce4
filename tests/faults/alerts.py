"""A rule that two calls within a minute make alert, told to a receiver, and what ought to have been told of it.

`what_is_wrong` is for calls that came at random: it looks at rows and requests alone.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from ingest.accept import accept
from ingest.models import Event
from ingest.packing import pack
from ingest.parse import PARSERS
from notifications.alerts.edit import create_rule
from notifications.alerts.models import Alert, AlertChange, AlertRule
from tests.factories import make_channel
from tests.faults.world import SECRET
from tests.receivers import Receiver, Request

MINUTE = timedelta(minutes=1)
PATH = "/alerts"
MANY_CALLS = {
    "version": 1,
    "metric": {"of": {"type": "api_call"}, "figure": "count"},
    "every": "1m",
    "condition": {"static": {"op": ">", "value": 1}},
    "group_by": ["company_id"],
    "most_groups": 1000,
    "recovers": 3,
    "grace": "0s",
}
SHOP = "metadata.shop"
BY_SHOP = {"group_by": [SHOP], "grace": "10m"}
"""What changes of it: time for calls whose commit takes long."""


def make_alerting(receiver: Receiver, now: datetime, **definition: Any) -> AlertRule:
    """The rule, from now on."""
    channel = make_channel(config={"url": f"{receiver.address}{PATH}", "secret": SECRET})
    rule = {"name": "Many calls", "definition": {**MANY_CALLS, **definition}}
    return create_rule(rule, now=now, channels=[channel])


def burst(company: str, at: datetime) -> None:
    """Two calls of a company within the minute before."""
    for second in (30, 20):
        time = at - timedelta(seconds=second)
        request = {"time": time.isoformat(), "verb": "GET", "uri": "https://api.acme.test/items"}
        item = {"request": request, "company_id": company, "transaction_id": str(uuid.uuid4())}
        accept(pack([PARSERS["event"](item, time)]), time)


def assert_each_was_told_once(receiver: Receiver, companies: Sequence[str]) -> None:
    """Of each company one alert opened and resolved; each of that was told, and nothing under two ids."""
    assert sorted(alert.group["company_id"] for alert in Alert.objects.all()) == sorted(companies)
    assert not Alert.objects.filter(resolved_at=None).exists()
    for kind in ("opened", "told", "resolved"):
        assert AlertChange.objects.filter(kind=kind).count() == len(companies), kind
    bodies = {request.headers["webhook-id"]: request.json for request in receiver.requests}
    for happened in ("alert.opened", "alert.resolved"):
        told = [body for body in bodies.values() if body["type"] == happened]
        groups = [alert["group"]["company_id"] for body in told for alert in body["alerts"]]
        assert sorted(groups) == sorted(companies), happened


def what_is_wrong(rule: AlertRule, since: datetime, requests: Iterable[Request]) -> Iterator[str]:
    """Of a rule by shop, made at `since`: alerts that are missing, came twice or are told wrongly, in words."""
    rule.refresh_from_db()
    expected = Counter(_expected(since, rule.judged_until))
    found = Counter((alert.group[SHOP], alert.opened_at, alert.resolved_at) for alert in Alert.objects.all())
    yield from (f"alert {alert} is missing" for alert in list(expected - found)[:5])
    yield from (f"alert {alert} ought not to be" for alert in list(found - expected)[:5])
    told = _told(requests)
    for alert in Alert.objects.all():
        was_told = alert.told_at is not None
        wanted = {"alert.opened": was_told, "alert.resolved": was_told and alert.resolved_at is not None}
        for happened, often in wanted.items():
            if told[happened, str(alert.pk)] != often:
                yield f"{happened} of {alert} was told {told[happened, str(alert.pk)]} times under ids of its own"


def _expected(since: datetime, until: datetime) -> Iterator[tuple[str, datetime, datetime | None]]:
    """Shop, opening and end of every alert, minute by minute."""
    calls: Counter[tuple[str, datetime]] = Counter()
    for time, shop in Event.objects.values_list("time", "fields__metadata__shop"):
        calls[shop, time.replace(second=0, microsecond=0) + MINUTE] += 1
    began = since.replace(second=0, microsecond=0)
    minutes = [began + MINUTE * number for number in range(1, (until - began) // MINUTE + 1)]
    for shop in {shop for shop, _ in calls}:
        opened, calm = None, 0
        for end in minutes:
            is_off = calls[shop, end] > 1
            calm = 0 if is_off else calm + 1
            if opened is None and is_off:
                opened = end
            elif opened is not None and calm == MANY_CALLS["recovers"]:
                yield shop, opened, end
                opened = None
        if opened is not None:
            yield shop, opened, None


def _told(requests: Iterable[Request]) -> Counter[tuple[str, str]]:
    """How often each thing of each alert was told, whatever came again under the same id."""
    bodies = {request.headers["webhook-id"]: request.json for request in requests if request.path == PATH}
    return Counter((body["type"], alert["id"]) for body in bodies.values() for alert in body["alerts"])
