"""Definitions that are tried out: who would match, how many each condition keeps, what an edit would do."""

from datetime import timedelta
from pathlib import Path

import pytest

from cohorts.models import Cohort, Membership
from cohorts.refresh import evaluate_now
from tests.engines import ENGINES, own_columns
from tests.factories import NOON, ON_PRO, make_cohort, make_company, make_user

pytestmark = pytest.mark.django_db
WRONG = {"version": 1, "match": {"all": [{"field": "metadata.plan", "op": "resembles", "value": "pro"}]}}


def test_a_preview_counts_and_saves_nothing(api):
    pro = make_user("u1", metadata={"plan": "pro", "email": "one@example.com"})
    make_user("u2", metadata={"plan": "free"})
    evaluate_now([], NOON + timedelta(days=1))  # seals

    found = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": ON_PRO}).json()

    assert (found["count"], found["of"]) == (1, 2)
    assert found["words"] == "metadata.plan is pro"
    assert [(each["user_id"], each["email"]) for each in found["sample"]] == [(pro.external_id, "one@example.com")]
    assert not Cohort.objects.exists()


def test_a_preview_tells_how_many_each_condition_keeps(api):
    for plan, number in (("pro", 3), ("free", 2)):
        for each in range(number):
            make_user(f"{plan}{each}", metadata={"plan": plan, "n": each})
    evaluate_now([], NOON + timedelta(days=1))  # seals
    low = {"field": "metadata.n", "op": "<", "value": 1}
    nodes = [ON_PRO["match"], {"any": [low, {"field": "metadata.n", "op": "is", "value": 1}]}, {"not": low}]

    found = api.post(
        "/api/cohorts/preview/", {"cohort_type": "user", "criteria": {"version": 1, "match": {"all": nodes}}}
    ).json()

    assert [(each["path"], each["count"], each["left"]) for each in found["conditions"]] == [
        ("match.all[0]", 3, None),
        ("match.all[1]", 4, 2),
        ("match.all[1].any[0]", 2, None),
        ("match.all[1].any[1]", 2, None),
        ("match.all[2]", 3, 1),
        ("match.all[2].not", 2, None),
    ]
    assert found["conditions"][0]["words"] == "metadata.plan is pro"
    assert (found["count"], found["impact"]) == (1, None)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_preview_counts_the_companies_and_the_users_that_conditions_inside_keep(api, engine):
    with own_columns(engine):
        for name, plan, users in (("big", "pro", 4), ("small", "pro", 1), ("free", "free", 2), ("empty", "pro", 0)):
            company = make_company(name, metadata={"plan": plan})
            for each in range(users):
                make_user(f"{name}{each}", company=company, metadata={"n": each})
        evaluate_now([], NOON + timedelta(days=1))  # seals
        not_first = {"not": {"field": "metadata.n", "op": "is", "value": 0}}
        of_companies = {"all": [ON_PRO["match"], {"users": not_first, "at_least": 2}]}

        assert kept_of(api, "user", {"company": of_companies}) == [
            ("match", "user", 4, None),
            ("match.company", "company", 1, None),
            ("match.company.all[0]", "company", 3, None),
            ("match.company.all[1]", "company", 1, 1),
            ("match.company.all[1].users", "user", 4, None),
            ("match.company.all[1].users.not", "user", 3, None),
        ]


def kept_of(api, kind, match):
    given = {"cohort_type": kind, "criteria": {"version": 1, "match": match}}
    found = api.post("/api/cohorts/preview/", given).json()["conditions"]
    return [(each["path"], each["cohort_type"], each["count"], each["left"]) for each in found]


def test_a_preview_beside_a_saved_cohort_tells_who_would_join_and_leave(api):
    cohort = make_cohort(criteria=ON_PRO, time_zone="Asia/Kathmandu")
    for plan, number in (("pro", 2), ("free", 7)):
        for each in range(number):
            make_user(f"{plan}{each}", metadata={"plan": plan})
    evaluate_now([cohort], NOON + timedelta(days=1))
    on_free = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}

    found = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk), "criteria": on_free}).json()
    as_saved = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk)}).json()

    impact = found["impact"]
    assert (found["count"], impact["members"], impact["would_add"], impact["would_remove"]) == (7, 2, 7, 2)
    assert [each["user_id"] for each in impact["removing"]] == ["pro1", "pro0"]
    assert len(impact["adding"]) == 5
    assert (as_saved["count"], as_saved["impact"]["would_add"], as_saved["impact"]["would_remove"]) == (2, 0, 0)
    assert (Cohort.objects.get().criteria, Membership.objects.get().count) == (ON_PRO, 2), "nothing is saved"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({}, "criteria"),
        ({"criteria": ON_PRO}, "cohort_type"),
        ({"cohort": "nonsense"}, "cohort"),
        ({"cohort": "00000000-0000-0000-0000-000000000000"}, "cohort"),
        ({"cohort": None, "cohort_type": "company"}, "criteria"),
    ],
)
def test_a_preview_says_what_it_lacks(api, sent, name):
    answer = api.post("/api/cohorts/preview/", sent)
    assert answer.status_code == 400
    assert name in {error["path"] for error in answer.json()["errors"]}


def test_a_preview_of_a_cohort_keeps_to_its_kind_and_makes_no_circle(api):
    cohort = make_cohort(criteria=ON_PRO)
    itself = {"version": 1, "match": {"cohort": str(cohort.pk)}}
    for sent, path in (({"cohort_type": "company"}, "cohort_type"), ({"criteria": itself}, "criteria.match.cohort")):
        answer = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk), **sent})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


def test_a_preview_of_a_wrong_definition_names_the_path(api):
    answer = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": WRONG, "time_zone": "UTC"})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "criteria.match.all[0].op")


def test_a_preview_over_a_damaged_copy_is_refused_and_not_empty(api, settings):
    make_user("u1", metadata={"plan": "pro"})
    evaluate_now([], NOON + timedelta(days=1))
    for file in Path(settings.EVENTS_URL.removeprefix("duckdb://")).rglob("*"):
        if file.is_file() and file.suffix in (".parquet", ".duckdb"):
            file.unlink()

    answer = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": ON_PRO})

    assert (answer.status_code, answer.json()["code"]) == (503, "columns_damaged")


# --- Customers
