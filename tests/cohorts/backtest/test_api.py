"""Backtests over the API: start, watch, read, cancel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from cohorts.backtest.run import advance
from cohorts.models import Backtest
from ingest.models import Scope
from tests.factories import ON_PRO, add_version, make_api_key, make_cohort, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ)}")
    return client


def test_a_definition_is_tried_and_its_result_read(client):
    now = timezone.now()
    ann, bob = (make_user(name, now - timedelta(days=3), metadata={"plan": "free"}) for name in ("ann", "bob"))
    for user, days in ((ann, 2), (bob, 1)):
        add_version(user, now - timedelta(days=days, minutes=5), metadata={"plan": "pro"})
    add_version(ann, now - timedelta(hours=5), metadata={"plan": "free"})
    asked = {"cohort_type": "user", "criteria": ON_PRO, "period": "1h", "days": 3, "time_zone": "Europe/Berlin"}
    answer = client.post("/api/backtests/", asked)
    assert answer.status_code == 201
    address = f"/api/backtests/{answer.data['id']}/"
    assert (answer.data["state"], answer.data["progress"]) == ("waiting", 0.0)
    assert client.get(address).data["result"] is None
    advance(Backtest.objects.get().pk, now)
    found = client.get(address).data
    assert (found["state"], found["progress"], found["words"]) == ("done", 1.0, "metadata.plan is pro")
    result = found["result"]
    assert (result["joined"], result["left"], result["customers"], result["notifications"]) == (2, 1, 2, 3)
    assert sum(day["joined"] for day in result["days"]) == 2
    assert result["days"][-1]["members"] == 1
    assert result["restless"] == [{"user_id": "ann", "moves": 2}]
    assert len(result["busiest"]) == 3
    assert client.get(f"{address}?notify_every=3d").data["result"]["notifications"] == 1
    moves = client.get(f"{address}moves/?limit=2").data
    assert [(move["change"], move["user_id"]) for move in moves["results"]] == [("added", "ann"), ("added", "bob")]
    moves = client.get(f"{address}moves/?limit=2&offset={moves['next']}").data
    assert [(move["change"], move["user_id"]) for move in moves["results"]] == [("removed", "ann")]
    assert moves["next"] is None
    assert [each["id"] for each in client.get("/api/backtests/?state=done").data["results"]] == [found["id"]]


def test_a_saved_cohort_is_tried_as_it_is_evaluated(client):
    cohort = make_cohort(period=timedelta(hours=2), time_zone="Asia/Tokyo")
    answer = client.post("/api/backtests/", {"cohort": str(cohort.pk)})
    told = {name: answer.data[name] for name in ("cohort", "period", "time_zone", "days", "cohort_type")}
    assert told == {
        "cohort": cohort.pk,
        "period": "2h",
        "time_zone": "Asia/Tokyo",
        "days": 30,
        "cohort_type": "user",
    }


def test_cancelling(client):
    address = f"/api/backtests/{client.post('/api/backtests/', {'cohort': str(make_cohort().pk)}).data['id']}/cancel/"
    assert client.post(address).data["state"] == "cancelled"
    refused = client.post(address)
    assert (refused.status_code, refused.data["code"]) == (409, "already_ended")


@pytest.mark.parametrize(
    ("asked", "path", "message"),
    [
        ({}, "criteria", 'missing; expected it, or a "cohort"'),
        ({"cohort": "6f1c5c0e-0000-4000-8000-000000000000"}, "cohort", "does not exist"),
        ({"cohort_type": "user", "criteria": {"version": 2, "match": {}}}, "criteria.version", "expected 1"),
        ({"cohort_type": "user", "criteria": ON_PRO, "days": 91}, "days", "less than or equal to 90"),
        ({"cohort_type": "user", "criteria": ON_PRO, "perod": "1h"}, "perod", "unknown field"),
    ],
)
def test_a_wrong_request_names_the_field(client, asked, path, message):
    answer = client.post("/api/backtests/", asked)
    assert answer.status_code == 400
    found = {error["path"]: error["message"] for error in answer.data["errors"]}
    assert message in found[path]


def test_a_definition_beside_a_cohort_is_refused(client):
    answer = client.post("/api/backtests/", {"cohort": str(make_cohort().pk), "criteria": ON_PRO})
    assert answer.data["errors"] == [{"path": "criteria", "message": "comes from the cohort: leave it out"}]


def test_more_evaluations_than_are_done_are_refused(client):
    asked = {"cohort_type": "user", "criteria": ON_PRO, "period": "1m", "days": 90}
    answer = client.post("/api/backtests/", asked)
    assert (answer.status_code, answer.data["code"]) == (409, "too_much")


@pytest.mark.parametrize("query", ["notify_every=soon", "notify_every=8d"])
def test_a_wrong_period_is_refused(client, query):
    pk = client.post("/api/backtests/", {"cohort": str(make_cohort().pk)}).data["id"]
    answer = client.get(f"/api/backtests/{pk}/?{query}")
    assert [error["path"] for error in answer.data["errors"]] == ["notify_every"]
