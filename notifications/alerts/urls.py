"""Addresses of the pages of alert rules, alerts and maintenance, and of their part of the management API."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from notifications.alerts.api.alerts import AlertViewSet
from notifications.alerts.api.maintenance import MaintenanceViewSet
from notifications.alerts.api.rules import AlertRuleViewSet
from notifications.alerts.views import (
    actions,
    alert,
    alerts,
    builder,
    editing,
    example,
    maintenance,
    rule,
    rules,
    saving,
    trial,
)

pages = [
    path("alert-rules/", rules.rules, name="alert_rules"),
    path("alert-rules/new/", editing.new_rule, name="new_alert_rule"),
    path("alert-rules/save/", saving.save_rule, name="save_alert_rule"),
    path("alert-rules/builder/", builder.builder, name="alert_rule_builder"),
    path("alert-rules/example/", example.example, name="alert_example"),
    path("alert-rules/test/", example.test, name="test_alert_example"),
    path("mail-preview/alert-rules/", example.mail, name="alert_mail_preview"),
    path("alert-rules/try/", trial.trial, name="try_alert_rule"),
    path("alert-rules/sparklines/", rules.sparklines, name="alert_rule_sparklines"),
    path("alert-rules/builder/groups/", builder.group_fields, name="alert_group_fields"),
    path("alert-rules/<uuid:pk>/", rule.rule, name="alert_rule"),
    path("alert-rules/<uuid:pk>/chart/", rule.rule_chart, name="alert_rule_chart"),
    path("alert-rules/<uuid:pk>/edit/", editing.edit_definition, name="edit_alert_rule"),
    path("alert-rules/<uuid:pk>/settings/", saving.rule_settings, name="alert_rule_settings"),
    path("alert-rules/<uuid:pk>/duplicate/", editing.duplicate_rule, name="duplicate_alert_rule"),
    path("alert-rules/<uuid:pk>/pause/", actions.pause_rule, {"paused": True}, name="pause_alert_rule"),
    path("alert-rules/<uuid:pk>/resume/", actions.pause_rule, {"paused": False}, name="resume_alert_rule"),
    path("alert-rules/<uuid:pk>/snooze/", actions.snooze_rule, name="snooze_alert_rule"),
    path("alert-rules/<uuid:pk>/wake/", actions.wake_rule, name="wake_alert_rule"),
    path("alert-rules/<uuid:pk>/delete/", actions.delete_rule, name="delete_alert_rule"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<uuid:pk>/", alert.alert, name="alert"),
    path("alerts/<uuid:pk>/chart/", alert.alert_chart, name="alert_chart"),
    path("alerts/<uuid:pk>/behind/", alert.alert_behind, name="alert_behind"),
    path("alerts/<uuid:pk>/acknowledge/", alert.acknowledge_alert, name="acknowledge_alert"),
    path("alerts/<uuid:pk>/snooze/", alert.snooze_alert, name="snooze_alert"),
    path("alerts/<uuid:pk>/wake/", alert.wake_alert, name="wake_alert"),
    path("maintenance/", maintenance.maintenance, name="maintenance"),
    path("maintenance/new/", maintenance.new_maintenance, name="new_maintenance"),
    path("maintenance/<uuid:pk>/", maintenance.edit_maintenance, name="edit_maintenance"),
    path("maintenance/<uuid:pk>/delete/", maintenance.delete_maintenance, name="delete_maintenance"),
]

api = SimpleRouter()
api.register("alert-rules", AlertRuleViewSet)
api.register("alerts", AlertViewSet)
api.register("maintenance", MaintenanceViewSet)
