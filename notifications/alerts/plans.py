"""The plans of rules, with the maintenance that concerns them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from notifications.alerts.definition import Definition, parse
from notifications.alerts.models import AlertRule, Maintenance
from notifications.alerts.plan import Plan

Times = tuple[tuple[datetime, datetime], ...]


def plan_of(rule: AlertRule, planned: Mapping[uuid.UUID | None, Times] | None = None) -> Plan:
    """The plan of a rule; `planned` is what `planned_maintenance` found, if that is known. Raises CriteriaError."""
    planned = planned_maintenance() if planned is None else planned
    times = planned.get(None, ()) + planned.get(rule.pk, ())
    return Plan(parse(rule.definition), ZoneInfo(rule.time_zone), rule.quiet_for, times)


def plan_of_draft(definition: Definition, time_zone: str) -> Plan:
    """The plan of a rule that is not saved."""
    return Plan(definition, ZoneInfo(time_zone), maintenance=planned_maintenance().get(None, ()))


def planned_maintenance() -> dict[uuid.UUID | None, Times]:
    """The times (start, end) by the rule they are for; None for all rules."""
    found: dict[uuid.UUID | None, Times] = defaultdict(tuple)
    for start, end in Maintenance.objects.filter(all_rules=True).values_list("start", "end"):
        found[None] += ((start, end),)
    of_some = Maintenance.objects.filter(all_rules=False, rules__isnull=False)
    for rule, start, end in of_some.values_list("rules", "start", "end"):
        found[rule] += ((start, end),)
    return found
