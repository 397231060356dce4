"""An address to which nothing is sent."""

from __future__ import annotations

from django.db import models


class Suppression(models.Model):
    """An address of email to which nothing is sent any more, until somebody lifts it."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "unsubscribed"
        BOUNCED = "bounced", "mail came back"
        COMPLAINED = "complained", "complained of spam"

    address = models.CharField(max_length=254, unique=True)
    "Lower case."
    reason = models.CharField(max_length=12, choices=Reason.choices)
    detail = models.CharField(max_length=300, blank=True)
    "What the mail provider said."
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="suppression_newest")]

    def __str__(self) -> str:
        return self.address
