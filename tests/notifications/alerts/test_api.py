"""The management API of alert rules, alerts and maintenance."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from ingest.columns import open_columns
from ingest.models import Scope
from notifications.alerts.definition import parse
from notifications.alerts.models import Alert, AlertRule, Maintenance
from tests.cohorts.criteria.asking import call
from tests.factories import NOON, make_api_key, make_channel, make_person
from tests.notifications.alerts.rows import OVER_100, make_alert, make_change, make_maintenance, make_rule

pytestmark = pytest.mark.django_db
RULES, ALERTS, MAINTENANCE = "/api/alert-rules/", "/api/alerts/", "/api/maintenance/"
UNUSUAL = {"anomaly": {"direction": "up", "sensitivity": "low"}}
RULE = {"name": "Many calls", "definition": OVER_100}


def client_with(*scopes: Scope) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*scopes)}")
    return client


@pytest.fixture
def api() -> APIClient:
    """A client whose key reads and writes."""
    return client_with(Scope.READ, Scope.WRITE)


def paths(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [error["path"] for error in answer.json()["errors"]]


def ids(answer: Any) -> set[str]:
    return {each["id"] for each in answer.json()["results"]}


# --- Rules


def test_a_rule_is_created_and_says_what_it_watches(api):
    channel = make_channel()
    given = {
        **RULE,
        "key": "many-calls",
        "description": "Look at the gateway.",
        "time_zone": "Europe/Berlin",
        "channels": [str(channel.pk)],
        "reminder": "4h",
        "quiet_for": "15m",
        "tells_resolved": False,
    }

    created = api.post(RULES, given)

    assert created.status_code == 201
    assert created.json().items() >= given.items()
    assert created.json()["words"] == "number of API Call per hour is more than 100"
    assert (created.json()["paused"], created.json()["open_alerts"], created.json()["error"]) == (False, 0, None)
    assert api.get(f"{RULES}{created.json()['id']}/").json() == created.json()
    rule = AlertRule.objects.get()
    assert (rule.judged_until, rule.due_at) == (rule.created_at, rule.created_at)
    assert list(rule.channels.all()) == [channel]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"definition": {**OVER_100, "every": "2m"}}, "definition.every"),
        ({"definition": {**OVER_100, "condition": {"static": {"op": ">"}}}}, "definition.condition.static.value"),
        ({"definition": {**OVER_100, "group_by": ["plan"]}}, "definition.group_by[0]"),
        ({"definition": None}, "definition"),
        ({"definition": 7}, "definition"),
        ({"channels": ["00000000-0000-0000-0000-000000000000"]}, "channels"),
        ({"channels": [7]}, "channels"),
        ({"channels": "all"}, "channels"),
        ({"reminder": "31d"}, "reminder"),
        ({"quiet_for": 15}, "quiet_for"),
        ({"time_zone": "Mars"}, "time_zone"),
        ({"key": "no spaces"}, "key"),
        ({"name": ""}, "name"),
        ({"grace": "5m"}, "grace"),
        ({"snoozed_until": 7, "names": 1}, "names"),
    ],
)
def test_a_fault_is_refused_by_its_place(api, given, path):
    assert paths(api.post(RULES, {**RULE, **given})) == [path]
    assert not AlertRule.objects.exists()


def test_the_same_request_again_finds_the_rule_and_another_with_its_key_is_refused(api):
    given = {**RULE, "key": "many-calls", "channels": [str(make_channel().pk)]}
    first = api.post(RULES, given)

    again, other = api.post(RULES, given), api.post(RULES, {**given, "channels": []})

    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "key_taken")
    second = api.post(RULES, {**RULE, "key": "second"}).json()["id"]
    assert api.patch(f"{RULES}{second}/", {"key": "many-calls"}).status_code == 409


def test_an_edit_of_the_definition_ends_open_alerts_and_another_does_not(api):
    rule = make_rule(make_channel())
    alert = make_alert(rule)

    named = api.patch(f"{RULES}{rule.pk}/", {"name": "Other", "channels": []}).json()
    edited = api.patch(f"{RULES}{rule.pk}/", {"definition": {**OVER_100, "every": "day"}}).json()

    assert (named["definition_version"], named["open_alerts"], named["channels"]) == (1, 1, [])
    assert (edited["definition_version"], edited["open_alerts"], edited["name"]) == (2, 0, "Other")
    alert.refresh_from_db()
    assert (alert.end, alert.changes.last().kind) == ("edited", "resolved")


def test_a_pause_is_not_judged(api):
    rule = make_rule()

    paused = api.patch(f"{RULES}{rule.pk}/", {"paused": True}).json()
    since = AlertRule.objects.get().paused_at
    api.patch(f"{RULES}{rule.pk}/", {"paused": True})
    assert (paused["paused"], AlertRule.objects.get().paused_at) == (True, since)
    resumed = api.patch(f"{RULES}{rule.pk}/", {"paused": False}).json()

    assert resumed["paused"] is False
    assert AlertRule.objects.get().judged_until >= since > NOON


def test_a_rule_is_snoozed_for_a_while_or_until_a_time_and_woken(api):
    rule = make_rule()
    address, before = f"{RULES}{rule.pk}/", timezone.now()

    def until() -> Any:
        return AlertRule.objects.get().snoozed_until

    assert api.post(f"{address}snooze/", {"for": "4h"}).status_code == 200
    assert timedelta(hours=4) <= until() - before < timedelta(hours=4, minutes=5)
    tomorrow = before + timedelta(days=1)
    assert api.post(f"{address}snooze/", {"until": tomorrow.isoformat()}).json()["snoozed_until"]
    assert until() == tomorrow
    assert api.post(f"{address}wake/").json()["snoozed_until"] is None
    for wrong in ({}, {"for": "4h", "until": tomorrow.isoformat()}, {"until": before.isoformat()}):
        assert paths(api.post(f"{address}snooze/", wrong)) == ["until"]
    assert paths(api.post(f"{address}snooze/", {"for": "soon"})) == ["for"]
    assert until() is None


def test_a_rule_whose_definition_is_no_longer_valid_can_be_read_paused_and_mended(api):
    rule = make_rule(error="metric: missing")
    AlertRule.objects.update(definition={"version": 1})
    address = f"{RULES}{rule.pk}/"

    assert api.get(address).json().items() >= {"words": "", "error": "metric: missing"}.items()
    assert api.patch(address, {"paused": True}).status_code == 200
    assert api.patch(address, {"definition": OVER_100}).json()["error"] is None


def test_a_rule_goes_with_its_alerts_and_its_channel_stays_as_long_as_it_is_used(api):
    channel = make_channel()
    rule = make_rule(channel)
    make_alert(rule)

    refused = client_with(Scope.ADMIN).delete(f"/api/channels/{channel.pk}/")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert api.delete(f"{RULES}{rule.pk}/").status_code == 204
    assert not Alert.objects.exists()
    assert client_with(Scope.ADMIN).delete(f"/api/channels/{channel.pk}/").status_code == 204


def test_rules_are_filtered(api):
    channel = make_channel()
    off = make_rule(name="Errors", key="errors")
    quiet = make_rule(channel, name="Volume", paused_at=NOON)
    make_alert(off)
    make_alert(quiet, resolved_at=NOON, end="recovered")

    def listed(query: str) -> set[str]:
        return ids(api.get(f"{RULES}{query}"))

    assert listed("") == {str(off.pk), str(quiet.pk)}
    assert listed("?key=errors") == listed("?name=err") == listed("?paused=false") == {str(off.pk)}
    assert listed("?alerting=true") == {str(off.pk)}
    assert listed(f"?channel={channel.pk}") == listed("?alerting=false") == {str(quiet.pk)}


def test_lists_ask_the_same_queries_for_one_row_and_for_three(api):
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(address).status_code == 200
        return len(captured)

    def make() -> None:
        rule = make_rule(make_channel(), make_channel())
        make_change(make_alert(rule, acknowledged_at=NOON, acknowledged_by=make_person()), by=make_person())
        make_maintenance(rule)

    make()
    queries(RULES)  # notes that the key is used
    for_one = [queries(address) for address in (RULES, ALERTS, MAINTENANCE)]
    make(), make()
    assert [queries(address) for address in (RULES, ALERTS, MAINTENANCE)] == for_one


# --- What happened to the alerts of a rule


def test_changes_are_followed_from_a_cursor_to_the_next(api):
    rule, other = make_rule(), make_rule()
    alert = make_alert(rule, group={"company_id": "acme"})
    make_alert(other)
    address = f"{RULES}{rule.pk}/changes/"

    first = api.get(address).json()
    assert [(each["kind"], each["alert"], each["group"]) for each in first["results"]] == [
        ("opened", str(alert.pk), {"company_id": "acme"})
    ]
    person = make_person()
    make_change(alert, kind="acknowledged", by=person)
    make_change(alert, kind="resolved")
    second = api.get(f"{address}?after={first['cursor']}&limit=1").json()
    assert [(each["kind"], each["by"]) for each in second["results"]] == [("acknowledged", person.username)]
    third = api.get(f"{address}?after={second['cursor']}").json()
    assert [each["kind"] for each in third["results"]] == ["resolved"]
    assert api.get(f"{address}?after={third['cursor']}").json() == {"cursor": third["cursor"], "results": []}
    for wrong in ("x", "ä", api.get(f"{RULES}{other.pk}/changes/").json()["cursor"]):
        refused = api.get(address, {"after": wrong})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


# --- Watching


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


# --- Trying a rule out


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


# --- Alerts


def test_an_alert_is_told_with_what_was_expected_and_its_history(api):
    alert = make_alert(group={"company_id": "acme"})
    make_change(alert, kind="told")

    told = api.get(f"{ALERTS}{alert.pk}/").json()

    expected = {
        "rule": str(alert.rule_id),
        "group": {"company_id": "acme"},
        "state": "open",
        "value": 640.0,
        "expected": {"low": None, "high": 100.0},
        "sentence": "expected at most 100, saw 640",
        "interval": {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T12:00:00Z"},
        "end": None,
    }
    assert told.items() >= expected.items()
    assert told["url"].endswith(f"/alerts/{alert.pk}/")
    assert [each["kind"] for each in told["changes"]] == ["told", "opened"]


def test_alerts_are_listed_the_newest_first_and_filtered(api):
    rule = make_rule(key="errors")
    first = make_alert(rule, group={"company_id": "acme", "response.status": 500})
    known = make_alert(rule, group={"company_id": "acme", "response.status": None}, acknowledged_at=NOON)
    over = make_alert(opened_at=NOON + timedelta(hours=1), resolved_at=NOON + timedelta(hours=2), end="recovered")

    def listed(**query: Any) -> list[Alert]:
        found = {str(alert.pk): alert for alert in (first, known, over)}
        answer = api.get(ALERTS, {"limit": 2, **query})
        assert answer.status_code == 200, answer.content
        return [found[each["id"]] for each in answer.json()["results"]]

    def of_group(**group: Any) -> list[Alert]:
        return listed(group=json.dumps({name.replace("__", "."): value for name, value in group.items()}))

    assert listed()[0] == over
    assert listed(state="open") == [first]
    assert listed(state="acknowledged") == [known]
    assert listed(state="resolved") == listed(opened_after="2026-03-02T12:30:00Z") == [over]
    assert set(listed(rule=rule.pk)) == set(listed(rule_key="errors")) == {first, known}
    assert set(of_group(company_id="acme")) == {first, known}
    assert of_group(company_id="acme", response__status=500) == [first]
    assert of_group(response__status=None) == [known]
    assert of_group(company_id="Acme") == of_group(company_id=7) == []


@pytest.mark.parametrize(
    "group", ["acme", "{", "[]", "{}", '{"plan": 1}', '{"company_id": ["a"]}', '{"type": 1, "user_id": 1, "email": 1}']
)
def test_a_wrong_group_is_refused(api, group):
    assert paths(api.get(ALERTS, {"group": group})) == ["group"]


@pytest.mark.parametrize("value", ["\0", "\ud800", '"', "'", "%", 1e300, True, -0.0])
def test_odd_groups_are_no_fault(api, value):
    for name in ("company_id", 'metadata."', "metadata.'", "metadata.[0]", "metadata.%", "metadata.$.a"):
        assert api.get(ALERTS, {"group": json.dumps({name: value})}).status_code in (200, 400), name


def test_an_alert_is_acknowledged_once_and_not_when_it_is_over(api):
    alert, over = make_alert(), make_alert(resolved_at=NOON, end="recovered")

    first = api.post(f"{ALERTS}{alert.pk}/acknowledge/", {"note": "On it"}).json()
    again = api.post(f"{ALERTS}{alert.pk}/acknowledge/").json()

    assert (first["state"], first["acknowledged_by"]) == ("acknowledged", None)
    assert [(each["kind"], each["note"]) for each in first["changes"][:-1]] == [("acknowledged", "On it")]
    assert again == first
    refused = api.post(f"{ALERTS}{over.pk}/acknowledge/")
    assert (refused.status_code, refused.json()["code"]) == (409, "resolved")
    assert paths(api.post(f"{ALERTS}{alert.pk}/acknowledge/", {"notes": "x"})) == ["notes"]


def test_an_alert_is_snoozed_and_woken_and_its_history_says_by_whom(api):
    alert, before = make_alert(), timezone.now()

    api.post(f"{ALERTS}{alert.pk}/snooze/", {"for": "1d"})
    alert.refresh_from_db()
    assert alert.snoozed_until - before >= timedelta(days=1)
    woken = api.post(f"{ALERTS}{alert.pk}/wake/").json()
    assert api.post(f"{ALERTS}{alert.pk}/wake/").json() == woken

    assert woken["snoozed_until"] is None
    assert [(each["kind"], each["note"]) for each in woken["changes"][:-1]] == [
        ("woken", "API key test"),
        ("snoozed", "API key test"),
    ]
    assert paths(api.post(f"{ALERTS}{alert.pk}/snooze/", {})) == ["until"]


# --- Maintenance


def test_maintenance_is_planned_for_some_rules_or_all_changed_and_cancelled(api):
    rule = make_rule()
    given = {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T14:00:00Z", "reason": "Upgrade"}

    everywhere = api.post(MAINTENANCE, given)
    created = api.post(MAINTENANCE, {**given, "rules": [str(rule.pk)]})

    assert everywhere.status_code == 201
    assert everywhere.json().items() >= {"all_rules": True, "rules": []}.items()
    assert created.json().items() >= {**given, "all_rules": False, "rules": [str(rule.pk)]}.items()
    address = f"{MAINTENANCE}{created.json()['id']}/"
    assert api.patch(address, {"end": "2026-03-02T15:00:00Z"}).json()["end"] == "2026-03-02T15:00:00Z"
    for wrong in ({"end": "2026-03-02T11:00:00Z"}, {"end": "2026-09-02T15:00:00Z"}):
        assert paths(api.patch(address, wrong)) == ["end"]
    assert paths(api.post(MAINTENANCE, {"start": "soon", "end": given["end"]})) == ["start"]
    assert paths(api.post(MAINTENANCE, {**given, "rule": str(rule.pk)})) == ["rule"]
    assert ids(api.get(f"{MAINTENANCE}?rule={rule.pk}")) == {created.json()["id"]}
    assert ids(api.get(f"{MAINTENANCE}?ends_after=2026-03-02T14:30:00Z")) == {created.json()["id"]}
    assert api.delete(address).status_code == 204
    assert Maintenance.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", [{"all_rules": False}, {"all_rules": True, "rules": "one"}, {"all_rules": False, "rules": []}]
)
def test_maintenance_never_concerns_no_rule_by_a_request(api, wrong):
    rule = make_rule()
    window = make_maintenance(rule)
    asked = {**wrong, "rules": [str(rule.pk)]} if wrong.get("rules") == "one" else wrong
    times = {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T14:00:00Z"}
    assert paths(api.post(MAINTENANCE, {**times, **asked})) == ["rules"]
    assert paths(api.patch(f"{MAINTENANCE}{window.pk}/", asked)) == ["rules"]


def test_maintenance_moves_between_all_rules_and_some_and_stays_where_nothing_is_said(api):
    rule = make_rule()
    window = make_maintenance(rule)
    address = f"{MAINTENANCE}{window.pk}/"
    assert api.patch(address, {"all_rules": True}).json().items() >= {"all_rules": True, "rules": []}.items()
    assert api.patch(address, {"rules": [str(rule.pk)]}).json()["all_rules"] is False
    rule.delete()
    assert api.patch(address, {"reason": "Later"}).json().items() >= {"all_rules": False, "rules": []}.items()


# --- Who may


def test_reading_needs_the_scope_to_read_and_changing_that_to_write():
    reads, writes = client_with(Scope.READ), client_with(Scope.WRITE)
    alert = make_alert()
    for address in (RULES, ALERTS, MAINTENANCE, f"{RULES}{alert.rule_id}/changes/", f"{ALERTS}{alert.pk}/"):
        assert (reads.get(address).status_code, writes.get(address).status_code) == (200, 403), address
    for address in (RULES, MAINTENANCE, f"{RULES}{alert.rule_id}/snooze/", f"{ALERTS}{alert.pk}/acknowledge/"):
        assert reads.post(address).status_code == 403, address
    assert reads.put(f"{RULES}by-key/x/", RULE).status_code == 403
    assert APIClient().get(RULES).status_code == 401


def test_a_person_needs_the_same_permissions_as_on_the_pages():
    client, alert = APIClient(), make_alert()
    client.force_login(make_person(superuser=False))
    addresses = (RULES, ALERTS, MAINTENANCE)
    assert [client.get(address).status_code for address in addresses] == [403] * 3
    person = make_person()
    client.force_login(person)
    assert client.post(f"{ALERTS}{alert.pk}/acknowledge/").json()["acknowledged_by"] == person.username
    assert client.post(RULES, RULE).status_code == 201
    assert AlertRule.objects.get(name=RULE["name"]).created_by == person
