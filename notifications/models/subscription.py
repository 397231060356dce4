"""Which changes of a cohort are told on a channel, and when."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F

from cohorts.models import Cohort
from notifications.models.channel import Channel
from notifications.models.edited_by_people import EditedByPeople
from notifications.schedule import EVERY_DAY, Schedule

DEFAULT_PERIOD = timedelta(minutes=15)
SHORTEST_PERIOD = timedelta(minutes=1)
LONGEST_PERIOD = timedelta(days=7)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=365)
WAIT = [MinValueValidator(SHORTEST_WAIT), MaxValueValidator(LONGEST_WAIT)]


def every_day() -> list[int]:
    """The days of a week."""
    return list(EVERY_DAY)


class Subscription(EditedByPeople):
    """A cohort's notification rule on one channel."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="subscriptions")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="subscriptions")
    send_on_addition = models.BooleanField(default=True)
    send_on_removal = models.BooleanField(default=True)
    period = models.DurationField(
        default=DEFAULT_PERIOD,
        validators=[MinValueValidator(SHORTEST_PERIOD), MaxValueValidator(LONGEST_PERIOD)],
    )
    "At most one batch in this time, unless `send_at` says when."
    send_at = models.TimeField(null=True, blank=True)
    "A digest at this local time of the `days`, in place of the period."
    days = models.JSONField(default=every_day, blank=True)
    "The days on which anything is sent, 1 is Monday."
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    "Between these local times nothing is sent; what changes meanwhile is summed up afterwards."
    time_zone = models.CharField(max_length=64, blank=True)
    "Of all these times and of those in the messages; empty for the cohort's."
    minimum_stay = models.DurationField(null=True, blank=True, validators=WAIT)
    "A change is told once it has lasted this long; its opposite before that cancels it."
    cool_down = models.DurationField(null=True, blank=True, validators=WAIT)
    "After a customer was told of, this long nothing is told of it; then the net change is."
    once_per_customer = models.BooleanField(default=False)
    "Of each customer one change is told, ever."
    hold_above = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    "A batch that would tell of more customers is held until somebody decides."
    hold_above_percent = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    "The same, as a share of the cohort's members."
    hold_when_silent = models.BooleanField(default=True)
    "Hold what the passing of time alone changed while no events come in."
    fields = models.JSONField(default=list, blank=True)
    "What of a customer is sent beside its id; an empty list sends the id alone."
    tell_existing = models.BooleanField(default=False)
    "Tell of the members that were there when the subscription was made, in its first batch."
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    started_version = models.PositiveBigIntegerField(default=0, editable=False)
    "The membership's version when it was made: changes up to it are not its business."
    settled_version = models.PositiveBigIntegerField(default=0, editable=False)
    "Every change up to this version of the membership is settled, or waits."
    settled_at = models.DateTimeField(editable=False)
    "End of the last period."
    ripe_at = models.DateTimeField(null=True, editable=False)
    "When the first change that waits can be told; none while none waits."
    turn = models.PositiveBigIntegerField(default=0, editable=False)
    "Counts the writes of batching and of people: the fence between them."
    existing_told = models.BooleanField(default=False, editable=False)
    "Whether `tell_existing` is done."
    sequence = models.PositiveBigIntegerField(default=0, editable=False)
    "Number of the last batch."

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cohort", "channel"], name="one_subscription_per_channel")]

    def __str__(self) -> str:
        return f"{self.cohort} to {self.channel}"

    def save(self, **options: Any) -> None:
        """Save. What batching computes just now by earlier choices is thrown away, and all that waits is looked at
        again by the new ones."""
        edited = not self._state.adding
        with transaction.atomic():
            super().save(**options)
            if edited:
                ours = Subscription.objects.filter(pk=self.pk)
                ours.update(turn=F("turn") + 1)
                ours.filter(ripe_at__isnull=False).update(ripe_at=self.created_at)
                self.waiting.update(ripe_at=self.created_at)

    @property
    def waits_to_tell_existing(self) -> bool:
        """Whether the members that were there at the start are still to be told of."""
        return self.tell_existing and not self.existing_told

    @property
    def zone(self) -> str:
        """The time zone of its times."""
        return self.time_zone or self.cohort.time_zone

    @property
    def schedule(self) -> Schedule:
        """When it may send."""
        quiet = (self.quiet_from, self.quiet_to) if self.quiet_from and self.quiet_to else None
        return Schedule(self.period, self.zone, self.days, self.send_at, quiet)
