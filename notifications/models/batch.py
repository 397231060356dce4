"""The frozen content of one period."""

from __future__ import annotations

import uuid

from django.db import models

from notifications.models.subscription import Subscription


class Batch(models.Model):
    """The frozen content for one subscription and one period: the net added and removed customers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="batches", db_index=False)
    sequence = models.PositiveBigIntegerField()
    period_from = models.DateTimeField()
    period_to = models.DateTimeField()
    created_at = models.DateTimeField()
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    members = models.PositiveIntegerField()
    existing = models.BinaryField(null=True)
    "Serialized bitmap of those it tells of without a change: who was a member when the subscription began."

    class Meta:
        verbose_name_plural = "batches"
        constraints = [models.UniqueConstraint(fields=["subscription", "sequence"], name="batch_sequence")]

    def __str__(self) -> str:
        return f"Batch {self.sequence}"
