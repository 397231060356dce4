"""An evaluation that was asked for."""

import pytest

from tests.factories import make_cohort, make_user

pytestmark = pytest.mark.django_db
WRONG = {"version": 1, "match": {"all": [{"field": "metadata.plan", "op": "resembles", "value": "pro"}]}}


def test_evaluating_now_seals_and_answers_with_the_counts(api):
    cohort = make_cohort()
    make_user("u1", metadata={"plan": "pro"})
    make_user("u2", metadata={"plan": "free"})

    answer = api.post(f"/api/cohorts/{cohort.pk}/evaluate/")

    assert answer.status_code == 200
    expected = {"members": 1, "baseline": True, "added": 0, "removed": 0, "error": None}
    assert answer.json().items() >= expected.items()
    assert api.get(f"/api/cohorts/{cohort.pk}/").json()["members"] == 1
    assert [each["user_id"] for each in api.get(f"/api/cohorts/{cohort.pk}/members/").json()["results"]] == ["u1"]
    assert api.get(f"/api/cohorts/{cohort.pk}/evaluations/").json()["results"] == [answer.json()]


def test_a_fault_of_an_evaluation_is_told_there_and_on_the_cohort(api):
    cohort = make_cohort(criteria=WRONG)

    fault = api.post(f"/api/cohorts/{cohort.pk}/evaluate/").json()["error"]

    assert "match.all[0].op" in fault
    told = api.get(f"/api/cohorts/{cohort.pk}/").json()
    assert (told["error"], told["words"]) == (fault, "")
