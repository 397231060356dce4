"""Watch alert rules: judge the intervals that are over, and write down what happened together with what is told of it.

Rules that share their intervals and groups are read in one pass. Each is written in a transaction of its own that
begins by moving the rule on, if it still stands where it was read: of two workers one wins, and the edit of a person
wins over both. A rule that could not be judged says why, and is tried again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from cohorts.criteria import CriteriaError
from ingest.arrivals import record_what_just_came
from ingest.columns import open_columns
from notifications.alerts.compose import compose
from notifications.alerts.judging import Task, judge
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.outcome import decide
from notifications.alerts.plans import plan_of
from notifications.alerts.standing import look_at
from notifications.alerts.store import store, store_error

logger = logging.getLogger(__name__)


def due_rules(now: datetime) -> list[AlertRule]:
    """The rules that have something to judge or to tell, those that wait longest first."""
    return list(AlertRule.objects.filter(paused_at=None, due_at__lte=now).order_by("due_at", "pk"))


def shared_passes(rules: Iterable[AlertRule]) -> dict[str, list[AlertRule]]:
    """The rules by the passes that they share, each with its name; those that are not valid are alone."""
    found: dict[str, list[AlertRule]] = defaultdict(list)
    for rule in rules:
        try:
            found[plan_of(rule, {}).shared].append(rule)
        except CriteriaError:
            found[str(rule.pk)].append(rule)
    return found


def watch(rules: Sequence[AlertRule], now: datetime) -> list[Alert]:
    """Judge rules that share a pass, as of `now`; returns the alerts that opened or ended.

    Of rules that others have judged or edited since they were read nothing is written. Where one of several makes the
    pass fail, the others are judged without it.
    """
    try:
        return _watch(rules, now)
    except Exception as error:
        if len(rules) > 1:
            return [alert for rule in rules for alert in watch([rule], now)]
        logger.exception("Rule %s could not be judged", rules[0].pk)
        store_error(rules[0], error, now)
        return []


def watch_now(rules: Iterable[AlertRule], now: datetime) -> list[Alert]:
    """Record and seal what came in, and judge rules that are not paused, due or not: what somebody who presses the
    button expects. Returns the alerts that opened or ended."""
    record_what_just_came()
    open_columns().seal(now)
    passes = shared_passes(rule for rule in rules if rule.paused_at is None)
    return [alert for together in passes.values() for alert in watch(together, now)]


def _watch(rules: Sequence[AlertRule], now: datetime) -> list[Alert]:
    standings = look_at(rules, now)
    tasks = [Task(one.plan, one.numbers, one.states) for one in standings if one.numbers]
    with open_columns().snapshot(now) as snapshot:
        judged = iter(judge(snapshot, tasks) if tasks else [])
        outcomes = [decide(one, next(judged) if one.numbers else None, now) for one in standings]
        composed = [(outcome, compose(snapshot, outcome, now)) for outcome in outcomes]
    return [alert for outcome, deliveries in composed for alert in store(outcome, deliveries)]
