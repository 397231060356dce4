"""Cohorts in the admin."""

import json
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages

from cohorts.models import Cohort, Evaluation
from tests.factories import (
    NOON,
    ON_PRO,
    make_change,
    make_cohort,
    make_evaluation,
    make_membership,
    make_person,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
ON_FREE = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}
LIST = "/admin/cohorts/cohort/"


@pytest.fixture
def boss(client):
    client.force_login(make_person())
    return client


def form(**values):
    """What a browser sends for a cohort."""
    given = {
        "name": "On pro",
        "key": "",
        "kind": "user",
        "criteria": ON_PRO,
        "time_zone": "UTC",
        "week_starts_on": "1",
        "period": "15m",
        **values,
    }
    return {**given, "criteria": json.dumps(given["criteria"])}


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_cohort_is_added(boss):
    answer = boss.post(f"{LIST}add/", form(time_zone="Asia/Tokyo", period="2h"))

    assert answer.status_code == 302
    cohort = Cohort.objects.get()
    assert (cohort.criteria, cohort.time_zone, cohort.period) == (ON_PRO, "Asia/Tokyo", timedelta(hours=2))
    assert (cohort.key, cohort.created_by.username) == (None, answer.wsgi_request.user.username)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"criteria": {"version": 1, "match": {"all": []}}}, "match.all: expected"),
        ({"criteria": 7}, "expected an object"),
        ({"period": "soon"}, "expected an integer and one of"),
        ({"period": "8w"}, "expected 1m to 1d"),
        ({"time_zone": "Mars"}, "Select a valid choice"),
        ({"week_starts_on": "8"}, "Select a valid choice"),
    ],
)
def test_a_fault_stands_at_its_field(boss, wrong, message):
    answer = boss.post(f"{LIST}add/", form(**wrong))

    [field] = wrong
    [fault] = answer.context["adminform"].form.errors[field]
    assert message in fault
    assert not Cohort.objects.exists()


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "NaN", '"\0"', '{"version": 1, "match": "\ud800"}'])
def test_criteria_that_are_no_json_are_refused_and_shown_again(boss, text):
    answer = boss.post(f"{LIST}add/", {**form(), "criteria": text.encode("utf-8", "replace").decode()})

    assert answer.status_code == 200
    assert "criteria" in answer.context["adminform"].form.errors


def test_the_page_shows_the_criteria_in_words_and_as_indented_json(boss):
    page = boss.get(f"{LIST}{make_cohort().pk}/change/").content.decode()

    assert "metadata.plan is pro" in page
    assert "&quot;match&quot;: {\n" in page


def test_a_cohort_whose_criteria_are_no_longer_valid_can_still_be_opened_and_mended(boss):
    cohort = make_cohort(criteria={"version": 1, "match": {"gone": 1}})

    page = boss.get(f"{LIST}{cohort.pk}/change/")

    assert "The criteria are not valid: match" in page.content.decode()
    assert boss.post(f"{LIST}{cohort.pk}/change/", form()).status_code == 302
    assert Cohort.objects.get().criteria == ON_PRO


@pytest.mark.parametrize(
    ("tell", "rebaseline", "told"), [({}, True, "nobody is told"), ({"tell": "on"}, False, "are told")]
)
def test_an_edit_is_silent_unless_the_editor_says_otherwise(boss, tell, rebaseline, told):
    cohort = make_cohort()

    answer = boss.post(f"{LIST}{cohort.pk}/change/", form(criteria=ON_FREE, **tell))

    assert Cohort.objects.values("criteria", "definition_version", "rebaseline").get() == {
        "criteria": ON_FREE,
        "definition_version": 2,
        "rebaseline": rebaseline,
    }
    assert told in said(answer)[0]


def test_a_new_name_is_no_edit_of_the_definition_and_keeps_what_the_pipeline_wrote(boss):
    cohort = make_cohort(evaluated_at=NOON)

    answer = boss.post(f"{LIST}{cohort.pk}/change/", form(name="New", kind="company"))

    assert answer.status_code == 302
    stored = Cohort.objects.get()
    assert (stored.name, stored.kind, stored.definition_version, stored.evaluated_at) == ("New", "user", 1, NOON)
    assert not any("told" in message for message in said(answer))


def test_a_taken_key_is_refused(boss):
    make_cohort(key="pro")

    answer = boss.post(f"{LIST}add/", form(key="pro"))

    assert "key" in answer.context["adminform"].form.errors


def test_the_list_shows_members_and_the_error(boss):
    make_membership(make_cohort(name="Fine"), *[make_user(f"u{number}") for number in range(3)])
    make_cohort(name="Broken", error="The criteria are not valid: match: expected an object")

    page = boss.get(LIST).content.decode()

    assert "The criteria are not valid" in page
    assert "failing" in page
    assert "not evaluated yet" in page


def test_evaluating_now_answers_with_the_members(boss, now):
    cohort = make_cohort(paused_at=NOON)
    make_user("u1", now, metadata={"plan": "pro"})

    answer = boss.post(LIST, {"action": "evaluate_selected", "_selected_action": [str(cohort.pk)]})

    assert said(answer) == [f"{cohort}: 1 members, as a silent baseline"]
    assert Evaluation.objects.get().members == 1


def test_a_fault_of_an_evaluation_is_a_message(boss):
    cohort = make_cohort(criteria={"version": 1, "match": {"gone": 1}})

    answer = boss.post(f"{LIST}{cohort.pk}/evaluate/", {"_form_submitted": "True"})

    assert answer.headers["HX-Redirect"] == f"{LIST}{cohort.pk}/change/"
    assert "The criteria are not valid" in said(answer)[0]


def test_cohorts_are_paused_and_resumed(boss):
    cohort = make_cohort()
    selected = {"_selected_action": [str(cohort.pk)]}

    boss.post(LIST, {"action": "pause_selected", **selected})
    assert Cohort.objects.get().paused_at is not None
    boss.post(LIST, {"action": "resume_selected", **selected})
    assert Cohort.objects.get().paused_at is None


@pytest.mark.parametrize("button", ["evaluate", "pause", "resume"])
def test_following_a_link_does_nothing_until_it_is_confirmed(boss, button):
    cohort = make_cohort(paused_at=NOON if button == "resume" else None)
    before = Cohort.objects.values().get()

    dialog = boss.get(f"{LIST}{cohort.pk}/{button}/")
    assert dialog.status_code == 200
    assert Cohort.objects.values().get() == before

    boss.post(f"{LIST}{cohort.pk}/{button}/", {"_form_submitted": "True"})
    assert Cohort.objects.values().get() != before


def test_who_may_only_look_neither_edits_nor_acts(client):
    from django.contrib.auth.models import Permission  # noqa: PLC0415

    viewer = make_person(superuser=False)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_cohort"))
    client.force_login(viewer)
    cohort = make_cohort()

    assert client.get(f"{LIST}{cohort.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{cohort.pk}/change/", form(name="New")).status_code == 403
    assert client.post(f"{LIST}{cohort.pk}/pause/", {"_form_submitted": "True"}).status_code == 403
    client.post(LIST, {"action": "pause_selected", "_selected_action": [str(cohort.pk)]})
    assert Cohort.objects.values("name", "paused_at").get() == {"name": cohort.name, "paused_at": None}


def test_evaluations_lead_to_their_cohort(boss):
    evaluation = make_evaluation(error="The columnar copy cannot be read")

    page = boss.get("/admin/cohorts/evaluation/").content.decode()

    assert f"{LIST}{evaluation.cohort_id}/change/" in page
    assert "The columnar copy cannot be read" in page


def test_a_cohort_goes_with_its_history(boss):
    cohort = make_cohort()
    make_membership(cohort, make_user("ann"))
    make_evaluation(cohort)
    make_change(make_subscription(cohort=cohort).cohort)

    boss.post(f"{LIST}{cohort.pk}/delete/", {"post": "yes"})

    assert not Cohort.objects.exists()
    assert not Evaluation.objects.exists()


def test_a_cohort_that_another_uses_is_protected(boss):
    cohort = make_cohort(name="Base")
    using = make_cohort(name="Others", criteria={"version": 1, "match": {"cohort": str(cohort.pk)}})

    answer = boss.get(f"{LIST}{cohort.pk}/delete/")
    assert "Cohort: Others, which is defined by it" in answer.content.decode()
    boss.post(f"{LIST}{cohort.pk}/delete/", {"post": "yes"})
    assert Cohort.objects.count() == 2
    both = {"action": "delete_selected", "_selected_action": [cohort.pk, using.pk], "post": "yes"}
    boss.post(LIST, both)
    assert not Cohort.objects.exists()


def test_a_cycle_of_cohorts_is_refused_in_words(boss):
    cohort = make_cohort(name="A")
    answer = boss.post(f"{LIST}{cohort.pk}/change/", form(criteria={"version": 1, "match": {"cohort": str(cohort.pk)}}))
    assert "expected no cycle: “A” uses “A”" in answer.content.decode()
