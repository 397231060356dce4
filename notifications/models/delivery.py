"""One frozen message to one destination, and every try of it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from cohorts.models import Cohort
from notifications.models.batch import Batch
from notifications.models.channel import Channel


class Delivery(models.Model):
    """One frozen message to one destination: a part of it for a webhook, a recipient for email.

    A message is a batch, or what `about`, `key`, `title` and `url` say. `id` is the part id (`webhook-id`): the
    receiver's idempotency key, the same at every attempt.
    """

    class About(models.TextChoices):
        BATCH = "batch", "members of a cohort"
        NOTICE = "notice", "a notice to operators"
        ALERT = "alert", "an alert"

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead", "given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    about = models.CharField(max_length=6, choices=About.choices, default=About.BATCH)
    batch = models.ForeignKey(Batch, null=True, on_delete=models.CASCADE, related_name="deliveries")
    key = models.CharField(max_length=200, blank=True)
    "What it tells, if not a batch: of the same thing each recipient is told once."
    title = models.CharField(max_length=300, blank=True)
    url = models.CharField(max_length=500, blank=True)
    "The page of what it tells."
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    part = models.PositiveIntegerField(default=1)
    parts = models.PositiveIntegerField(default=1)
    recipient = models.CharField(max_length=254, blank=True)
    "The address, for email."
    content = models.TextField()
    "The message as composed, as JSON, frozen: every attempt sends the same bytes (jsonb would reorder its keys)."
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    "Raised and committed before each request: a send that kills its process counts too."
    replayed_after = models.PositiveSmallIntegerField(default=0)
    "Attempts made before it was last replayed: the schedule counts from there."
    next_attempt_at = models.DateTimeField()
    "When it is due. A claim already sets the time of the next attempt: one that is cut off costs no extra rule."
    leased_by = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["batch", "part", "recipient"], name="delivery_part"),
            models.UniqueConstraint(
                fields=["channel", "about", "key", "recipient", "part"],
                condition=~Q(about="batch"),
                name="delivery_once",
            ),
            models.CheckConstraint(
                condition=Q(about="batch", batch__isnull=False, key="")
                | (~Q(about="batch") & ~Q(key="") & Q(batch__isnull=True)),
                name="delivery_has_a_batch_or_a_key",
            ),
        ]
        indexes = [
            # Finds the channels to serve, and what is due on one; settled rows are not in it.
            models.Index(fields=["channel", "next_attempt_at"], condition=Q(state="pending"), name="delivery_waiting"),
            # Lists of deliveries, newest first: their ids are random.
            models.Index(fields=["-created_at"], name="delivery_newest"),
            models.Index(fields=["channel", "-created_at"], name="delivery_of_channel"),
            models.Index(fields=["about", "-created_at"], name="delivery_about"),
            models.Index(fields=["-created_at"], condition=Q(state="dead"), name="delivery_dead"),
            # Finds what is on its way, to keep it to one per channel.
            models.Index(fields=["channel"], condition=Q(leased_by__isnull=False), name="delivery_on_its_way"),
        ]

    def __str__(self) -> str:
        return f"Delivery {str(self.pk)[:8]}"

    @property
    def cohort(self) -> Cohort | None:
        """Whose members it tells of; none of a notice or an alert."""
        return self.batch.subscription.cohort if self.batch else None

    @property
    def subject(self) -> str:
        """What it tells, in a few words: the cohort, or what the notice or alert says."""
        return self.cohort.name if self.cohort else self.title


class Attempt(models.Model):
    """One try of a delivery, also when it was cut off (then without an end)."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration = models.DurationField(null=True)
    succeeded = models.BooleanField(null=True)
    status = models.CharField(max_length=60, blank=True)
    "What the destination answered, e.g. an HTTP status."
    error = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    "The start of the answer's body, at most 2 kB."

    class Meta:
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="attempt_number")]
        permissions = [("view_answer", "Can read what destinations answered")]

    def __str__(self) -> str:
        return f"Attempt {self.number}"
