"""What a subscription did with each change, or has yet to do."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from cohorts.models import MembershipChange
from ingest.models import Customer
from notifications.models.batch import Batch
from notifications.models.subscription import Subscription


class Settlement(models.Model):
    """What one subscription did with one change: each change has exactly one row for each subscription."""

    class Outcome(models.TextChoices):
        TOLD = "told", "told in a batch"
        CANCELLED = "cancelled", "cancelled by its opposite within the period"
        UNWANTED = "unwanted", "not asked for"

    class Why(models.TextChoices):
        """Why a change is not asked for."""

        KIND = "kind", "joins or leaves are not asked for"
        ONCE = "once", "the customer was told of once"
        DROPPED = "dropped", "held, and dropped by a person"

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="settlements", db_index=False)
    change = models.ForeignKey(MembershipChange, on_delete=models.CASCADE, related_name="settlements")
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    why = models.CharField(max_length=7, choices=Why.choices, blank=True)
    batch = models.ForeignKey(Batch, null=True, on_delete=models.CASCADE, related_name="settlements", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscription", "change"], name="settled_once"),
            models.CheckConstraint(
                condition=Q(outcome="told", batch__isnull=False) | (~Q(outcome="told") & Q(batch__isnull=True)),
                name="told_means_in_a_batch",
            ),
            models.CheckConstraint(
                condition=(Q(outcome="unwanted") & ~Q(why="")) | (~Q(outcome="unwanted") & Q(why="")),
                name="unwanted_says_why",
            ),
        ]


class Waiting(models.Model):
    """A change that is neither told nor cancelled yet: it has not lasted long enough, or its customer was told of a
    short while ago. At most one for each customer of a subscription."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="waiting", db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+", db_index=False)
    change = models.ForeignKey(MembershipChange, on_delete=models.CASCADE, related_name="+", db_index=False)
    ripe_at = models.DateTimeField()
    "When it can be told if nothing changes."

    class Meta:
        verbose_name_plural = "waiting changes"
        constraints = [models.UniqueConstraint(fields=["subscription", "customer"], name="waits_once")]
        indexes = [models.Index(fields=["subscription", "ripe_at"], name="waiting_ripe")]
