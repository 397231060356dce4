"""Saving a look-up as a cohort."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group, Permission

from cohorts.models import Cohort
from tests.factories import ON_PRO, make_person

pytestmark = pytest.mark.django_db
ADDRESS = "/users/cohorts/new/"
GIVEN = {
    "name": "On pro",
    "description": "Our best",
    "criteria": json.dumps(ON_PRO),
    "time_zone": "Europe/Berlin",
    "week_starts_on": "7",
    "period": "1h",
}


@pytest.fixture
def analyst(client):
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name="Analyst"))
    client.force_login(person)
    return client


def open_dialog(client, **given):
    return client.get(f"{ADDRESS}?{urlencode(given)}")


def test_the_dialog_says_in_words_what_is_saved_and_takes_over_the_days(analyst):
    dialog = open_dialog(analyst, criteria=json.dumps(ON_PRO), time_zone="Asia/Tokyo", week_starts_on="7")
    text = dialog.content.decode()
    assert "metadata.plan is pro" in text
    form = dialog.context["form"]
    assert (form["time_zone"].value(), form["week_starts_on"].value()) == ("Asia/Tokyo", 7)
    assert '<option value="Asia/Tokyo" selected>' in text
    assert '<option value="15m" selected>every 15 minutes</option>' in text


def test_what_is_saved_is_what_was_looked_up(analyst):
    answer = analyst.post(ADDRESS, GIVEN)
    cohort = Cohort.objects.get()
    assert answer.status_code == 200
    assert (cohort.name, cohort.description, cohort.kind, cohort.criteria) == ("On pro", "Our best", "user", ON_PRO)
    assert (cohort.time_zone, cohort.week_starts_on, cohort.period) == ("Europe/Berlin", 7, timedelta(hours=1))
    assert cohort.created_by is not None
    assert cohort.created_by.pk == int(analyst.session["_auth_user_id"])


def test_a_confirmation_with_links_stays_on_the_page(analyst):
    answer = analyst.post(ADDRESS, GIVEN | {"name": "<b>On pro</b>"})
    text = answer.content.decode()
    assert "Saved as “&lt;b&gt;On pro&lt;/b&gt;”" in text
    assert f'href="/cohorts/{Cohort.objects.get().pk}/"' in text
    assert 'href="/users/cohorts/"' in text
    assert answer.headers["HX-Trigger"] == "close-dialog"


def test_whoever_wants_notifications_goes_on_to_them(analyst):
    answer = analyst.post(ADDRESS, GIVEN | {"notify": "on"})
    assert f'hx-get="/cohorts/{Cohort.objects.get().pk}/subscriptions/new/"' in answer.content.decode()
    assert "HX-Trigger" not in answer.headers


def test_a_company_s_cohort_is_of_companies(analyst):
    analyst.post("/companies/cohorts/new/", GIVEN)
    assert Cohort.objects.get().kind == "company"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"week_starts_on": "8"}, "week_starts_on"),
        ({"period": "2s"}, "period"),
        ({"criteria": ""}, "criteria"),
        ({"criteria": "{"}, "criteria"),
        ({"criteria": '{"version":1,"match":{"field":"email","op":"resembles","value":"a"}}'}, "criteria"),
    ],
)
def test_errors_stand_at_their_fields_and_nothing_is_saved(analyst, wrong, field):
    answer = analyst.post(ADDRESS, GIVEN | wrong)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not Cohort.objects.exists()
    [error, *_] = answer.context["form"].errors[field]
    assert str(error).replace('"', "&quot;").replace("'", "&#x27;") in answer.content.decode()


def test_without_criteria_there_is_nothing_to_save(analyst):
    text = open_dialog(analyst).content.decode()
    assert "There are no criteria yet" in text
    assert 'type="submit"' not in text


def test_only_those_who_may_add_cohorts_can(client):
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(person)
    assert client.get(ADDRESS).status_code == 403
    assert client.post(ADDRESS, GIVEN).status_code == 403
    assert not Cohort.objects.exists()


def test_notifications_are_offered_only_to_those_who_may_subscribe(client):
    person = make_person(staff=False, superuser=False)
    person.user_permissions.add(Permission.objects.get(codename="add_cohort"))
    client.force_login(person)
    assert "Receive notifications" not in open_dialog(client, criteria=json.dumps(ON_PRO)).content.decode()
    client.post(ADDRESS, GIVEN | {"notify": "on"})
    assert Cohort.objects.count() == 1
