from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "notifications.alerts"
    label = "alerts"
    verbose_name = "Alert rules"
