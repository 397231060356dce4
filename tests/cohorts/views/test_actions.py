"""What can be done with a cohort from its menu."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cohorts.models import Cohort, Evaluation
from notifications.models import Subscription
from tests.factories import (
    ON_PRO,
    make_channel,
    make_cohort,
    make_customer,
    make_evaluation,
    make_membership,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
DETAILS = {"name": "New name", "description": "For the growth team", "key": "on-pro", "period": "1h"}


@pytest.fixture
def cohort():
    return make_cohort(name="On pro", criteria=ON_PRO, time_zone="Asia/Tokyo")


def post(client, cohort, action, **values):
    return client.post(f"/cohorts/{cohort.pk}/{action}/", values)


def test_pausing_and_resuming(client_as, cohort):
    client = client_as("Analyst")
    assert post(client, cohort, "pause").headers["HX-Refresh"] == "true"
    paused = Cohort.objects.get().paused_at
    assert paused is not None
    post(client, cohort, "pause")
    assert Cohort.objects.get().paused_at == paused
    post(client, cohort, "resume")
    assert Cohort.objects.get().paused_at is None


def test_evaluating_now_says_what_came_of_it(client_as, cohort):
    make_user("ann", timezone.now(), metadata={"plan": "pro"})
    client = client_as("Analyst")
    post(client, cohort, "evaluate")
    assert Evaluation.objects.get().members == 1
    assert "Evaluated: 1 members. Nobody is told of them." in client.get(f"/cohorts/{cohort.pk}/").content.decode()


def test_a_failed_evaluation_is_told(client_as):
    cohort = make_cohort(criteria={"version": 1})
    client = client_as("Analyst")
    post(client, cohort, "evaluate")
    assert "The evaluation failed" in client.get(f"/cohorts/{cohort.pk}/").content.decode()


def test_details_are_edited_and_nothing_else(client_as, cohort):
    client = client_as("Analyst")
    dialog = client.get(f"/cohorts/{cohort.pk}/details/").content.decode()
    assert 'value="On pro"' in dialog
    Cohort.objects.update(evaluated_at=timezone.now(), error="Broken")

    post(client, cohort, "details", **DETAILS)

    stored = Cohort.objects.get()
    assert (stored.name, stored.description, stored.key) == ("New name", "For the growth team", "on-pro")
    assert stored.period.total_seconds() == 3_600
    assert (stored.error, stored.criteria, stored.definition_version) == ("Broken", ON_PRO, 1)


def test_wrong_details_are_shown_again(client_as, cohort):
    make_cohort(key="on-pro")
    answer = post(client_as("Analyst"), cohort, "details", **DETAILS | {"name": ""})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "This field is required" in html
    assert "already exists" in html


def test_a_period_that_the_api_has_set_stays(client_as):
    cohort = make_cohort(period=timedelta(minutes=7))
    client = client_as("Analyst")
    assert "every 7m" in client.get(f"/cohorts/{cohort.pk}/details/").content.decode()
    post(client, cohort, "details", **DETAILS | {"period": "7m"})
    assert Cohort.objects.get().period == timedelta(minutes=7)


def test_a_duplicate_has_the_same_definition_and_tells_nobody(client_as, cohort):
    make_subscription(cohort=cohort)
    client = client_as("Analyst")
    assert "Copy of On pro" in client.get(f"/cohorts/{cohort.pk}/duplicate/").content.decode()

    answer = post(client, cohort, "duplicate", name="Another")

    made = Cohort.objects.get(name="Another")
    assert answer.headers["HX-Redirect"] == f"/cohorts/{made.pk}/"
    assert (made.criteria, made.time_zone, made.kind, made.key) == (ON_PRO, "Asia/Tokyo", "user", None)
    assert (made.evaluated_at, made.subscriptions.count()) == (None, 0)
    assert made.created_by is not None
    assert post(client, cohort, "duplicate", name="").status_code == 422


def test_deleting_names_what_goes_with_it(client_as, cohort):
    make_membership(cohort, make_customer(), make_customer())
    make_evaluation(cohort)
    make_subscription(cohort=cohort, channel=make_channel(name="Growth team"))
    make_cohort(name="Other")
    client = client_as("Analyst")

    dialog = client.get(f"/cohorts/{cohort.pk}/delete/").content.decode()
    for words in ("Delete On pro?", "2 members", "1 evaluations", "Growth team"):
        assert words in dialog
    answer = post(client, cohort, "delete")

    assert answer.headers["HX-Redirect"] == "/users/cohorts/"
    assert [each.name for each in Cohort.objects.all()] == ["Other"]
    assert not Subscription.objects.exists()


def test_a_cohort_that_others_are_defined_by_is_not_deleted(client_as, cohort):
    make_cohort(name="Built on it", criteria={"version": 1, "match": {"cohort": str(cohort.pk)}})
    client = client_as("Analyst")

    dialog = client.get(f"/cohorts/{cohort.pk}/delete/").content.decode()
    assert "Built on it" in dialog
    assert "Delete the cohort" not in dialog
    assert post(client, cohort, "delete").status_code == 422
    assert Cohort.objects.filter(pk=cohort.pk).exists()


def test_the_recipe_can_be_copied(client_as, cohort, settings):
    settings.SITE_URL = "https://cohorts.example.com"
    html = client_as("Viewer").get(f"/cohorts/{cohort.pk}/recipe/").content.decode()
    assert f"https://cohorts.example.com/api/cohorts/{cohort.pk}/members/" in html
    assert "YOUR_API_KEY" in html


@pytest.mark.parametrize(
    "action", ["pause", "resume", "evaluate", "details", "duplicate", "delete", "edit", "edit/impact"]
)
def test_a_viewer_may_do_none_of_it(client_as, cohort, action):
    assert post(client_as("Viewer"), cohort, action).status_code == 403
    assert Cohort.objects.count() == 1


@pytest.mark.parametrize("action", ["pause", "resume", "evaluate", "edit/impact"])
def test_a_mere_link_does_nothing(client_as, cohort, action):
    assert client_as("Analyst").get(f"/cohorts/{cohort.pk}/{action}/").status_code == 405
