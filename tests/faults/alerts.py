"""A rule that two calls within a minute make alert, told to a receiver, and what ought to have been told of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from ingest.accept import accept
from ingest.packing import pack
from ingest.parse import PARSERS
from notifications.alerts.edit import create_rule
from notifications.alerts.models import Alert, AlertChange, AlertRule
from tests.factories import make_channel
from tests.faults.world import SECRET
from tests.receivers import Receiver

MINUTE = timedelta(minutes=1)
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


def make_alerting(receiver: Receiver, now: datetime) -> AlertRule:
    """The rule, from now on."""
    channel = make_channel(config={"url": f"{receiver.address}/alerts", "secret": SECRET})
    return create_rule({"name": "Many calls", "definition": MANY_CALLS}, now=now, channels=[channel])


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
