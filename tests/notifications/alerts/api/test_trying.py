"""Rules judged at once, and tried on the past, over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ingest.columns import open_columns
from ingest.models import Scope
from notifications.alerts.definition import parse
from notifications.alerts.models import AlertRule
from tests.cohorts.criteria.asking import call
from tests.notifications.alerts.api.asking import RULES, UNUSUAL, client_with, paths
from tests.notifications.alerts.rows import OVER_100, make_maintenance, make_rule

pytestmark = pytest.mark.django_db


def calls(number: int, at: Any, company: str = "acme") -> None:
    for second in range(number):
        call("ann", at + timedelta(seconds=second), company_id=company)


@pytest.fixture
def hour() -> Any:
    """The beginning of an hour that is over, some hours ago, with events."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    calls(3, hour)
    open_columns().seal(timezone.now())
    return hour


def over(number: int, **changes: Any) -> dict[str, Any]:
    return {**OVER_100, "condition": {"static": {"op": ">", "value": number}}, **changes}


def test_a_rule_is_watched_without_waiting_for_the_worker(api, hour):
    rule = make_rule(definition=over(2), now=hour)
    address = f"{RULES}{rule.pk}/"

    watched = api.post(f"{address}watch/").json()

    assert (watched["open_alerts"], watched["error"]) == (0, None)
    assert [each["kind"] for each in api.get(f"{address}changes/").json()["results"]][:2] == ["opened", "resolved"]
    api.patch(address, {"paused": True})
    refused = api.post(f"{address}watch/")
    assert (refused.status_code, refused.json()["code"]) == (409, "paused")


def test_a_preview_tells_what_a_definition_would_have_alerted_of_and_saves_nothing(api, hour):
    definition = over(2, group_by=["company_id"])

    told = client_with(Scope.READ).post(f"{RULES}preview/", {"definition": definition, "days": 1, "points": 8}).json()

    [alert] = told["alerts"]
    shown = hour.strftime("%Y-%m-%dT%H:00:00Z")
    assert (told["would_alert"], told["not_watched"], told["words"]) == (1, 0, parse(definition).words())
    assert (alert["group"], alert["value"], alert["expected"]) == (
        {"company_id": "acme"},
        3.0,
        {"low": None, "high": 2},
    )
    assert (alert["interval"]["from"], alert["sentence"]) == (shown, "expected at most 2, saw 3")
    [series] = told["series"]
    assert series["group"] == {"company_id": "acme"}
    assert {(each["value"], each["verdict"]) for each in series["points"] if each["from"] == shown} == {(3.0, "bad")}
    assert not AlertRule.objects.exists()


def test_a_preview_of_a_saved_rule_changes_what_is_said_and_keeps_the_rest(api, hour):
    rule = make_rule(definition=over(2), time_zone="Asia/Tokyo")
    asked = {"rule": str(rule.pk), "days": 1, "charts": 0}

    assert api.post(f"{RULES}preview/", asked).json()["would_alert"] == 1
    assert api.post(f"{RULES}preview/", {**asked, "definition": over(3)}).json()["would_alert"] == 0
    make_maintenance(rule, start=hour, end=hour + timedelta(minutes=1))
    assert api.post(f"{RULES}preview/", asked).json()["would_alert"] == 0
    rule.refresh_from_db()
    assert (rule.definition, rule.turn) == (over(2), 0)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "definition"),
        ({"definition": over(2, every="2m")}, "definition.every"),
        ({"definition": over(2), "days": 731}, "days"),
        ({"definition": over(2, every="1m", group_by=["user_id"], most_groups=1000)}, "days"),
        ({"definition": {**over(2, every="15m", group_by=["type"]), "condition": UNUSUAL}}, "days"),
        ({"rule": "00000000-0000-0000-0000-000000000000"}, "rule"),
        ({"definition": over(2), "time_zone": "Mars"}, "time_zone"),
    ],
)
def test_a_wrong_preview_is_refused_by_its_place(api, given, path):
    assert paths(api.post(f"{RULES}preview/", given)) == [path]


def test_an_example_is_what_the_rule_told_last_or_would_tell(api, hour):
    definition = over(2, group_by=["company_id"])
    reads = client_with(Scope.READ)

    told = reads.post(f"{RULES}example/", {"definition": definition, "name": "Many"}).json()
    saved = make_rule(definition=over(1000), name="Far more")
    never = reads.post(f"{RULES}example/", {"rule": str(saved.pk)}).json()

    assert (told["made_up"], told["webhook"]["rule"]["name"], told["webhook"]["type"]) == (
        False,
        "Many",
        "alert.opened",
    )
    [alert] = told["webhook"]["alerts"]
    assert (alert["group"], alert["sentence"]) == ({"company_id": "acme"}, "expected at most 2, saw 3")
    assert (never["made_up"], never["webhook"]["rule"]["id"]) == (True, str(saved.pk))
    assert never["webhook"]["rule"]["url"].endswith(f"/alert-rules/{saved.pk}/")
    assert paths(reads.post(f"{RULES}example/", {})) == ["definition"]
