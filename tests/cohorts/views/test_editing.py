"""Editing criteria: what it would do, whether it is told, who was faster."""

import json

import pytest
from django.utils import timezone

from cohorts import membership
from cohorts.edit import edit_definition
from cohorts.models import Cohort, MembershipChange
from cohorts.refresh import evaluate_now
from tests.factories import ON_PRO, make_cohort, make_user

pytestmark = pytest.mark.django_db
ON_FREE = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}
MINE = {"version": 1, "match": {"field": "metadata.plan", "op": "is_not", "value": "pro"}}


@pytest.fixture
def cohort():
    """One member on the plan "pro"; two users are on the plan "free"."""
    now = timezone.now()
    for name, plan in (("ann", "pro"), ("bob", "free"), ("cat", "free")):
        make_user(name, now, metadata={"plan": plan})
    cohort = make_cohort(name="On pro", criteria=ON_PRO)
    evaluate_now([cohort], now)
    return Cohort.objects.get()


@pytest.fixture
def analyst(client_as):
    return client_as("Analyst")


def posted(criteria=ON_FREE, *, version=1, tell="silent", time_zone="UTC"):
    document = json.dumps(criteria) if criteria else ""
    return {
        "criteria": document,
        "time_zone": time_zone,
        "week_starts_on": "1",
        "definition_version": version,
        "tell": tell,
    }


def impact(client, cohort, **values):
    answer = client.post(f"/cohorts/{cohort.pk}/edit/impact/", posted(**values))
    return " ".join(answer.content.decode().split())


def save(client, cohort, **values):
    return client.post(f"/cohorts/{cohort.pk}/edit/", posted(**values))


def test_the_page_starts_from_what_is_stored(analyst, cohort):
    html = analyst.get(f"/cohorts/{cohort.pk}/edit/").content.decode()
    assert "metadata.plan" in html
    assert 'name="definition_version" value="1"' in html


def test_the_impact_is_shown_before_anything_is_saved(analyst, cohort):
    html = impact(analyst, cohort)
    assert 'Adds <strong class="text-good">2</strong>, removes <strong class="text-bad">1</strong>, of ' in html
    assert "bob" in html
    assert "ann" in html
    assert Cohort.objects.get().criteria == ON_PRO


def test_without_an_edit_nothing_moves(analyst, cohort):
    html = impact(analyst, cohort, criteria=ON_PRO)
    assert "Moves nobody" in html
    assert "Nothing is edited yet" in html


def test_incomplete_criteria_have_no_impact_and_are_not_saved(analyst, cohort):
    assert "Complete the criteria" in impact(analyst, cohort, criteria=None)
    answer = save(analyst, cohort, criteria=None)
    assert answer.status_code == 422
    assert "at least one condition" in answer.content.decode()


def test_a_silent_edit_moves_the_members_at_once_and_tells_nobody(analyst, cohort):
    answer = save(analyst, cohort)

    assert answer.headers["HX-Redirect"] == f"/cohorts/{cohort.pk}/"
    assert len(membership.members(cohort)) == 2
    assert not MembershipChange.objects.exists()
    assert "Nobody is told of this edit" in analyst.get(f"/cohorts/{cohort.pk}/").content.decode()


def test_an_edit_that_is_told_is_a_change_of_each_customer(analyst, cohort):
    save(analyst, cohort, tell="tell")

    changes = MembershipChange.objects.values_list("customer__external_id", "change", "reason")
    assert set(changes) == {
        ("ann", "removed", "definition"),
        ("bob", "added", "definition"),
        ("cat", "added", "definition"),
    }
    assert "2 joined and 1 left by this edit" in analyst.get(f"/cohorts/{cohort.pk}/").content.decode()


def test_the_time_zone_is_edited_like_the_criteria(analyst, cohort):
    save(analyst, cohort, criteria=ON_PRO, time_zone="Asia/Tokyo")
    assert Cohort.objects.values_list("time_zone", "definition_version").get() == ("Asia/Tokyo", 2)


def test_the_same_definition_again_changes_nothing(analyst, cohort):
    save(analyst, cohort, criteria=ON_PRO)
    assert Cohort.objects.get().definition_version == 1
    assert "Nothing differs" in analyst.get(f"/cohorts/{cohort.pk}/").content.decode()


def test_somebody_elses_edit_is_noticed_and_not_overwritten(analyst, cohort):
    edit_definition(Cohort.objects.get(), {"criteria": ON_FREE}, tell=False)

    assert "Somebody else edited" in impact(analyst, cohort, criteria=MINE)
    answer = save(analyst, cohort, criteria=MINE, tell="tell")

    assert answer.status_code == 422
    html = answer.content.decode()
    assert "metadata.plan is free" in html
    assert 'name="definition_version" value="2"' in html
    assert Cohort.objects.get().criteria == ON_FREE
    # Who has read that may replace it.
    assert save(analyst, cohort, criteria=MINE, version=2).status_code == 200
    assert Cohort.objects.get().criteria == MINE


def test_a_paused_cohort_is_not_evaluated_by_an_edit(analyst, cohort):
    Cohort.objects.update(paused_at=timezone.now())
    save(analyst, cohort)
    assert Cohort.objects.get().criteria == ON_FREE
    assert len(membership.members(cohort)) == 1


def test_the_criteria_of_a_broken_cohort_can_be_mended(analyst):
    cohort = make_cohort(criteria={"version": 1, "match": {"field": "metadata.plan", "op": "resembles", "value": "x"}})
    assert analyst.get(f"/cohorts/{cohort.pk}/edit/").status_code == 200
    assert save(analyst, cohort).status_code == 200
    assert Cohort.objects.get().error == ""
