"""Changes about which a person decides."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from notifications.models.subscription import Subscription


class Hold(models.Model):
    """Changes so many, or so doubtful, that a person decides whether they are told. Nothing of them is settled yet.

    While it lasts its subscription tells nothing; it is looked at again, and may end by itself.
    """

    class Decision(models.TextChoices):
        SEND = "send", "send"
        DROP = "drop", "drop"

    class Outcome(models.TextChoices):
        SENT = "sent", "sent"
        DROPPED = "dropped", "dropped"
        LIFTED = "lifted", "no longer needed"

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="holds", db_index=False)
    why = models.CharField(max_length=300)
    customers = models.BinaryField()
    "Serialized bitmap of those who would be told of: whom a decision is about."
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    held_at = models.DateTimeField()
    looked_at = models.DateTimeField()
    "When it was last found to be needed."
    revision = models.PositiveIntegerField(default=1)
    "Counts how often the customers changed since it began."
    decision = models.CharField(max_length=4, choices=Decision.choices, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=7, choices=Outcome.choices, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription"], condition=Q(ended_at=None), name="one_hold_at_a_time")
        ]
        indexes = [models.Index(fields=["-held_at"], name="hold_newest")]

    def __str__(self) -> str:
        return f"Hold {self.pk}"
