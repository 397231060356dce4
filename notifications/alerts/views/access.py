"""Who may open the pages of alert rules, and which rule or alert an address is about."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import permission_required
from django.shortcuts import get_object_or_404

from notifications.alerts.models import Alert, AlertRule

may_see = permission_required(("alerts.view_alertrule", "alerts.view_alert"), raise_exception=True)
may_add = permission_required("alerts.add_alertrule", raise_exception=True)
may_change = permission_required("alerts.change_alertrule", raise_exception=True)
may_delete = permission_required("alerts.delete_alertrule", raise_exception=True)
may_attend = permission_required("alerts.change_alert", raise_exception=True)


def find_rule(pk: uuid.UUID) -> AlertRule:
    """The rule, or the answer 404."""
    return get_object_or_404(AlertRule.objects.select_related("created_by"), pk=pk)


def find_alert(pk: uuid.UUID) -> Alert:
    """The alert with its rule, or the answer 404."""
    return get_object_or_404(Alert.objects.select_related("rule", "acknowledged_by"), pk=pk)
