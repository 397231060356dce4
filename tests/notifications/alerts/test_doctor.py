"""The doctor finds what is wrong with alert rules and their alerts, and nothing where all is well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from notifications.alerts.models import Alert, AlertChange, AlertRule
from tests.doctor import assert_sound, broken_promises
from tests.factories import NOON
from tests.notifications.alerts.watching import GRACE, HOUR, calls, make_watched, watch_at

pytestmark = pytest.mark.django_db
LATER = NOON + HOUR + GRACE


def the_last(kind: str) -> AlertChange:
    return AlertChange.objects.filter(kind=kind).latest("pk")


WAYS_TO_BREAK = [
    ("rules", lambda: AlertRule.objects.update(definition={"version": 1})),
    ("rules", lambda: AlertRule.objects.update(time_zone="Europe/Atlantis")),
    ("judged", lambda: AlertRule.objects.update(judged_until=LATER + HOUR)),
    ("tellings", lambda: AlertRule.objects.update(reminder=timedelta(minutes=1))),
    ("tellings", lambda: Alert.objects.update(told_at=None)),
    ("alerts", lambda: AlertRule.objects.update(definition_version=7)),
    ("alerts", lambda: AlertRule.objects.update(judged_until=NOON - 2 * HOUR)),
    ("histories", lambda: the_last("opened").delete()),
    ("histories", lambda: the_last("told").delete()),
    ("histories", lambda: Alert.objects.update(told_at=None)),
    ("histories", lambda: the_last("resolved").delete()),
    ("histories", lambda: Alert.objects.update(resolved_at=NOON, end="recovered")),
    ("histories", lambda: AlertChange.objects.create(alert=Alert.objects.first(), kind="opened", at=NOON)),
]


def test_each_way_to_break_alerts_is_found_and_what_is_whole_is_not():
    make_watched(group_by=["company_id"])
    for company, hours in (("a", 1), ("b", 2)):
        for hour in range(hours):
            calls(3, NOON + (hour - 1) * HOUR, company_id=company)
    watch_at(NOON + GRACE)
    watch_at(LATER)
    assert_sound(LATER)
    unnoticed = []
    for number, (name, do_break) in enumerate(WAYS_TO_BREAK):
        with transaction.atomic():
            do_break()
            if name not in broken_promises(LATER):
                unnoticed.append((number, name))
            transaction.set_rollback(True)
    assert unnoticed == []
