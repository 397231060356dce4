"""What ought to be true of alert rules: what is due is judged, and every alert has the history it lived through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db.models import Count, F, Q

from cohorts.criteria import CriteriaError
from cohorts.time_zones import check_time_zone
from ingest.examination import Check, Examination, Finding, Severity
from notifications.alerts.definition import parse
from notifications.alerts.due import next_telling
from notifications.alerts.models import Alert, AlertChange, AlertRule

READ = 5_000
"""Rows fetched at a time."""
LATE = timedelta(minutes=15)
"""How long something may be due."""
HAND = "Rows were changed by hand or restored in part: restore the database from a backup."
WORKER = "Start the worker: manage.py run_worker. If it runs, see whether events wait to be sealed."
Kind = AlertChange.Kind


def rules_that_cannot_be_judged(examination: Examination) -> Iterator[Finding]:
    """Rules that are no longer valid, and those that failed last time."""
    for rule in AlertRule.objects.order_by("name").iterator(100):
        examination.seen(1)
        try:
            parse(rule.definition)
            check_time_zone(rule.time_zone)
        except (CriteriaError, ValidationError) as error:
            yield Finding(f'Alert rule "{rule}" is not valid: {error}', "Edit it.")
        else:
            if rule.error and rule.paused_at is None:
                yield Finding(f'Alert rule "{rule}" could not be judged: {rule.error}', "Look.", Severity.WARNING)


def rules_that_wait(examination: Examination) -> Iterator[Finding]:
    """Rules that are overdue, and those that claim to have judged what is still to come."""
    rules = AlertRule.objects.filter(paused_at=None)
    for rule in rules.filter(due_at__lt=examination.now - LATE).iterator(READ):
        since = f"{rule.due_at:%Y-%m-%d %H:%M} UTC"
        yield Finding(f'Alert rule "{rule}" is due since {since} and not judged.', WORKER, Severity.WARNING)
    for rule in rules.filter(judged_until__gt=examination.now).iterator(READ):
        until = f"{rule.judged_until:%Y-%m-%d %H:%M} UTC"
        yield Finding(f'Alert rule "{rule}" was judged until {until}, which is to come.', "Set the clocks right.")


def alerts_that_are_told_too_late(examination: Examination) -> Iterator[Finding]:
    """Open alerts of which their rule does not know when to tell."""
    open_alerts = Alert.objects.filter(resolved_at=None, rule__paused_at=None).select_related("rule")
    for alert in open_alerts.iterator(READ):
        telling = next_telling(alert, alert.rule)
        if telling is not None and telling < alert.rule.due_at:
            yield Finding(f'Alert "{alert}" would be told too late.', "Save its rule again: all is looked at anew.")


def alerts_that_do_not_belong(examination: Examination) -> Iterator[Finding]:
    """Open alerts of an earlier definition, and alerts in intervals that were never judged."""
    alerts = Alert.objects.select_related("rule")
    earlier = alerts.filter(resolved_at=None).exclude(definition_version=F("rule__definition_version"))
    for alert in earlier.iterator(READ):
        yield Finding(f'Alert "{alert}" is open, but its rule was edited since.', HAND)
    for alert in alerts.filter(opened_at__gt=F("rule__judged_until")).iterator(READ):
        yield Finding(f'Alert "{alert}" opened in an interval that was not judged.', HAND)


def histories_with_gaps(examination: Examination) -> Iterator[Finding]:
    """Alerts whose history does not say once that they opened, were told and resolved, where they did."""
    counted = {kind: Count("changes", filter=Q(changes__kind=kind)) for kind in (Kind.OPENED, Kind.TOLD, Kind.RESOLVED)}
    right = Q(opened=1)
    right &= Q(told_at=None, told=0) | Q(told_at__isnull=False, told=1)
    right &= Q(resolved_at=None, resolved=0) | Q(resolved_at__isnull=False, resolved=1)
    wrong = Alert.objects.annotate(**{str(kind): count for kind, count in counted.items()}).exclude(right)
    for alert in wrong.select_related("rule").iterator(READ):
        yield Finding(f'The history of alert "{alert}" ({alert.pk}) does not say what happened to it.', HAND)


CHECKS = (
    Check("rules", "Every alert rule can be judged", rules_that_cannot_be_judged),
    Check("judged", "Alert rules are judged in time", rules_that_wait),
    Check("tellings", "Open alerts are told in time", alerts_that_are_told_too_late),
    Check("alerts", "Alerts are of the rules as they are, in intervals that were judged", alerts_that_do_not_belong),
    Check("histories", "Every alert has the history that it lived through", histories_with_gaps, deep=True),
)
