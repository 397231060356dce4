"""The list of alert rules, the page of one, and what its menu does."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from ingest.columns import open_columns
from notifications.alerts.models import AlertRule
from notifications.alerts.recipes import RECIPES
from tests.factories import make_channel, make_company, make_event, make_user
from tests.notifications.alerts.rows import HOUR, OVER_100, make_alert, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    """The clock's time, which pages live by."""
    return timezone.now().replace(microsecond=0)


def text_of(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_empty_site_offers_rules_to_start_from(client_as):
    client = client_as("Analyst")
    html = client.get("/alert-rules/").content.decode()
    for recipe in RECIPES:
        assert recipe.title in html
    for address in re.findall(r'class="recipe" href="([^"]+)"', html):
        editor = client.get(address.replace("&amp;", "&"))
        assert "control-fault" in editor.content.decode()
        assert 'id="builder-open" role="status"></p>' in editor.content.decode().replace("\n", "")


def test_who_may_make_no_rules_is_offered_none(client_as):
    html = client_as("Viewer").get("/alert-rules/").content.decode()
    assert "An analyst makes the rules" in html
    assert "/alert-rules/new/" not in html


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({}, "working"),
        ({"paused_at": timezone.now()}, "paused"),
        ({"snoozed_until": timezone.now() + HOUR}, "snoozed"),
        ({"error": "The columns are damaged"}, "failing"),
        ({"due_at": timezone.now() - HOUR}, "stuck"),
    ],
)
def test_the_state_of_a_rule(client_as, now, values, word):
    make_rule(now=now, **values)
    assert word in text_of(client_as("Viewer").get("/alert-rules/"))


def test_rules_with_open_alerts_come_first_and_say_how_many(client_as, now):
    make_rule(now=now, name="Alpha")
    off = make_rule(make_channel(name="On call"), now=now, name="Zulu")
    make_alert(off, group={"company_id": "a"}, opened_at=now)
    make_alert(off, group={"company_id": "b"}, opened_at=now)
    make_alert(off, group={"company_id": "c"}, opened_at=now, resolved_at=now, end="recovered")
    shown = text_of(client_as("Viewer").get("/alert-rules/"))
    assert shown.index("Zulu") < shown.index("Alpha")
    assert "2 open alerts" in shown
    assert "On call" in shown


@pytest.mark.parametrize("count", [1, 6])
def test_more_rules_need_no_more_queries(client_as, now, django_assert_max_num_queries, count):
    for _ in range(count):
        make_alert(make_rule(make_channel(), now=now), opened_at=now)
    client = client_as("Analyst")
    with django_assert_max_num_queries(9):
        client.get("/alert-rules/")


@pytest.fixture
def events(now):
    """Calls of Ann of Acme: five in the last whole hour, one in the hour before."""
    acme = make_company("acme", now - timedelta(days=9))
    ann = make_user("ann", now - timedelta(days=9), acme)
    hour = now.replace(minute=0, second=0)
    for minute in range(5):
        make_event(ann, hour - HOUR + timedelta(minutes=minute), response={"status": 500})
    make_event(ann, hour - 2 * HOUR)
    open_columns().seal(now)
    return hour


def test_small_lines_of_all_rules_in_one_answer(client_as, now, events):
    plain = make_rule(now=now)
    shared = make_rule(now=now, definition={**OVER_100, "group_by": ["company_id"]})
    daily = make_rule(now=now, definition={**OVER_100, "every": "day"})
    make_rule(now=now).delete()
    asked = ",".join(str(rule.pk) for rule in (plain, shared, daily)) + ",nonsense"
    html = client_as("Viewer").get("/alert-rules/sparklines/", {"of": asked}).content.decode()
    for rule in (plain, shared):
        place = re.search(f'id="spark-{rule.pk}".*?aria-label="([^"]*)"', html, re.DOTALL)
        assert place[1] == "lately between 0 and 5, last 5"
    assert html.count("<polyline") == 3


def test_the_page_of_a_rule_names_its_alerts_and_whom_it_tells(client_as, now):
    rule = make_rule(make_channel(name="On call"), now=now, name="Errors", description="Ask Ada", reminder=HOUR)
    make_alert(rule, opened_at=now)
    shown = text_of(client_as("Viewer").get(reverse("alert_rule", args=[rule.pk])))
    for words in ("Ask Ada", "Number of API Call per hour is more than 100", "On call", "every hour", "saw 640"):
        assert words in shown


def test_its_chart_marks_when_it_was_off(client_as, now, events):
    rule = make_rule(now=now - timedelta(days=2))
    make_alert(rule, opened_at=events, group_key="[]")
    html = client_as("Viewer").get(reverse("alert_rule_chart", args=[rule.pk])).content.decode()
    assert "at most 100" in html
    assert "Alert open" in html
    assert re.search(rf"{events - HOUR:%d %b %Y, %H:%M}</th><td>5</td>", html)


def test_of_a_rule_with_groups_one_is_drawn_and_others_can_be(client_as, now, events):
    rule = make_rule(now=now, definition={**OVER_100, "group_by": ["company_id"]})
    make_alert(rule, opened_at=events, group={"company_id": "gone"})
    address = reverse("alert_rule_chart", args=[rule.pk])
    client = client_as("Viewer")
    html = client.get(address).content.decode()
    groups = re.findall(r'<option value="([^"]*)"( selected)?>', html)
    assert [key for key, _ in groups] == ["[&quot;gone&quot;]", "[&quot;acme&quot;]"]
    assert "No such events came lately" in html
    other = client.get(address, {"group": '["acme"]'}).content.decode()
    assert "<td>5</td>" in other


def test_a_rule_is_paused_and_resumed(client_as, now):
    rule = make_rule(now=now)
    client = client_as("Analyst")
    client.post(reverse("pause_alert_rule", args=[rule.pk]))
    rule.refresh_from_db()
    assert rule.paused_at
    assert "Nothing is judged" in text_of(client.get(reverse("alert_rule", args=[rule.pk])))
    client.post(reverse("resume_alert_rule", args=[rule.pk]))
    rule.refresh_from_db()
    assert rule.paused_at is None


def test_a_rule_is_snoozed_for_a_while_and_woken(client_as, now):
    rule = make_rule(now=now)
    client = client_as("Analyst")
    address = reverse("snooze_alert_rule", args=[rule.pk])
    assert client.post(address, {"silence": "99h"}).status_code == 422
    assert client.post(address, {"silence": "4h"}).headers["HX-Refresh"]
    rule.refresh_from_db()
    assert abs(rule.snoozed_until - now - 4 * HOUR) < timedelta(minutes=1)
    client.post(reverse("wake_alert_rule", args=[rule.pk]))
    rule.refresh_from_db()
    assert rule.snoozed_until is None


def test_a_rule_is_deleted_after_it_was_said_what_goes_with_it(client_as, now):
    rule = make_rule(now=now)
    make_alert(rule)
    client = client_as("Analyst")
    address = reverse("delete_alert_rule", args=[rule.pk])
    assert "1 of them is open" in text_of(client.get(address))
    assert client.post(address).headers["HX-Redirect"] == "/alert-rules/"
    assert not AlertRule.objects.exists()
