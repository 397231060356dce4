"""Who was in a cohort at an instant, as its evaluations left it."""

from __future__ import annotations

import uuid
from datetime import datetime

from pyroaring import BitMap

from cohorts.enums import ChangeKind
from cohorts.models import Baseline, Membership, MembershipChange


def members_at(cohort: uuid.UUID, at: datetime) -> BitMap:
    """The members of the last evaluation as of the instant or before; nobody before the first one.

    Members of an earlier evaluation than the last are the baseline before with the changes since.
    """
    stored = Membership.objects.filter(cohort=cohort).values_list("as_of", "members").first()
    if stored is None:
        return BitMap()
    as_of, members = stored
    if as_of <= at:
        return BitMap.deserialize(bytes(members))
    baseline = Baseline.objects.filter(cohort=cohort, as_of__lte=at).order_by("-version").first()
    if baseline is None:
        return BitMap()
    found = BitMap.deserialize(bytes(baseline.members))
    changes = MembershipChange.objects.filter(cohort=cohort, version__gt=baseline.version, changed_at__lte=at)
    for customer, change in changes.order_by("version", "id").values_list("customer", "change").iterator():
        (found.add if change == ChangeKind.ADDED else found.discard)(customer)
    return found
