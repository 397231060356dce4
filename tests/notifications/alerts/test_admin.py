"""Alert rules, alerts and maintenance in the admin."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.utils import timezone

from cohortsite.roles import ADMINISTRATOR, VIEWER
from notifications.alerts.models import Alert, AlertRule, Maintenance
from tests.cohorts.criteria.asking import call
from tests.factories import NOON, make_channel, make_person
from tests.notifications.alerts.rows import OVER_100, make_alert, make_maintenance, make_rule

pytestmark = pytest.mark.django_db
RULES, ALERTS, MAINTENANCE = "/admin/alerts/alertrule/", "/admin/alerts/alert/", "/admin/alerts/maintenance/"
CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def boss(client):
    client.force_login(make_person())
    return client


def form(**values):
    """What a browser sends for a rule."""
    given = {
        "name": "Many calls",
        "key": "",
        "definition": OVER_100,
        "time_zone": "UTC",
        "tells_resolved": "on",
        **values,
    }
    return {**given, "definition": json.dumps(given["definition"])}


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def select(action, *rows):
    return {"action": f"{action}_selected", "_selected_action": [str(row.pk) for row in rows]}


def test_a_rule_is_added(boss):
    channel = make_channel()
    answer = boss.post(f"{RULES}add/", form(told_on=[channel.pk], time_zone="Asia/Tokyo", reminder="4h", quiet_for=""))

    assert answer.status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.definition, rule.time_zone, rule.key) == (OVER_100, "Asia/Tokyo", None)
    assert (rule.reminder, rule.quiet_for) == (timedelta(hours=4), None)
    assert (list(rule.channels.all()), rule.created_by) == ([channel], answer.wsgi_request.user)
    assert rule.judged_until == rule.created_at


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"definition": {**OVER_100, "every": "2m"}}, 'every: expected "1m"'),
        ({"definition": 7}, "expected an object"),
        ({"reminder": "soon"}, "expected an integer and one of"),
        ({"quiet_for": "60d"}, "less than or equal to"),
        ({"time_zone": "Mars"}, "Select a valid choice"),
    ],
)
def test_a_fault_stands_at_its_field(boss, wrong, message):
    answer = boss.post(f"{RULES}add/", form(**wrong))

    [field] = wrong
    [fault] = answer.context["adminform"].form.errors[field]
    assert message in fault
    assert not AlertRule.objects.exists()


def test_an_edit_keeps_what_the_site_wrote_and_one_of_the_definition_ends_open_alerts(boss):
    channel = make_channel()
    rule = make_rule(channel, error="no columns")
    alert = make_alert(rule)
    address = f"{RULES}{rule.pk}/change/"
    page = boss.get(address).content.decode()
    assert "number of API Call per hour is more than 100" in page

    boss.post(address, form(name="Other", told_on=[channel.pk]))
    alert.refresh_from_db()
    stored = AlertRule.objects.get()
    assert (stored.name, stored.error, stored.turn) == ("Other", "no columns", 1)
    assert (alert.is_open, list(stored.channels.all())) == (True, [channel])

    told = boss.post(address, form(definition={**OVER_100, "every": "day"}))
    alert.refresh_from_db()
    assert (alert.end, AlertRule.objects.get().definition_version) == ("edited", 2)
    assert list(AlertRule.objects.get().channels.all()) == []
    assert any("starts anew" in message for message in said(told))


def test_a_rule_that_is_no_longer_valid_says_so_and_is_listed(boss):
    rule = make_rule()
    AlertRule.objects.update(definition={"version": 1})

    assert "The rule is not valid: metric: missing" in boss.get(RULES).content.decode()
    assert boss.get(f"{RULES}{rule.pk}/change/").status_code == 200


def test_rules_are_paused_resumed_snoozed_and_woken(boss):
    rule = make_rule()

    def stored():
        return AlertRule.objects.get()

    boss.post(RULES, select("pause", rule))
    assert stored().paused_at is not None
    boss.post(RULES, select("resume", rule))
    assert (stored().paused_at, stored().judged_until > NOON) == (None, True)
    boss.post(RULES, select("snooze", rule))
    assert stored().snoozed_until > timezone.now() + timedelta(hours=23)
    boss.post(RULES, select("wake", rule))
    assert stored().snoozed_until is None
    boss.post(f"{RULES}{rule.pk}/snooze/", {**CONFIRMED, "silence": "4h"})
    assert timedelta(hours=3) < stored().snoozed_until - timezone.now() < timedelta(hours=5)
    boss.post(f"{RULES}{rule.pk}/wake/", CONFIRMED)
    assert stored().snoozed_until is None
    assert stored().turn == 6


def test_a_rule_is_watched_without_waiting_for_the_worker(boss):
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for second in range(3):
        call("ann", hour + timedelta(seconds=second))
    over_2 = {**OVER_100, "condition": {"static": {"op": ">", "value": 2}}}
    rule, paused = make_rule(definition=over_2, now=hour), make_rule(now=hour, paused_at=NOON)

    told = said(boss.post(RULES, select("watch", rule, paused)))

    assert any("saw 3" in message or "saw 0" in message for message in told)
    assert any("judged until" in message for message in told)
    assert any("is paused" in message for message in told)
    assert rule.alerts.count() == 1


def test_the_list_says_how_rules_are_doing(boss):
    soon = timezone.now() + timedelta(hours=1)
    for name, values in {"Fine": {}, "Off": {}, "Broken": {"error": "no columns"}, "Late": {"due_at": NOON}}.items():
        rule = make_rule(name=name, **{"due_at": soon, **values})
        if name == "Off":
            make_alert(rule)

    page = boss.get(RULES).content.decode()

    for word in ("working", "alerting", "failing", "stuck"):
        assert word in page


def test_a_rule_goes_with_its_alerts_which_are_counted(boss):
    rule = make_rule(make_channel())
    make_alert(rule), make_alert(rule, group={"company_id": "acme"})

    assert "Alerts: 2" in " ".join(boss.get(f"{RULES}{rule.pk}/delete/").content.decode().split())
    boss.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"})
    assert not Alert.objects.exists()


# --- Alerts


def test_alerts_are_acknowledged_snoozed_and_woken_by_whoever_may(boss):
    alert, over = make_alert(), make_alert(resolved_at=NOON, end="recovered")

    boss.post(ALERTS, select("acknowledge", alert))
    boss.post(f"{ALERTS}{alert.pk}/snooze/", {**CONFIRMED, "silence": "1d"})
    alert.refresh_from_db()
    assert alert.acknowledged_by is not None
    assert alert.snoozed_until > timezone.now() + timedelta(hours=23)
    boss.post(ALERTS, select("wake", alert))
    alert.refresh_from_db()
    assert alert.snoozed_until is None
    assert [change.kind for change in alert.changes.all()] == ["opened", "acknowledged", "snoozed", "woken"]
    late = boss.post(ALERTS, select("acknowledge", over))
    assert any("resolved" in message for message in said(late))
    assert f"{ALERTS}{over.pk}/acknowledge" not in boss.get(f"{ALERTS}{over.pk}/change/").content.decode()


def test_who_only_looks_may_not_attend(client):
    person = make_person(superuser=False)
    person.groups.add(Group.objects.get(name=VIEWER))
    client.force_login(person)
    alert = make_alert()

    assert client.get(f"{ALERTS}{alert.pk}/change/").status_code == 200
    assert client.post(f"{ALERTS}{alert.pk}/acknowledge/", CONFIRMED).status_code == 403
    client.post(ALERTS, select("acknowledge", alert))
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_an_alert_is_found_by_its_group_and_shows_its_history(boss):
    acme = make_alert(group={"company_id": "acme"})
    make_alert(group={"company_id": "other"})

    page = boss.get(ALERTS, {"q": "acme"}).content.decode()

    assert "company_id: acme" in page
    assert "company_id: other" not in page
    assert "expected at most 100, saw 640" in boss.get(f"{ALERTS}{acme.pk}/change/").content.decode()


# --- Maintenance


def clock(name, at):
    return {f"{name}_0": at.strftime("%Y-%m-%d"), f"{name}_1": at.strftime("%H:%M")}


def test_maintenance_is_planned_and_listed(boss):
    rule = make_rule(name="Errors")
    given = {**clock("start", NOON), **clock("end", NOON + timedelta(hours=1)), "rules": [str(rule.pk)]}

    boss.post(f"{MAINTENANCE}add/", given)

    window = Maintenance.objects.get()
    assert (window.start, list(window.rules.all())) == (NOON, [rule])
    assert window.created_by is not None
    assert "Errors" in boss.get(MAINTENANCE).content.decode()
    rule.delete()
    assert "none: they were deleted" in boss.get(MAINTENANCE).content.decode()


@pytest.mark.parametrize(
    ("everywhere", "named", "words"),
    [("", False, "Choose at least one, or all rules."), ("on", True, "Choose none of them with all rules.")],
)
def test_maintenance_concerns_all_rules_or_some(boss, everywhere, named, words):
    rule = make_rule()
    given = {**clock("start", NOON), **clock("end", NOON + timedelta(hours=1)), "all_rules": everywhere}
    answer = boss.post(f"{MAINTENANCE}add/", {**given, "rules": [str(rule.pk)] if named else []})
    assert answer.context["adminform"].form.errors["rules"] == [words]


def test_maintenance_without_a_length_is_refused(boss):
    window = make_maintenance()
    address = f"{MAINTENANCE}{window.pk}/change/"

    answer = boss.post(address, {**clock("start", NOON), **clock("end", NOON)})

    assert answer.context["adminform"].form.errors["end"] == ["expected a later time than the start"]
    assert boss.post(address, {**clock("start", NOON), "end_0": "x", "end_1": ""}).status_code == 200


def test_an_administrator_of_the_role_may_do_all_this(client):
    person = make_person(superuser=False)
    person.groups.add(Group.objects.get(name=ADMINISTRATOR))
    client.force_login(person)
    rule = make_rule(make_channel())
    make_alert(rule)

    assert client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not AlertRule.objects.exists()
