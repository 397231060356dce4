"""Watching: what is judged when, what it does to alerts, and what stands in the way."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cohorts.criteria import CriteriaError
from ingest.columns import open_columns
from ingest.models import Segment
from notifications.alerts.attend import acknowledge, snooze, wake
from notifications.alerts.edit import edit_rule
from notifications.alerts.models import Alert, AlertChange, AlertRule
from notifications.alerts.watch import due_rules, shared_passes, watch
from tests.factories import NOON, make_person
from tests.notifications.alerts.rows import make_maintenance
from tests.notifications.alerts.watching import (
    GRACE,
    HOUR,
    MINUTE,
    calls,
    changes_of,
    definition,
    make_watched,
    watch_at,
)

pytestmark = pytest.mark.django_db


def test_an_interval_is_judged_once_when_its_late_events_are_in():
    rule = make_watched()
    watch_at(NOON + GRACE - timedelta(seconds=1))
    calls(3, NOON - HOUR, received=NOON + MINUTE)
    assert watch_at(NOON + GRACE - timedelta(seconds=1)) == []
    [alert] = watch_at(NOON + GRACE)
    assert (alert.interval_start, alert.interval_end, alert.opened_at) == (NOON - HOUR, NOON, NOON)
    assert (alert.value, alert.low, alert.high) == (3, None, 2)
    assert alert.sentence == "expected at most 2, saw 3"
    rule.refresh_from_db()
    assert (rule.judged_until, rule.due_at) == (NOON, NOON + HOUR + GRACE)
    assert watch_at(NOON + GRACE) == []


def test_what_comes_too_late_changes_no_judgement():
    make_watched()
    calls(2, NOON - HOUR)
    watch_at(NOON + GRACE)
    calls(5, NOON - HOUR, received=NOON + GRACE + timedelta(seconds=1), transaction_id=None, session_token="late")
    assert watch_at(NOON + HOUR + GRACE) == []


def test_an_alert_opens_once_and_resolves_by_itself():
    make_watched()
    calls(3, NOON - HOUR)
    calls(4, NOON)
    [opened] = watch_at(NOON + GRACE)
    assert watch_at(NOON + HOUR + GRACE) == []
    [resolved] = watch_at(NOON + 2 * HOUR + GRACE)
    assert resolved == opened
    resolved.refresh_from_db()
    assert (resolved.resolved_at, resolved.end) == (NOON + 2 * HOUR, Alert.End.RECOVERED)
    assert resolved.resolved_sentence == "expected at most 2, saw 0"
    assert changes_of(resolved) == ["opened", "told", "resolved"]


def test_it_resolves_only_after_as_many_good_intervals_as_asked_for():
    make_watched(recovers=2)
    calls(3, NOON - HOUR)
    watch_at(NOON + GRACE)
    assert watch_at(NOON + HOUR + GRACE) == []
    [alert] = watch_at(NOON + 2 * HOUR + GRACE)
    assert alert.resolved_at == NOON + 2 * HOUR


def test_what_ended_before_the_rule_began_is_not_judged():
    calls(3, NOON - HOUR)
    make_watched(at=NOON)
    calls(3, NOON)
    [alert] = watch_at(NOON + HOUR + GRACE)
    assert alert.interval_start == NOON


def test_missed_intervals_are_judged_in_order_and_those_of_long_ago_are_skipped():
    rule = make_watched(at=NOON - timedelta(days=3))
    calls(3, NOON - 30 * HOUR)
    calls(3, NOON - 5 * HOUR)
    [alert] = watch_at(NOON + GRACE)
    assert (alert.opened_at, alert.resolved_at) == (NOON - 4 * HOUR, NOON - 3 * HOUR)
    rule.refresh_from_db()
    assert rule.skipped == 72 - 24


def test_groups_that_open_together_are_worst_first_and_the_small_ones_are_counted():
    rule = make_watched(group_by=["company_id"], most_groups=2)
    for company, count in (("a", 3), ("b", 6), ("c", 1)):
        calls(count, NOON - HOUR, company_id=company)
    assert {alert.group["company_id"] for alert in watch_at(NOON + GRACE)} == {"a", "b"}
    rule.refresh_from_db()
    assert rule.unwatched == 1


def test_a_group_of_two_fields_is_known_again_in_whatever_order_they_are_stored():
    make_watched(group_by=["response.status", "company_id"])
    for hour in (NOON - HOUR, NOON):
        calls(3, hour, company_id="a")
    [opened] = watch_at(NOON + GRACE)
    assert watch_at(NOON + HOUR + GRACE) == []
    [resolved] = watch_at(NOON + 2 * HOUR + GRACE)
    assert resolved == opened


def test_a_group_that_is_no_longer_watched_is_until_its_alert_is_over():
    make_watched(group_by=["company_id"], most_groups=1)
    calls(3, NOON - HOUR, company_id="a")
    assert len(watch_at(NOON + GRACE)) == 1
    calls(9, NOON, company_id="b")
    found = watch_at(NOON + HOUR + GRACE)
    assert {(alert.group["company_id"], alert.resolved_at) for alert in found} == {("a", NOON + HOUR), ("b", None)}


def test_events_that_wait_to_be_sealed_are_waited_for():
    rule = make_watched()
    calls(3, NOON - HOUR)
    for rules in shared_passes(due_rules(NOON + GRACE)).values():
        assert watch(rules, NOON + GRACE) == []
    rule.refresh_from_db()
    assert rule.judged_until < NOON
    [alert] = watch_at(NOON + GRACE)
    assert alert.opened_at == NOON


def test_a_maintenance_is_neither_judged_nor_learned_from():
    make_watched(condition={"change": {"direction": "up", "percent": 50, "against": "before"}})
    make_maintenance(start=NOON - 90 * MINUTE, end=NOON - HOUR + MINUTE)
    calls(1, NOON - 3 * HOUR)
    calls(9, NOON - HOUR)
    calls(5, NOON)
    calls(9, NOON + HOUR)
    assert watch_at(NOON + HOUR + GRACE) == []
    [alert] = watch_at(NOON + 2 * HOUR + GRACE)
    assert alert.sentence == "expected less than 7.5, saw 9: 80% more than 5 before"


def test_a_maintenance_of_one_rule_leaves_the_others_alone():
    spared, judged = make_watched(), make_watched()
    make_maintenance(spared, start=NOON - HOUR, end=NOON)
    calls(3, NOON - HOUR)
    assert [alert.rule for alert in watch_at(NOON + GRACE)] == [judged]


def test_a_maintenance_whose_only_rule_is_deleted_leaves_all_others_alone():
    deleted, judged = make_watched(), make_watched()
    make_maintenance(deleted, start=NOON - HOUR, end=NOON)
    deleted.delete()
    calls(3, NOON - HOUR)
    assert [alert.rule for alert in watch_at(NOON + GRACE)] == [judged]


def test_after_an_alert_a_group_is_quiet_for_as_long_as_asked_for():
    make_watched(quiet_for=timedelta(hours=3))
    for hour in range(0, 6, 2):
        calls(3, NOON + hour * HOUR - HOUR)
    for hour in range(6):
        watch_at(NOON + hour * HOUR + GRACE)
    opened = Alert.objects.order_by("opened_at").values_list("opened_at", flat=True)
    assert list(opened) == [NOON, NOON + 4 * HOUR]


HIGHEST = {"of": {"type": "api_call"}, "figure": "max", "field": "response.status"}


@pytest.mark.parametrize(
    ("every", "recovers", "after"), [("hour", 1, 3 * HOUR), ("hour", 5, 5 * HOUR), ("15m", 1, HOUR), ("5m", 1, HOUR)]
)
def test_an_alert_ends_once_there_is_too_little_traffic_to_tell(every, recovers, after):
    make_watched(metric=HIGHEST, every=every, recovers=recovers)
    calls(1, NOON - 5 * MINUTE, status=500)
    [alert] = watch_at(NOON + GRACE)
    assert watch_at(NOON + after - MINUTE + GRACE) == []
    watch_at(NOON + after + GRACE)
    alert.refresh_from_db()
    assert (alert.end, alert.resolved_at) == (Alert.End.NO_DATA, NOON + after)
    assert alert.resolved_sentence == "too little traffic to tell"


def test_maintenance_brings_an_alert_no_nearer_to_its_end():
    make_watched(metric=HIGHEST)
    make_maintenance(start=NOON + HOUR, end=NOON + 3 * HOUR)
    calls(1, NOON - HOUR, status=500)
    [alert] = watch_at(NOON + GRACE)
    assert watch_at(NOON + 4 * HOUR + GRACE) == []
    watch_at(NOON + 5 * HOUR + GRACE)
    alert.refresh_from_db()
    assert alert.resolved_at == NOON + 5 * HOUR


# --- What is told


def told_after(hours: int, **values) -> list[str]:
    """What happened to an alert that stays open, until so many hours after it opened."""
    make_watched(**values)
    for hour in range(hours + 1):
        calls(3, NOON + (hour - 1) * HOUR)
        watch_at(NOON + hour * HOUR + GRACE)
    return changes_of(Alert.objects.get())


def test_an_open_alert_is_not_told_again_unless_asked_for():
    assert told_after(3) == ["opened", "told"]


def test_a_reminder_is_told_as_often_as_asked_for():
    assert told_after(4, reminder=timedelta(hours=2)) == ["opened", "told", "reminded", "reminded"]


def test_a_reminder_does_not_wait_for_the_next_interval():
    make_watched(every="day", reminder=HOUR, condition={"static": {"op": ">", "value": 2}})
    calls(3, NOON - 20 * HOUR)
    midnight = NOON + 12 * HOUR
    watch_at(midnight - 24 * HOUR + GRACE)
    alert = Alert.objects.get()
    watch_at(midnight - 23 * HOUR + GRACE - MINUTE)
    assert changes_of(alert) == ["opened", "told"]
    watch_at(midnight - 23 * HOUR + GRACE)
    assert changes_of(alert) == ["opened", "told", "reminded"]


def test_of_an_acknowledged_alert_nobody_is_reminded():
    make_watched(reminder=HOUR)
    calls(3, NOON - HOUR)
    calls(3, NOON)
    [alert] = watch_at(NOON + GRACE)
    assert acknowledge(alert, make_person(), now=NOON + 3 * MINUTE)
    watch_at(NOON + HOUR + GRACE)
    assert changes_of(alert) == ["opened", "told", "acknowledged"]


def test_what_opens_in_a_snooze_is_told_when_it_is_over():
    make_watched(snoozed_until=NOON + 30 * MINUTE)
    calls(3, NOON - HOUR)
    [alert] = watch_at(NOON + GRACE)
    assert changes_of(alert) == ["opened"]
    watch_at(NOON + 29 * MINUTE)
    assert changes_of(alert) == ["opened"]
    watch_at(NOON + 30 * MINUTE)
    assert changes_of(alert) == ["opened", "told"]


def test_what_opens_and_resolves_in_a_snooze_is_never_told():
    make_watched(snoozed_until=NOON + 3 * HOUR)
    calls(3, NOON - HOUR)
    for hour in range(4):
        watch_at(NOON + hour * HOUR + GRACE)
    assert changes_of(Alert.objects.get()) == ["opened", "resolved"]


def test_an_alert_that_was_snoozed_is_told_again_when_it_wakes():
    make_watched()
    calls(3, NOON - HOUR)
    [alert] = watch_at(NOON + GRACE)
    assert snooze(alert, NOON + 20 * MINUTE, None, now=NOON + 3 * MINUTE)
    watch_at(NOON + 19 * MINUTE)
    assert changes_of(alert) == ["opened", "told", "snoozed"]
    watch_at(NOON + 20 * MINUTE)
    watch_at(NOON + 21 * MINUTE)
    assert changes_of(alert) == ["opened", "told", "snoozed", "reminded"]


def test_an_alert_that_is_woken_by_hand_is_not_told_again():
    make_watched()
    calls(3, NOON - HOUR)
    [alert] = watch_at(NOON + GRACE)
    snooze(alert, NOON + 20 * MINUTE, None, now=NOON + 3 * MINUTE)
    assert wake(alert, None, now=NOON + 4 * MINUTE)
    watch_at(NOON + 20 * MINUTE)
    assert changes_of(alert) == ["opened", "told", "snoozed", "woken"]


# --- What people do meanwhile


def test_an_edit_ends_open_alerts_silently_and_begins_anew():
    rule = make_watched()
    calls(3, NOON - HOUR)
    [alert] = watch_at(NOON + GRACE)
    edited = definition(condition={"static": {"op": ">", "value": 1}})
    assert edit_rule(rule, {"definition": edited}, now=NOON + 5 * MINUTE)
    alert.refresh_from_db()
    assert (alert.end, alert.resolved_at) == (Alert.End.EDITED, NOON + 5 * MINUTE)
    calls(2, NOON)
    [again] = watch_at(NOON + HOUR + GRACE)
    assert (again.definition_version, again.interval_start) == (2, NOON)


def test_a_pause_is_not_judged():
    rule = make_watched()
    edit_rule(rule, {"paused_at": NOON - 2 * HOUR}, now=NOON - 2 * HOUR)
    calls(3, NOON - HOUR)
    assert watch_at(NOON + GRACE) == []
    edit_rule(rule, {"paused_at": None}, now=NOON + 3 * MINUTE)
    assert watch_at(NOON + GRACE + 2 * MINUTE) == []


@pytest.mark.parametrize("meanwhile", ["edited", "judged", "acknowledged"])
def test_what_was_read_before_somebody_wrote_is_thrown_away(meanwhile: str):
    rule = make_watched()
    calls(3, NOON - HOUR)
    [alert] = watch_at(NOON + GRACE)
    [stale] = due_rules(NOON + HOUR + GRACE)
    open_columns().seal(NOON + HOUR + GRACE)
    if meanwhile == "edited":
        edit_rule(rule, {"name": "Another"}, now=NOON + HOUR)
    elif meanwhile == "acknowledged":
        acknowledge(alert, None, now=NOON + HOUR)
    else:
        watch_at(NOON + HOUR + GRACE)
    before = AlertChange.objects.count()
    assert watch([stale], NOON + HOUR + GRACE) == []
    assert AlertChange.objects.count() == before


# --- What fails


def test_a_rule_that_is_not_valid_says_so_and_does_not_stop_the_others():
    broken, fine = make_watched(), make_watched()
    AlertRule.objects.filter(pk=broken.pk).update(definition={"version": 2})
    calls(3, NOON - HOUR)
    assert [alert.rule for alert in watch_at(NOON + GRACE)] == [fine]
    broken.refresh_from_db()
    assert broken.error.startswith("CriteriaError: ")
    assert broken.due_at == NOON + GRACE + MINUTE


def test_one_that_fails_within_a_pass_is_left_out_of_it(monkeypatch: pytest.MonkeyPatch):
    broken, fine = make_watched(name="Broken"), make_watched()
    calls(3, NOON - HOUR)
    monkeypatch.setattr("notifications.alerts.watch.decide", _fail_for_broken)
    assert [alert.rule for alert in watch_at(NOON + GRACE)] == [fine]
    broken.refresh_from_db()
    assert broken.error == "ValueError: no"


def _fail_for_broken(standing, judgement, now):
    from notifications.alerts.outcome import decide  # noqa: PLC0415 - the name is taken by this function

    if standing.rule.name == "Broken":
        raise ValueError("no")
    return decide(standing, judgement, now)


def test_damaged_columns_are_an_error_and_lose_no_interval():
    rule = make_watched()
    calls(3, NOON - HOUR)
    open_columns().seal(NOON)
    segment = Segment.objects.get(kind=Segment.Kind.EVENTS)
    file = open_columns().engine.directory / segment.file
    gone = file.rename(file.with_name("elsewhere"))
    assert watch_at(NOON + GRACE) == []
    rule.refresh_from_db()
    assert "is missing" in rule.error
    gone.rename(file)
    [alert] = watch_at(NOON + GRACE + MINUTE)
    assert alert.opened_at == NOON
    rule.refresh_from_db()
    assert rule.error == ""


def test_an_invalid_definition_is_never_stored():
    with pytest.raises(CriteriaError):
        make_watched(every="2m")
    rule = make_watched()
    with pytest.raises(CriteriaError):
        edit_rule(rule, {"definition": definition(every="2m")}, now=NOON)
