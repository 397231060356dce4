"""A pass over alert rules under measurement: one interval of every rule is due, as at midnight."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.db.models import F

from benchmarks.rules import rules
from notifications.alerts.edit import create_rule
from notifications.alerts.models import Alert, AlertRule
from notifications.alerts.plans import plan_of
from notifications.alerts.watch import due_rules, shared_passes, watch


class Alerts:
    """Makes the rules and judges them. Runs in a process where Django is set up."""

    def make(self, now: datetime) -> int:
        """All rules; how many."""
        for name, definition in rules():
            create_rule({"name": name, "definition": definition, "time_zone": "Europe/Berlin"}, now=now)
        return AlertRule.objects.count()

    def run(self, now: datetime) -> dict[str, Any]:
        """Judge the newest interval of every rule; milliseconds in all and by pass, and what it did. Raises when a
        rule failed."""
        self._make_due(now)
        passes: dict[str, float] = {}
        alerts = []
        started, worked = time.perf_counter(), time.process_time()
        for shared in shared_passes(due_rules(now)).values():
            began = time.perf_counter()
            alerts += watch(shared, now)
            passes[_name(shared)] = (time.perf_counter() - began) * 1000
        took, cpu = (time.perf_counter() - started) * 1000, (time.process_time() - worked) * 1000
        errors = [rule.error for rule in AlertRule.objects.exclude(error="")]
        judged = AlertRule.objects.filter(due_at__gt=now).count()
        if errors or judged != AlertRule.objects.count():
            raise RuntimeError(f"{judged} rules judged, errors: {errors}")
        return {"ms": took, "cpu_ms": cpu, "passes": passes, "alerts": len(alerts)}

    def _make_due(self, now: datetime) -> None:
        Alert.objects.all().delete()
        for rule in AlertRule.objects.all():
            plan = plan_of(rule)
            newest = plan.grid.number(now - plan.definition.grace.length)
            judged = plan.grid.border(newest - 1)
            AlertRule.objects.filter(pk=rule.pk).update(judged_until=judged, due_at=now, turn=F("turn") + 1)


def _name(shared: list[AlertRule]) -> str:
    definition = shared[0].definition
    each = f" for each {', '.join(definition['group_by'])}" if "group_by" in definition else ""
    return f"{definition['every']} {definition['mode']}{each}: {len(shared)} rules"
