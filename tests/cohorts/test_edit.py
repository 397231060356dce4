"""Edits of a cohort's definition, followed through an evaluation."""

from datetime import timedelta

import pytest

from cohorts import membership
from cohorts.criteria import CriteriaError
from cohorts.edit import EditedMeanwhile, edit_cohort, edit_definition
from cohorts.models import Cohort, MembershipChange
from cohorts.refresh import evaluate_now
from tests.factories import ON_PRO, make_cohort, make_user

pytestmark = pytest.mark.django_db
ON_FREE = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}


@pytest.fixture
def cohort(now):
    """Evaluated once, with the user on the plan "pro" as its member."""
    cohort = make_cohort(criteria=ON_PRO)
    make_user("pro", now - timedelta(days=1), metadata={"plan": "pro"})
    make_user("free", now - timedelta(days=1), metadata={"plan": "free"})
    evaluate_now([cohort], now)
    return Cohort.objects.get()


def edit_and_evaluate(cohort, now, **options):
    edit_cohort(cohort, {"criteria": ON_FREE}, **options)
    evaluate_now([Cohort.objects.get()], now + timedelta(minutes=15))
    return {(change.customer.external_id, change.change, change.reason) for change in MembershipChange.objects.all()}


def test_an_edit_moves_the_members_in_silence(cohort, now):
    before = membership.members(cohort)

    assert edit_and_evaluate(cohort, now, tell=False) == set()
    assert not membership.members(cohort) & before
    assert len(membership.members(cohort)) == 1


def test_an_edit_that_shall_be_told_is_a_change_by_definition(cohort, now):
    told = edit_and_evaluate(cohort, now, tell=True)

    assert told == {("pro", "removed", "definition"), ("free", "added", "definition")}


def test_the_same_definition_again_is_no_edit(cohort):
    edit_cohort(cohort, {"criteria": ON_PRO, "time_zone": "UTC", "name": "New"}, tell=False)

    assert Cohort.objects.values("name", "definition_version", "rebaseline").get() == {
        "name": "New",
        "definition_version": 1,
        "rebaseline": False,
    }


def test_true_in_place_of_one_is_an_edit_and_one_in_another_form_is_none(cohort):
    def is_(value):
        return {"version": 1, "match": {"field": "metadata.n", "op": "is", "value": value}}

    assert edit_definition(cohort, {"criteria": is_(1)}, tell=False)
    assert not edit_definition(cohort, {"criteria": is_(1.0)}, tell=False)
    assert edit_definition(cohort, {"criteria": is_(True)}, tell=False)
    assert edit_definition(cohort, {"criteria": is_([True, 0])}, tell=False)
    assert edit_definition(cohort, {"criteria": is_([True, False])}, tell=False)
    assert Cohort.objects.get().criteria["match"]["value"] == [True, False]
    assert Cohort.objects.get().definition_version == 5


def test_an_invalid_edit_stores_nothing_of_it(cohort):
    with pytest.raises(CriteriaError):
        edit_cohort(cohort, {"name": "New", "criteria": {"version": 1}}, tell=False)

    stored = Cohort.objects.get()
    assert (stored.criteria, stored.definition_version) == (ON_PRO, 1)
    assert stored.name != "New"


def test_what_an_evaluation_wrote_meanwhile_stays(cohort, now):
    stale = Cohort.objects.get()
    evaluate_now([Cohort.objects.get()], now + timedelta(minutes=15))

    edit_cohort(stale, {"name": "New"}, tell=False)

    assert Cohort.objects.get().evaluated_at == now + timedelta(minutes=15)


def test_an_edit_of_what_somebody_else_edited_meanwhile_is_refused(cohort):
    edit_definition(Cohort.objects.get(), {"criteria": ON_FREE}, tell=False, expected_version=1)

    with pytest.raises(EditedMeanwhile):
        edit_definition(cohort, {"time_zone": "Asia/Tokyo"}, tell=False, expected_version=1)

    stored = Cohort.objects.get()
    assert (stored.criteria, stored.time_zone, stored.definition_version) == (ON_FREE, "UTC", 2)


def test_a_cohort_is_never_saved_whole_again(cohort):
    cohort.name = "New"

    with pytest.raises(ValueError, match="update_fields"):
        cohort.save()
    cohort.save(update_fields=["name"])

    assert Cohort.objects.get().name == "New"
