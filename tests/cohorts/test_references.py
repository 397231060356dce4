"""Which cohorts are defined by the members of another one."""

import pytest

from cohorts.references import cohorts_that_use
from tests.factories import make_cohort

pytestmark = pytest.mark.django_db


def test_a_cohort_is_found_however_deep_it_is_named():
    cohort = make_cohort()
    other = {"field": "metadata.plan", "op": "is", "value": str(cohort.pk)}
    named = {"any": [{"not": {"cohort": str(cohort.pk).upper()}}, other]}
    using = make_cohort(criteria={"version": 1, "match": {"all": [{"company": named}]}})
    make_cohort(criteria={"version": 1, "match": other})

    assert cohorts_that_use(cohort) == [using]
