"""The list of alert rules and the lists of alerts: which, and what is said of each, with few queries."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower

from cohorts.criteria import CriteriaError
from cohorts.state import State
from notifications.alerts.definition import parse
from notifications.alerts.models import Alert, AlertRule, RuleChannel
from notifications.alerts.state import state_of_alert, state_of_rule
from notifications.models import Channel

OPEN = Q(resolved_at=None)
STATES: dict[str, tuple[str, Q]] = {
    "open": ("Open", OPEN & Q(acknowledged_at=None)),
    "acknowledged": ("Acknowledged", OPEN & Q(acknowledged_at__isnull=False)),
    "resolved": ("Resolved", ~OPEN),
}
"""States that alerts can be listed by: words, and what they mean."""


@dataclass(frozen=True)
class ListedRule:
    """A rule as a list shows it."""

    rule: AlertRule
    words: str
    state: State
    open_alerts: int
    channels: Sequence[Channel]


@dataclass(frozen=True)
class ListedAlert:
    """An alert as a list shows it."""

    alert: Alert
    state: State
    lasted: timedelta


def list_rules(search: str) -> QuerySet[AlertRule]:
    """The rules whose name holds the text, those with open alerts first, then by name."""
    is_open = Exists(Alert.objects.filter(OPEN, rule=OuterRef("pk")))
    found = AlertRule.objects.filter(name__icontains=search).annotate(is_off=is_open)
    return found.order_by("-is_off", Lower("name"), "pk")


def count_open() -> Coalesce:
    """How many alerts of a rule are open, as a column of a list of rules."""
    of_rule = Alert.objects.filter(OPEN, rule=OuterRef("pk")).order_by().values("rule")
    return Coalesce(Subquery(of_rule.annotate(number=Count("pk")).values("number")), 0, output_field=IntegerField())


def describe_rules(rules: Sequence[AlertRule], now: datetime) -> list[ListedRule]:
    """What to say of rules; two queries for all of them."""
    counted = Alert.objects.filter(OPEN, rule__in=rules).values_list("rule").annotate(Count("pk")).order_by()
    open_alerts: dict[uuid.UUID, int] = dict(counted)
    told = channels_of(rules)
    return [
        ListedRule(
            rule=rule,
            words=rule_in_words(rule),
            state=state_of_rule(rule, open_alerts.get(rule.pk, 0), now),
            open_alerts=open_alerts.get(rule.pk, 0),
            channels=told.get(rule.pk, []),
        )
        for rule in rules
    ]


def channels_of(rules: Sequence[AlertRule]) -> dict[uuid.UUID, list[Channel]]:
    """Per rule the channels that it tells, by name; one query for all of them."""
    found: dict[uuid.UUID, list[Channel]] = {}
    uses = RuleChannel.objects.filter(rule__in=rules)
    for use in uses.select_related("channel").defer("channel__config").order_by("channel__name", "pk"):
        found.setdefault(use.rule_id, []).append(use.channel)
    return found


def rule_in_words(rule: AlertRule) -> str:
    """The definition in words; what is wrong with it where it is no longer valid."""
    try:
        return parse(rule.definition).words()
    except CriteriaError as error:
        return f"The rule is not valid: {error}"


def list_alerts(state: str = "", rule: uuid.UUID | None = None, since: datetime | None = None) -> QuerySet[Alert]:
    """Alerts in a state (a name of STATES), of a rule, opened since then, as far as these are given; newest first."""
    found = Alert.objects.select_related("rule").defer("rule__definition")
    if state:
        found = found.filter(STATES[state][1])
    if rule:
        found = found.filter(rule=rule)
    if since:
        found = found.filter(opened_at__gte=since)
    return found.order_by("-opened_at", "pk")


def describe_alerts(alerts: Sequence[Alert], now: datetime) -> list[ListedAlert]:
    """What to say of alerts."""
    return [
        ListedAlert(
            alert, state_of_alert(alert, now), (alert.resolved_at or max(now, alert.opened_at)) - alert.opened_at
        )
        for alert in alerts
    ]


def open_alerts(most: int) -> list[Alert]:
    """The newest alerts that are open, at most so many."""
    return list(
        Alert.objects.filter(OPEN).select_related("rule").defer("rule__definition").order_by("-opened_at")[:most]
    )
