"""An address to which nothing is sent, or not this."""

from __future__ import annotations

from django.db import models


class Suppression(models.Model):
    """An address of email to which nothing is sent any more, or nothing of one list, until somebody lifts it."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "unsubscribed"
        BOUNCED = "bounced", "mail came back"
        COMPLAINED = "complained", "complained of spam"

    address = models.CharField(max_length=254)
    "Lower case."
    list_id = models.CharField(max_length=36, blank=True, editable=False)
    "The cohort or alert rule of whose mails it is true, as in their List-Id; empty for all mails."
    list_name = models.CharField(max_length=200, blank=True, editable=False)
    "Its name when the mail was sent: it may be gone by now."
    reason = models.CharField(max_length=12, choices=Reason.choices)
    detail = models.CharField(max_length=300, blank=True)
    "What the mail provider said."
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address", "list_id"], name="suppressed_once")]
        indexes = [models.Index(fields=["-created_at"], name="suppression_newest")]

    def __str__(self) -> str:
        return self.address
