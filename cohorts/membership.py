"""Write what an evaluation found: the one place where members change, in one transaction per cohort.

Everything is computed before; here nothing is read that could be stale without being noticed. Two fences stand
guard: the membership's version (another worker was faster) and the definition's (somebody edited meanwhile).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from pyroaring import BitMap

from cohorts.criteria import Before
from cohorts.diff import MembershipDiff
from cohorts.enums import ChangeKind
from cohorts.evaluation import Evaluated, Explanation
from cohorts.models import Baseline, Cohort, Evaluation, Membership, MembershipChange

CHUNK = 2_000
"""Change rows per INSERT."""


class Superseded(Exception):
    """Another evaluation or an edit came first: what was computed is thrown away, nothing is written."""


@dataclass(frozen=True)
class Current:
    """The stored membership as bitmaps; `version` is the fence."""

    version: int
    definition_version: int
    members: BitMap
    before: Before


def read(cohort: Cohort) -> Current | None:
    """The stored membership of a cohort, none before its first evaluation."""
    row = Membership.objects.filter(cohort=cohort).first()
    if row is None:
        return None
    leaves = {path: BitMap.deserialize(base64.b64decode(text)) for path, text in row.leaves.items()}
    before = Before(as_of=row.as_of, universe=BitMap.deserialize(bytes(row.universe)), leaves=leaves)
    members = BitMap.deserialize(bytes(row.members))
    return Current(version=row.version, definition_version=row.definition_version, members=members, before=before)


def members(cohort: Cohort) -> BitMap:
    """Who is in the cohort now; nobody before the first evaluation."""
    row = Membership.objects.filter(cohort=cohort).only("members").first()
    return BitMap.deserialize(bytes(row.members)) if row else BitMap()


@transaction.atomic
def start(cohort: Cohort, current: Current | None, evaluated: Evaluated, at: datetime, took: timedelta) -> Evaluation:
    """Store a baseline: the members are the evaluated ones and nobody moved. Raises Superseded."""
    version = _write(cohort, current, evaluated, at)
    Baseline.objects.create(cohort=cohort, version=version, as_of=at, members=evaluated.members.serialize())
    return _record(cohort, evaluated, at, took, baseline=True)


@transaction.atomic
def apply(
    cohort: Cohort,
    current: Current,
    evaluated: Evaluated,
    diff: MembershipDiff,
    explanations: Mapping[int, Explanation],
    at: datetime,
    took: timedelta,
) -> Evaluation:
    """Store the evaluated members and a row for each customer who moved. Raises Superseded."""
    version = _write(cohort, current, evaluated, at)
    MembershipChange.objects.bulk_create(_changes(cohort, version, diff, explanations, at), batch_size=CHUNK)
    return _record(cohort, evaluated, at, took, added=len(diff.added), removed=len(diff.removed))


def _changes(
    cohort: Cohort, version: int, diff: MembershipDiff, explanations: Mapping[int, Explanation], at: datetime
) -> Iterator[MembershipChange]:
    for change, customers in ((ChangeKind.ADDED, diff.added), (ChangeKind.REMOVED, diff.removed)):
        for customer in customers:
            yield MembershipChange(
                cohort=cohort,
                version=version,
                customer_id=customer,
                change=change,
                changed_at=at,
                reason=explanations[customer].reason,
                because=explanations[customer].because,
                evidence=explanations[customer].evidence,
            )


def _write(cohort: Cohort, current: Current | None, evaluated: Evaluated, at: datetime) -> int:
    unedited = Cohort.objects.filter(pk=cohort.pk, definition_version=cohort.definition_version)
    if not unedited.update(evaluated_at=at, attempted_at=at, error="", rebaseline=False):
        raise Superseded
    version = 1 if current is None else current.version + 1
    values = {
        "version": version,
        "definition_version": cohort.definition_version,
        "as_of": at,
        "count": len(evaluated.members),
        "members": _serialized(evaluated.members),
        "universe": _serialized(evaluated.universe),
        "leaves": {path: base64.b64encode(_serialized(ids)).decode() for path, ids in evaluated.leaves.items()},
    }
    if current is None:
        try:
            with transaction.atomic():
                Membership.objects.create(cohort=cohort, **values)
        except IntegrityError:
            raise Superseded from None
    elif not Membership.objects.filter(cohort=cohort, version=current.version).update(**values):
        raise Superseded
    return version


def _record(cohort: Cohort, evaluated: Evaluated, at: datetime, took: timedelta, **counts: int) -> Evaluation:
    return Evaluation.objects.create(
        cohort=cohort,
        definition_version=cohort.definition_version,
        criteria=cohort.criteria,
        as_of=at,
        duration=took,
        members=len(evaluated.members),
        **counts,
    )


def _serialized(ids: BitMap) -> bytes:
    ids.run_optimize()
    return ids.serialize()
