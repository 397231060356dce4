"""Questions to the criteria over items as the collector takes them: who matches, and why an answer changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyroaring import BitMap

from cohorts.criteria import Before, Clock, CriteriaError, Evidence, Leaf, Matched, View, parse
from ingest.columns import Snapshot, open_columns
from ingest.models import Customer, CustomerKind
from ingest.parse import PARSERS
from ingest.record import record
from tests.factories import NOON

QUARTER = timedelta(minutes=15)
BEFORE = NOON - QUARTER


def call(
    user: str | None = None, at: datetime = NOON, *, received: datetime | None = None, status: int = 200, **item
) -> None:
    """An API call; received when it happened unless told otherwise."""
    request = {"time": at.isoformat(), "verb": "GET", "uri": "/items"}
    response = {"time": at.isoformat(), "status": status}
    receive("event", {"request": request, "response": response, "user_id": user, **item}, received or at)


def say(user: str, at: datetime = BEFORE, company: str | None = None, **metadata: Any) -> None:
    """A user's profile."""
    receive("user", {"user_id": user, "company_id": company, "metadata": metadata}, at)


def say_of_company(company: str, at: datetime = BEFORE, **metadata: Any) -> None:
    receive("company", {"company_id": company, "metadata": metadata}, at)


def receive(what: str, item: dict[str, Any], at: datetime) -> None:
    record([PARSERS[what](item, at)])


def leaf_of(node: dict[str, Any], kind: str = "user") -> Leaf:
    [leaf] = parse({"version": 1, "match": node}, CustomerKind(kind)).leaves.values()
    return leaf


def before(answer: Matched, since: datetime = BEFORE) -> Before:
    """An answer as the next evaluation is given it."""
    return Before(since, BitMap(), dict(answer.inner))


def matched(leaf: Leaf, snapshot: Snapshot, kind: str, zone: str) -> Matched:
    return leaf.evaluate(View(snapshot, CustomerKind(kind), Clock(snapshot.at, ZoneInfo(zone), 1)))


def who(node: dict[str, Any], at: datetime = NOON, *, kind: str = "user", zone: str = "UTC") -> set[str]:
    """The ids of the customers that match a leaf."""
    open_columns().seal(at)
    with open_columns().snapshot(at) as snapshot:
        return names(matched(leaf_of(node, kind), snapshot, kind, zone).members)


def why(
    node: dict[str, Any],
    *,
    then: set[str] | None = None,
    kind: str = "user",
    zone: str = "UTC",
    since: datetime = BEFORE,
) -> dict[str, tuple[str, str]]:
    """Id -> (sentence, reason) of the customers whose answer is another at noon than it was a quarter before.

    `then`: who matched then, if it was asked before some of the items came.
    """
    found = evidence(node, then=then, kind=kind, zone=zone, since=since)
    return {id_: (each.sentence, str(each.reason)) for id_, each in found.items()}


def evidence(
    node: dict[str, Any],
    *,
    then: set[str] | None = None,
    kind: str = "user",
    zone: str = "UTC",
    since: datetime = BEFORE,
) -> dict[str, Evidence]:
    """The same with all that is known of why."""
    open_columns().seal(since)
    with open_columns().snapshot(since) as snapshot:
        earlier = matched(leaf_of(node, kind), snapshot, kind, zone)
    then = names(earlier.members) if then is None else then
    open_columns().seal(NOON)
    with open_columns().snapshot(NOON) as snapshot:
        answer = matched(leaf_of(node, kind), snapshot, kind, zone)
        turned = BitMap(
            Customer.objects.filter(kind=kind, external_id__in=then ^ names(answer.members)).values_list(
                "pk", flat=True
            )
        )
        found = answer.evidence(turned, before(earlier, since))
    external = dict(Customer.objects.values_list("pk", "external_id"))
    return {external[id_]: each for id_, each in found.items()}


def names(ids: BitMap) -> set[str]:
    return set(Customer.objects.filter(pk__in=list(ids)).values_list("external_id", flat=True))


def refused(node: dict[str, Any], kind: str = "user") -> str:
    """What is said of a leaf that is not valid, with the path below `match`."""
    with pytest.raises(CriteriaError) as error:
        leaf_of(node, kind)
    return str(error.value).removeprefix("match.")


def words(node: dict[str, Any], kind: str = "user") -> str:
    return leaf_of(node, kind).words()
