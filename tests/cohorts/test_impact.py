"""What an edit would do."""

import pytest

from cohorts.criteria import parse
from cohorts.impact import impact_of
from cohorts.models import Cohort, MembershipChange
from cohorts.refresh import evaluate_now
from ingest.models import CustomerKind
from tests.factories import ON_PRO, make_cohort, make_user

pytestmark = pytest.mark.django_db
ON_FREE = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}


def test_the_impact_tells_who_would_join_and_leave_and_stores_nothing(now):
    cohort = make_cohort(criteria=ON_PRO)
    for plan, number in (("pro", 2), ("free", 7), ("none", 1)):
        for each in range(number):
            make_user(f"{plan}{each}", metadata={"plan": plan})
    evaluate_now([cohort], now)

    impact = impact_of(cohort, parse(ON_FREE, CustomerKind.USER), "UTC", 1, now)

    assert (impact.joins, impact.leaves, impact.members, impact.after, impact.of) == (7, 2, 2, 7, 10)
    assert [customer.external_id for customer in impact.joining] == ["free6", "free5", "free4", "free3", "free2"]
    assert {customer.external_id for customer in impact.leaving} == {"pro0", "pro1"}
    assert Cohort.objects.get().criteria == ON_PRO
    assert not MembershipChange.objects.exists()
