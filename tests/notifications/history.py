"""Histories of memberships as evaluations write them, without criteria."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pyroaring import BitMap

from cohorts.enums import ChangeKind, Reason
from cohorts.models import Baseline, Cohort, Membership, MembershipChange
from ingest.models import Customer

BECAUSE = {
    ChangeKind.ADDED: "API Call where response.status is 400: 3 times today (at least 1)",
    ChangeKind.REMOVED: "API Call: 0 times in the last 7 days (at least 1)",
}


def start(cohort: Cohort, at: datetime, members: Iterable[Customer | int] = ()) -> Membership:
    """A baseline: the first evaluation, or a silent edit."""
    current = Membership.objects.filter(cohort=cohort).first()
    version = current.version + 1 if current else 1
    ids = _ids(members)
    Baseline.objects.create(cohort=cohort, version=version, as_of=at, members=ids.serialize())
    return _write(cohort, version, ids, at)


def move(
    cohort: Cohort, at: datetime, added: Iterable[Customer | int] = (), removed: Iterable[Customer | int] = ()
) -> Membership:
    """An evaluation that found these changes."""
    current = Membership.objects.get(cohort=cohort)
    joined, gone = _ids(added), _ids(removed)
    members = (BitMap.deserialize(bytes(current.members)) | joined) - gone
    MembershipChange.objects.bulk_create(
        MembershipChange(
            cohort=cohort,
            version=current.version + 1,
            customer_id=customer,
            change=change,
            changed_at=at,
            reason=Reason.BEHAVIOR if change == ChangeKind.ADDED else Reason.TIME,
            because=[BECAUSE[change]],
        )
        for change, customers in ((ChangeKind.ADDED, joined), (ChangeKind.REMOVED, gone))
        for customer in customers
    )
    return _write(cohort, current.version + 1, members, at)


def members(cohort: Cohort) -> set[int]:
    return set(BitMap.deserialize(bytes(Membership.objects.get(cohort=cohort).members)))


def _ids(customers: Iterable[Customer | int]) -> BitMap:
    return BitMap([one if isinstance(one, int) else one.pk for one in customers])


def _write(cohort: Cohort, version: int, members: BitMap, at: datetime) -> Membership:
    values = {
        "version": version,
        "definition_version": 1,
        "as_of": at,
        "count": len(members),
        "members": members.serialize(),
        "universe": members.serialize(),
    }
    return Membership.objects.update_or_create(cohort=cohort, defaults=values)[0]
