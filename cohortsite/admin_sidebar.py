"""The sidebar of the admin: every model in the group where people look for it, as each may see it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Cohorts": [
        ("Cohorts", "groups", "cohorts.cohort"),
        ("Changes", "swap_vert", "cohorts.membershipchange"),
        ("Evaluations", "calculate", "cohorts.evaluation"),
        ("Backtests", "history_toggle_off", "cohorts.backtest"),
        ("Edits of lists", "playlist_add", "cohorts.listedit"),
    ],
    "Alerts": [
        ("Alert rules", "crisis_alert", "alerts.alertrule"),
        ("Alerts", "notification_important", "alerts.alert"),
        ("Maintenance", "construction", "alerts.maintenance"),
    ],
    "Notifications": [
        ("Channels", "notifications", "notifications.channel"),
        ("Subscriptions", "rule", "notifications.subscription"),
        ("Batches", "inventory_2", "notifications.batch"),
        ("Held", "front_hand", "notifications.hold"),
        ("Deliveries", "outbox", "notifications.delivery"),
        ("Suppressed addresses", "unsubscribe", "notifications.suppression"),
    ],
    "What came in": [
        ("Customers", "person", "ingest.customer"),
        ("Events", "bolt", "ingest.event"),
        ("Rejected items", "block", "ingest.rejection"),
    ],
    "Access": [
        ("API keys", "key", "ingest.apikey"),
        ("Users", "manage_accounts", "auth.user"),
        ("Groups", "badge", "auth.group"),
    ],
    "Worker": [
        ("Schedule", "schedule", "django_q.schedule"),
        ("Queue", "list", "django_q.ormq"),
        ("Done", "task_alt", "django_q.success"),
        ("Failed", "error", "django_q.failure"),
        ("Heartbeat", "monitor_heart", "cohortsite.heartbeat"),
        ("Processes", "dns", "cohortsite.process"),
    ],
    "Internals": [
        ("Memberships", "dataset", "cohorts.membership"),
        ("Baselines", "flag", "cohorts.baseline"),
        ("Lists", "list_alt", "cohorts.cohortlist"),
        ("Moves of backtests", "timeline", "cohorts.backteststep"),
        ("History of alerts", "work_history", "alerts.alertchange"),
        ("Channels of rules", "alt_route", "alerts.rulechannel"),
        ("Settlements", "fact_check", "notifications.settlement"),
        ("Waiting changes", "hourglass_top", "notifications.waiting"),
        ("Attempts", "history", "notifications.attempt"),
        ("Sent tests", "labs", "notifications.senttests"),
        ("Customer versions", "manage_history", "ingest.customerversion"),
        ("Segments", "view_column", "ingest.segment"),
        ("Arrivals", "inbox", "ingest.arrival"),
        ("Routes", "alt_route", "ingest.route"),
        ("Seal queue", "hourglass_empty", "ingest.sealqueue"),
        ("Erasures", "ink_eraser", "ingest.erasure"),
    ],
}
"""Title -> (label, icon, `app.model`)."""
FOLDED = ("Worker", "Internals")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's sidebar: the groups with the models that the person may see."""
    entries = {title: [_entry(*each) for each in models if _sees(request, each[2])] for title, models in GROUPS.items()}
    groups = [
        {"title": title, "separator": True, "collapsible": title in FOLDED, "items": items}
        for title, items in entries.items()
        if items
    ]
    overview = {"title": "Overview", "icon": "space_dashboard", "link": reverse("admin:index")}
    return [{"items": [overview]}, *groups]


def _sees(request: HttpRequest, model: str) -> bool:
    app, name = model.split(".")
    return request.user.has_perm(f"{app}.view_{name}") or request.user.has_perm(f"{app}.change_{name}")


def _entry(label: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": label, "icon": icon, "link": reverse(f"admin:{model.replace('.', '_')}_changelist")}
