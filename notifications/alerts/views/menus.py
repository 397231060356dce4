"""The "..." menu of an alert rule: what this person may do with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from notifications.alerts.models import AlertRule


def menu_of(rule: AlertRule, person: Any, now: datetime) -> list[dict[str, Any]]:
    """Items for components/menu.html."""

    def address(view: str) -> str:
        return reverse(view, args=[rule.pk])

    items: list[dict[str, Any]] = []
    if person.has_perm("alerts.change_alertrule"):
        items += [
            {"label": "Edit the rule", "icon": "tune", "href": address("edit_alert_rule")},
            {"label": "Name and notifications…", "icon": "notifications", "get": address("alert_rule_settings")},
            _snoozing(rule, now, address),
            {"label": "Resume", "icon": "play_arrow", "post": address("resume_alert_rule")}
            if rule.paused_at
            else {"label": "Pause", "icon": "pause", "post": address("pause_alert_rule")},
        ]
    if person.has_perm("alerts.add_alertrule"):
        items.append({"label": "Duplicate", "icon": "content_copy", "href": address("duplicate_alert_rule")})
    items.append({"label": "Its alerts", "icon": "list", "href": f"{reverse('alerts')}?rule={rule.pk}"})
    if person.has_perm("alerts.delete_alertrule"):
        items.append({"label": "Delete…", "icon": "delete", "tone": "bad", "get": address("delete_alert_rule")})
    return items


def _snoozing(rule: AlertRule, now: datetime, address: Any) -> dict[str, Any]:
    if rule.snoozed_until is not None and rule.snoozed_until > now:
        return {"label": "End the snooze", "icon": "notifications_active", "post": address("wake_alert_rule")}
    return {"label": "Snooze…", "icon": "snooze", "get": address("snooze_alert_rule")}
