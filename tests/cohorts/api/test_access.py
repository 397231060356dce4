"""What is refused at every address: wrong ids, keys without the scope, people without the permission."""

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from tests.factories import ON_PRO, make_api_key, make_cohort, make_customer, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "wrong", ["%00", "a%00b", "%ff", "é", "0", "-1", "9" * 30, "x" * 5_000, "..", "%2e%2e%2f", "cD14"]
)
@pytest.mark.parametrize(
    "address",
    [
        "cohorts/{}/",
        "cohorts/?key={}",
        "cohorts/?name={}",
        "cohorts/?paused={}",
        "cohorts/?cursor={}",
        "cohorts/?limit={}",
        "customers/{}/",
        "customers/?cursor={}",
        "customers/?search={}",
        "customers/?user_id={}",
        "cohorts/{}/members/",
    ],
)
def test_no_address_makes_the_site_fail(api, address, wrong):
    make_customer()
    make_cohort()

    assert api.get("/api/" + address.format(wrong)).status_code < 500


# --- Who may


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/api/cohorts/", Scope.READ),
        ("post", "/api/cohorts/", Scope.WRITE),
        ("patch", "/api/cohorts/ID/", Scope.WRITE),
        ("delete", "/api/cohorts/ID/", Scope.WRITE),
        ("get", "/api/cohorts/ID/members/", Scope.READ),
        ("get", "/api/cohorts/ID/changes/", Scope.READ),
        ("get", "/api/cohorts/ID/evaluations/", Scope.READ),
        ("post", "/api/cohorts/ID/evaluate/", Scope.WRITE),
        ("post", "/api/cohorts/preview/", Scope.READ),
        ("get", "/api/customers/", Scope.READ),
    ],
)
def test_a_key_needs_the_scope(method, path, scope):
    path = path.replace("ID", str(make_cohort().pk))
    others = [each for each in Scope if each != scope]

    without, wrong, right = APIClient(), APIClient(), APIClient()
    wrong.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*others)}")
    right.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(scope)}")

    assert getattr(without, method)(path).status_code == 401
    assert getattr(wrong, method)(path).status_code == 403
    assert getattr(right, method)(path).status_code not in (401, 403)


def test_a_person_needs_the_permission_of_the_model(db):
    viewer, client = make_person(superuser=False), APIClient()
    client.force_login(viewer)
    assert client.get("/api/cohorts/").status_code == 403

    boss = APIClient()
    boss.force_login(make_person())
    assert boss.get("/api/cohorts/").status_code == 200
    assert boss.post("/api/cohorts/", {"name": "x", "cohort_type": "user", "criteria": ON_PRO}).status_code == 201
