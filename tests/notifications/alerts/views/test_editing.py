"""The editor of a rule: what it answers while one builds, what it would have done, and saving."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from ingest.columns import open_columns
from notifications.alerts import replay
from notifications.alerts.conditions.static import Static
from notifications.alerts.models import Alert, AlertRule
from tests.factories import make_company, make_event, make_user
from tests.notifications.alerts.builder_forms import inputs_of, of
from tests.notifications.alerts.rows import HOUR, OVER_100, make_alert, make_rule

pytestmark = pytest.mark.django_db

FEW = {**OVER_100, "condition": {"static": {"op": ">", "value": 3}}}


@pytest.fixture
def now():
    return timezone.now().replace(microsecond=0)


def handed_on(rule: Any) -> dict[str, str]:
    """What the page hands on to the parts that follow the editor."""
    return {"criteria": json.dumps(rule), "time_zone": "UTC", "fingerprint": "as the form has it"}


def words(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


def post_form(client, address, draft, **others):
    """Post the editor's form, some of its inputs changed."""
    inputs = [(name, others.pop(name) if name in others else value) for name, value in inputs_of(draft)]
    body = urlencode([*inputs, *others.items()])
    return client.post(address, body, content_type="application/x-www-form-urlencoded")


def test_the_editor_answers_with_words_faults_and_rows(client_as):
    client = client_as("Analyst")
    answer = post_form(client, "/alert-rules/builder/", of(), **{"condition:when": "silence"})
    assert "has no events in one interval" in words(answer)
    assert 'name="condition.silence.after:number"' in answer.content.decode()
    broken = post_form(client, "/alert-rules/builder/?typed=1", of(), **{"minimum:least": "many"})
    fault = json.loads(broken["HX-Trigger-After-Swap"])["builder-fault"]
    assert fault["id"] == "b-minimum"
    assert "definition-changed" not in json.loads(broken["HX-Trigger-After-Swap"])
    grouped = post_form(client, "/alert-rules/builder/", of(), edit="another group_by")
    assert json.loads(grouped["HX-Trigger-After-Swap"])["builder-go-on"] == {"id": "b-group_by-0"}


def test_an_address_that_was_made_up_opens_a_usual_rule(client_as):
    client = client_as("Analyst")
    for criteria in ("", "nonsense", "[]", '{"version": 7}', "{" * 5000):
        page = client.get("/alert-rules/new/", {"criteria": criteria, "time_zone": "Nowhere"})
        assert page.status_code == 200


@pytest.fixture
def events(now):
    """Five calls of Ann ten hours ago, and one of Bob, of a company each."""
    past = now - timedelta(days=40)
    ann, bob = (
        make_user(name, past, make_company(company, past)) for name, company in (("ann", "acme"), ("bob", "beta"))
    )
    hour = now.replace(minute=0, second=0) - 10 * HOUR
    for minute in range(5):
        make_event(ann, hour + timedelta(minutes=minute))
    make_event(bob, hour)
    open_columns().seal(now)
    return hour


def test_what_the_rule_would_have_done_is_told_and_drawn(client_as, events):
    answer = client_as("Viewer").post("/alert-rules/try/", handed_on(FEW))
    assert "Would have alerted 1 time in the last 30 days." in words(answer)
    assert "expected at most 3, saw 6" in words(answer)
    html = answer.content.decode()
    assert "Would have alerted:" in html
    assert "at most 3" in html


def test_a_rule_that_never_would_have_says_so(client_as, events):
    assert "Would not have alerted in the last 30 days." in words(
        client_as("Viewer").post("/alert-rules/try/", handed_on(OVER_100))
    )


def test_without_events_there_is_nothing_to_draw(client_as, now):
    open_columns().seal(now)
    answer = client_as("Viewer").post("/alert-rules/try/", handed_on({**FEW, "group_by": ["company_id"]}))
    assert "nothing to draw" in words(answer)


@pytest.mark.parametrize("rule", [{"version": 1}, "nonsense", [1]])
def test_what_is_not_finished_is_not_tried(client_as, rule):
    answer = client_as("Viewer").post("/alert-rules/try/", handed_on(rule))
    assert answer.status_code == 200
    assert (rule == {"version": 1} and "Complete the rule" in words(answer)) or rule != {"version": 1}


def test_what_takes_long_is_tried_part_by_part_and_adds_up(client_as, events, monkeypatch):
    one = {**FEW, "group_by": ["company_id"], "most_groups": 4, "condition": {"static": {"op": ">=", "value": 1}}}
    client = client_as("Viewer")
    assert "Would have alerted 2 times in the last 30 days." in words(client.post("/alert-rules/try/", handed_on(one)))
    monkeypatch.setattr(Static, "is_slow", True)
    monkeypatch.setattr(replay, "MOST_AT_ONCE", 720)  # a group at a time
    answer = client.post("/alert-rules/try/", handed_on(one))
    seen = []
    while found := re.search(r'hx-post="(/alert-rules/try/\?part=\d)"', answer.content.decode()):
        assert "so far" in words(answer)
        assert "Judging group after group" in words(answer)
        seen.append(found[1])
        carried = re.search(r'name="found" value="([^"]*)"', answer.content.decode())[1].replace("&quot;", '"')
        answer = client.post(found[1], {**handed_on(one), "found": carried})
    assert seen == [f"/alert-rules/try/?part={part}" for part in (1, 2, 3)]
    assert "Would have alerted 2 times in the last 30 days." in words(answer)
    assert {"acme", "beta"} <= set(words(answer).split())


@pytest.mark.parametrize("found", ["", "[]", "[1, [[1, 2, 3]]]", '[1, [["x", 1, 1]]]', "{", '["a", []]', "[[], []]"])
def test_a_sum_that_was_made_up_harms_nobody(client_as, events, monkeypatch, found):
    monkeypatch.setattr(replay, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(Static, "is_slow", True)
    rule = {**FEW, "group_by": ["company_id"], "most_groups": 3}
    answer = client_as("Viewer").post("/alert-rules/try/?part=2", {**handed_on(rule), "found": found})
    assert answer.status_code == 200
    assert client_as("Viewer").post("/alert-rules/try/?part=99999999", handed_on(rule)).status_code == 200


def test_an_edit_begins_anew_and_ends_what_is_open(client_as, now):
    rule = make_rule(now=now)
    make_alert(rule)
    client = client_as("Analyst")
    address = reverse("edit_alert_rule", args=[rule.pk])
    assert "1 open alert ends with it" in words(client.get(address))
    draft = of(**{key: OVER_100[key] for key in ("metric", "every", "condition")})
    answer = post_form(client, address, draft, definition_version="1", **{"condition.static.value:number": "200"})
    assert answer.headers["HX-Redirect"] == reverse("alert_rule", args=[rule.pk])
    rule.refresh_from_db()
    assert rule.definition["condition"]["static"]["value"] == 200
    assert rule.definition_version == 2
    assert Alert.objects.get().end == "edited"


def test_saving_what_says_the_same_ends_nothing(client_as, now):
    rule = make_rule(now=now, definition={**OVER_100, "mode": "calendar", "week_starts_on": 1, "grace": "2m"})
    make_alert(rule)
    draft = of(**{key: OVER_100[key] for key in ("metric", "every", "condition")})
    post_form(client_as("Analyst"), reverse("edit_alert_rule", args=[rule.pk]), draft, definition_version="1")
    rule.refresh_from_db()
    assert rule.definition_version == 1
    assert rule.definition["mode"] == "calendar"
    assert Alert.objects.get().is_open


def test_an_edit_of_what_somebody_else_edited_is_refused_once(client_as, now):
    rule = make_rule(now=now)
    AlertRule.objects.update(definition_version=2, definition={**OVER_100, "every": "day"})
    draft = of(condition={"static": {"op": "<", "value": 5}})
    answer = post_form(client_as("Analyst"), reverse("edit_alert_rule", args=[rule.pk]), draft, definition_version="1")
    assert answer.status_code == 422
    assert "Somebody else edited this rule meanwhile" in words(answer)
    assert "per day" in words(answer)
    assert 'name="definition_version" value="2"' in answer.content.decode()


def test_a_rule_that_does_not_work_is_not_saved(client_as, now):
    rule = make_rule(now=now)
    answer = post_form(
        client_as("Analyst"),
        reverse("edit_alert_rule", args=[rule.pk]),
        of(),
        definition_version="1",
        **{"grace:wait": "x"},
    )
    assert answer.status_code == 422
    assert "The rule does not work yet" in words(answer)


def test_a_duplicate_begins_as_the_rule_reads(client_as, now):
    rule = make_rule(now=now, name="Calls", definition={**OVER_100, "every": "day"}, time_zone="Europe/Berlin")
    html = client_as("Analyst").get(reverse("duplicate_alert_rule", args=[rule.pk])).content.decode()
    assert "Copy of Calls" in html
    assert "per day" in html
    assert "<option selected>Europe/Berlin" in html
