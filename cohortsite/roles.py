"""Who may do what: four groups, each holding what the one before it may do.

Pages, API and templates ask for the permissions that Django makes for every model, never for a group:
`permission_required("cohorts.change_cohort", raise_exception=True)`, `{% if perms.cohorts.change_cohort %}`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

VIEWER, ANALYST, OPERATOR, ADMINISTRATOR = ROLES = ("Viewer", "Analyst", "Operator", "Administrator")

_SEES = {
    "ingest": ("customer", "event"),
    "cohorts": ("cohort", "evaluation", "membership", "membershipchange", "backtest"),
    "notifications": (
        "channel",
        "subscription",
        "batch",
        "delivery",
        "attempt",
        "settlement",
        "hold",
        "waiting",
        "suppression",
    ),
    "alerts": ("alertrule", "alert", "alertchange", "maintenance"),
}
_BUILDS = ("cohorts.cohort", "notifications.subscription", "alerts.alertrule", "alerts.maintenance")
_ATTENDS = ("change_alert",)
_OPERATES = ("notifications.channel", "notifications.suppression")
_DECIDES = ("change_delivery", "change_hold")
_OURS = ("ingest", "cohorts", "notifications", "alerts", "cohortsite", "auth", "django_q")


def make_roles(**_signal: Any) -> None:
    """Make the groups and give each exactly its permissions; run after every `migrate`, harmless when repeated.

    People are put into groups by an administrator. To give somebody more than a role, use a group of another name:
    these four are reset here, so that an upgrade's new permissions reach them.
    """
    for role, allowed in _allowed().items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(Permission.objects.filter(allowed))


def _allowed() -> dict[str, Q]:
    sees = Q(pk__in=[])
    for app, models in _SEES.items():
        sees |= Q(content_type__app_label=app, codename__in=[f"view_{model}" for model in models])
    builds = sees | _manages(_BUILDS) | Q(content_type__app_label="alerts", codename__in=_ATTENDS)
    operates = builds | _manages(_OPERATES) | Q(content_type__app_label="notifications", codename__in=_DECIDES)
    return {
        VIEWER: sees,
        ANALYST: builds,
        OPERATOR: operates,
        ADMINISTRATOR: Q(content_type__app_label__in=_OURS),
    }


def _manages(models: tuple[str, ...]) -> Q:
    """Adding, changing and deleting of `app.model` names."""
    allowed = Q(pk__in=[])
    for name in models:
        app, model = name.split(".")
        codenames = [f"{verb}_{model}" for verb in ("add", "change", "delete")]
        allowed |= Q(content_type__app_label=app, codename__in=codenames)
    return allowed
