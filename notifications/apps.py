from anymail.signals import tracking
from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Notifications"

    def ready(self) -> None:
        """Listen to what mail providers report."""
        from notifications.suppression import note_event  # noqa: PLC0415 - models are not loaded before

        tracking.connect(note_event, dispatch_uid="suppression")
