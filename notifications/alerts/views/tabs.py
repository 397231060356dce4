"""The tabs that the pages of alert rules have in common."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from notifications.alerts.listing import OPEN
from notifications.alerts.models import Alert

RULES, ALERTS, MAINTENANCE = "alert_rules", "alerts", "maintenance"
"""Views; the first is where the sidebar says that one is."""
LABELS = {RULES: "Rules", ALERTS: "Alerts", MAINTENANCE: "Maintenance"}


def tabs(current: str) -> list[dict[str, Any]]:
    """For components/tabs.html; the alerts with the number of those that are open."""
    counts = {ALERTS: Alert.objects.filter(OPEN).count()}
    return [
        {"label": label, "href": reverse(view), "current": view == current, "count": counts.get(view) or None}
        for view, label in LABELS.items()
    ]
