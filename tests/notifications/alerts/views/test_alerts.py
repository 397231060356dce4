"""The list of alerts, the page of one, and maintenance."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from ingest.columns import open_columns
from notifications.alerts.models import Maintenance
from tests.factories import NOON, make_company, make_event, make_user
from tests.notifications.alerts.rows import HOUR, OVER_100, make_alert, make_maintenance, make_rule

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def alerts():
    """One in each state, of one rule, and an open one of another."""
    rule = make_rule(name="Errors")
    now = timezone.now()
    make_alert(rule, group={"company_id": "opened"}, opened_at=now)
    make_alert(rule, group={"company_id": "known"}, acknowledged_at=now, opened_at=now - 2 * HOUR)
    make_alert(rule, group={"company_id": "over"}, resolved_at=NOON + HOUR, end="recovered")
    make_alert(make_rule(name="Other"), group={"company_id": "other"}, opened_at=now)
    return rule


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, {"opened", "known", "over", "other"}),
        ({"state": "open"}, {"opened", "other"}),
        ({"state": "acknowledged"}, {"known"}),
        ({"state": "resolved"}, {"over"}),
        ({"since": "24h"}, {"opened", "known", "other"}),
        ({"state": "nonsense", "rule": "nonsense", "since": "x", "page": "x"}, {"opened", "known", "over", "other"}),
    ],
)
def test_alerts_are_found_by_state_and_time(client_as, alerts, query, shown):
    text = text_of(client_as("Viewer").get("/alerts/", query))
    assert {name for name in ("opened", "known", "over", "other") if f": {name} " in text} == shown


def test_alerts_are_found_by_their_rule_and_the_list_alone_is_answered_to_a_filter(client_as, alerts):
    answer = client_as("Viewer").get("/alerts/", {"rule": alerts.pk}, headers={"HX-Target": "alert-list"})
    assert ": other " not in text_of(answer)
    assert "<h1" not in answer.content.decode()


def test_where_nothing_was_off_the_page_says_so(client_as):
    client = client_as("Viewer")
    assert "Nothing was off yet" in text_of(client.get("/alerts/"))
    assert "No alert matches these filters" in text_of(client.get("/alerts/", {"state": "open"}))


@pytest.mark.parametrize("count", [1, 8])
def test_more_alerts_need_no_more_queries(client_as, django_assert_max_num_queries, count):
    for _ in range(count):
        make_alert(make_rule())
    client = client_as("Viewer")
    with django_assert_max_num_queries(8):
        client.get("/alerts/")


@pytest.fixture
def alert():
    """More than three calls in the hour before noon, by Ann and Bob of Acme."""
    past = NOON - timedelta(days=3)
    acme = make_company("acme", past)
    ann, bob = (make_user(name, past, acme, metadata={"name": name.capitalize()}) for name in ("ann", "bob"))
    for minute in range(4):
        make_event(ann, NOON - HOUR + timedelta(minutes=minute))
    make_event(bob, NOON - HOUR)
    open_columns().seal(NOON)
    return make_alert(make_rule(name="Calls"), value=5, high=3, sentence="expected at most 3, saw 5")


def test_an_alert_says_what_was_expected_and_what_happened(client_as, alert):
    shown = text_of(client_as("Viewer").get(reverse("alert", args=[alert.pk])))
    assert "Expected at most 3, saw 5" in shown
    assert "interval 2 Mar 2026, 11:00 – 2 Mar 2026, 12:00" in shown
    assert "Opened" in shown
    assert "Acknowledge" not in shown


def test_its_chart_marks_the_moment(client_as, alert):
    alert.resolved_at, alert.end = NOON + HOUR, "recovered"
    alert.save()
    html = client_as("Viewer").get(reverse("alert_chart", args=[alert.pk])).content.decode()
    assert "Opened: 02 Mar 2026, 11:00" in html
    assert "Resolved: 02 Mar 2026, 12:00" in html
    assert "<td>5</td>" in html


def test_a_rule_that_was_edited_since_is_drawn_as_it_reads_now(client_as, alert):
    rule = alert.rule
    client = client_as("Viewer")
    rule.definition_version = 2
    rule.save(update_fields=["definition_version"])
    assert "drawn as it reads now" in text_of(client.get(reverse("alert_chart", args=[alert.pk])))
    rule.definition = {**OVER_100, "group_by": ["company_id"]}
    rule.save()
    assert "has other groups now" in text_of(client.get(reverse("alert_chart", args=[alert.pk])))


def test_the_customers_behind_it_lead_to_a_cohort(client_as, alert):
    answer = client_as("Analyst").get(reverse("alert_behind", args=[alert.pk]))
    shown = text_of(answer)
    assert "2 users behind it" in shown
    assert shown.index("ann") < shown.index("bob")
    assert "1 company behind it" in shown
    address = re.search(r'href="(/users/\?[^"]*)"', answer.content.decode())[1].replace("&amp;", "&")
    results = client_as("Analyst").get(address.replace("/users/", "/users/results/"))
    assert "2" in text_of(results)
    assert "ann" in text_of(results)
    assert "Save as a cohort" not in text_of(client_as("Viewer").get(reverse("alert_behind", args=[alert.pk])))


def test_it_is_acknowledged_with_a_note(client_as, alert):
    client = client_as("Analyst")
    address = reverse("acknowledge_alert", args=[alert.pk])
    client.post(address, {"note": "Looking at the database"})
    alert.refresh_from_db()
    assert alert.acknowledged_by is not None
    shown = text_of(client.get(reverse("alert", args=[alert.pk])))
    assert "Looking at the database" in shown
    client.post(address)
    assert "somebody was first" in text_of(client.get(reverse("alert", args=[alert.pk])))


def test_it_is_snoozed_and_woken(client_as, alert):
    client = client_as("Analyst")
    client.post(reverse("snooze_alert", args=[alert.pk]), {"silence": "1d"})
    shown = text_of(client.get(reverse("alert", args=[alert.pk])))
    assert "snoozed until" in shown
    assert "End the snooze" in shown
    client.post(reverse("wake_alert", args=[alert.pk]))
    alert.refresh_from_db()
    assert alert.snoozed_until is None


def test_of_a_resolved_alert_nothing_more_is_done(client_as, alert):
    alert.resolved_at, alert.end = NOON, "recovered"
    alert.save()
    client = client_as("Analyst")
    assert "Acknowledge" not in text_of(client.get(reverse("alert", args=[alert.pk])))
    client.post(reverse("wake_alert", args=[alert.pk]))
    assert "It has been resolved" in text_of(client.get(reverse("alert", args=[alert.pk])))


# --- Maintenance

WINDOW = {
    "start": "2026-03-29T01:00",
    "end": "2026-03-29T04:00",
    "zone": "Europe/Berlin",
    "reason": "Migration",
    "concerns": "all",
}


def test_a_window_is_added_in_a_zone_changed_and_deleted(client_as):
    client, rule = client_as("Analyst"), make_rule(name="Errors")
    assert client.post("/maintenance/new/", {**WINDOW, "concerns": "some", "rules": [rule.pk]}).status_code == 204
    window = Maintenance.objects.get()
    assert window.end - window.start == 2 * HOUR  # the clocks go forward within it
    shown = text_of(client.get("/maintenance/"))
    assert "Migration" in shown
    assert "Errors" in shown
    address = reverse("edit_maintenance", args=[window.pk])
    assert 'value="2026-03-29T00:00"' in client.get(address).content.decode()
    client.post(address, {**WINDOW, "zone": "UTC", "rules": [rule.pk]})
    window.refresh_from_db()
    assert window.end - window.start == 3 * HOUR
    assert window.all_rules
    assert not window.rules.exists()
    client.post(reverse("delete_maintenance", args=[window.pk]))
    assert "No maintenance planned" in text_of(client.get("/maintenance/"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"end": "2026-03-29T01:00"}, "expected a later time"),
        ({"end": "2027-03-29T01:00"}, "expected at most 60 days"),
        ({"start": "soon"}, "Enter a valid date/time"),
        ({"concerns": "some"}, "Tick at least one"),
        ({"zone": "Nowhere"}, "is not the name of a time zone"),
        (
            {"concerns": "some", "rules": ["6f0d5ea2-6d0f-4d0c-9a53-0a4d4be4d3a4"]},
            "is not one of the available choices",
        ),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(client_as, wrong, words):
    make_rule()
    answer = client_as("Analyst").post("/maintenance/new/", {**WINDOW, **wrong})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Maintenance.objects.exists()


def test_a_window_whose_only_rule_is_deleted_says_that_it_concerns_none(client_as):
    client, rule = client_as("Analyst"), make_rule(name="Errors")
    window = make_maintenance(rule)
    rule.delete()
    assert "none: they were deleted" in text_of(client.get("/maintenance/"))
    assert (
        "Tick at least one"
        in client.post(reverse("edit_maintenance", args=[window.pk]), {**WINDOW, "concerns": "some"}).content.decode()
    )


@pytest.mark.parametrize("count", [1, 5])
def test_more_windows_need_no_more_queries(client_as, django_assert_max_num_queries, count):
    for _ in range(count):
        make_maintenance(make_rule())
    client = client_as("Viewer")
    with django_assert_max_num_queries(8):
        assert "over" in text_of(client.get("/maintenance/"))
