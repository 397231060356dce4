"""Which metrics are watched, and what was found to be off.

AlertRule (what is watched, and who is told) <- Alert (one group that is off, from when it opened until it resolved)
<- AlertChange (its history). `Maintenance` are times that are not judged. The series of a metric is not stored: it
follows from the columns at any time.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from cohorts.time_zones import check_time_zone
from notifications.models import Channel, EditedByPeople

SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=30)
WAIT = [MinValueValidator(SHORTEST_WAIT), MaxValueValidator(LONGEST_WAIT)]
LONGEST_KEY = 255
LONGEST_MAINTENANCE = timedelta(days=60)


class AlertRule(EditedByPeople):
    """A metric, the condition on which it is off, and who is told. What decides about alerts is edited by `edit`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.SlugField(max_length=100, unique=True, null=True, blank=True)
    "A stable name for software that manages rules; optional."
    name = models.CharField(max_length=200)
    description = models.TextField(max_length=1_000, blank=True)
    "What it is for and what to do about it, in the words of its owner."
    definition = models.JSONField()
    "Metric, intervals, groups and condition, as `definition.parse` reads it."
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    "In which its days, weeks and months begin."
    definition_version = models.PositiveIntegerField(default=1, editable=False)
    "Counts the edits of definition and time zone."
    reminder = models.DurationField(null=True, blank=True, validators=WAIT)
    "How often an alert that stays open is told again; none for never."
    quiet_for = models.DurationField(null=True, blank=True, validators=WAIT)
    "The least time from one alert of a group to its next."
    channels = models.ManyToManyField(Channel, through="RuleChannel", related_name="alert_rules", blank=True)
    tells_resolved = models.BooleanField(default=True)
    "Whether it is told that an alert resolved."
    paused_at = models.DateTimeField(null=True, blank=True)
    "Nothing is judged while it is paused."
    snoozed_until = models.DateTimeField(null=True, blank=True)
    "It is judged but tells nothing until then."
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    judged_until = models.DateTimeField(editable=False)
    "End of the newest interval that is judged, or when judging began: what ended before is not judged."
    due_at = models.DateTimeField(editable=False, db_index=True)
    "When there is something to judge or to tell next."
    turn = models.PositiveBigIntegerField(default=0, editable=False)
    "Counts the writes of watching and of people: the fence between them."
    error = models.TextField(blank=True, editable=False)
    "Why it could not be judged last time; empty when it was."
    attempted_at = models.DateTimeField(null=True, editable=False)
    "When it was last looked at."
    unwatched = models.PositiveIntegerField(default=0, editable=False)
    "How many groups, the smaller ones, were not watched in the newest interval."
    skipped = models.PositiveIntegerField(default=0, editable=False)
    "How many intervals were passed over when it was last judged, since the site had not worked for so long."

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Save. What is judged just now by earlier choices is thrown away."""
        edited = not self._state.adding
        super().save(**options)
        if edited:
            AlertRule.objects.filter(pk=self.pk).update(turn=F("turn") + 1)


class RuleChannel(models.Model):
    """A channel on which a rule tells; it cannot be deleted as long as rules use it."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "channel"], name="rule_tells_channel_once")]

    def __str__(self) -> str:
        return f"{self.rule} to {self.channel}"


class Alert(models.Model):
    """One group of a rule that is off: opened once, open until it resolves."""

    class End(models.TextChoices):
        """Why an alert is no longer open."""

        RECOVERED = "recovered", "back to what is expected"
        NO_DATA = "no_data", "too little traffic to tell"
        EDITED = "edited", "the rule was edited"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="alerts", db_index=False)
    group = models.JSONField(default=dict)
    "Field -> value (null where events have none); empty where the rule has no groups."
    group_key = models.CharField(max_length=LONGEST_KEY)
    "Tells the groups of a rule apart."
    definition_version = models.PositiveIntegerField()
    opened_at = models.DateTimeField()
    "End of the interval in which it was found."
    interval_start = models.DateTimeField()
    interval_end = models.DateTimeField()
    value = models.FloatField(null=True)
    low = models.FloatField(null=True)
    "The least that was expected; null for no bound."
    high = models.FloatField(null=True)
    "The most that was expected; null for no bound."
    sentence = models.TextField()
    "`expected 120 to 180, saw 640`"
    calm = models.PositiveIntegerField(default=0)
    "Intervals in a row that were as they should be."
    unknown = models.PositiveIntegerField(default=0)
    "Intervals in a row of which nothing could be said."
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    snoozed_until = models.DateTimeField(null=True)
    "Nothing of it is told until then."
    told_at = models.DateTimeField(null=True)
    "When it was first told; null while it was not."
    reminded_at = models.DateTimeField(null=True)
    "When it was last told again."
    resolved_at = models.DateTimeField(null=True)
    "End of the interval with which it ended; null while it is open."
    resolved_sentence = models.TextField(blank=True)
    end = models.CharField(max_length=9, choices=End.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "group_key"], condition=Q(resolved_at=None), name="one_open_alert_of_a_group"
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, end="") | (Q(resolved_at__isnull=False) & ~Q(end="")),
                name="ended_alert_says_why",
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "group_key", "-opened_at"], name="alert_of_group"),
            models.Index(fields=["rule", "-opened_at"], name="alert_of_rule"),
            models.Index(fields=["-opened_at"], name="alert_newest"),
        ]

    def __str__(self) -> str:
        values = ", ".join("none" if value is None else str(value) for value in self.group.values())
        return f"{self.rule}: {values}" if values else str(self.rule)

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None

    @property
    def state(self) -> str:
        """`open`, `acknowledged` or `resolved`."""
        if self.resolved_at is not None:
            return "resolved"
        return "acknowledged" if self.acknowledged_at else "open"


class AlertChange(models.Model):
    """One thing that happened to an alert. Written once, never changed."""

    class Kind(models.TextChoices):
        OPENED = "opened", "opened"
        TOLD = "told", "told"
        REMINDED = "reminded", "told again"
        ACKNOWLEDGED = "acknowledged", "acknowledged"
        SNOOZED = "snoozed", "snoozed"
        WOKEN = "woken", "no longer snoozed"
        RESOLVED = "resolved", "resolved"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="changes", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.TextField(blank=True)
    "The sentence that goes with it, or what a person wrote."

    class Meta:
        indexes = [models.Index(fields=["alert", "id"], name="changes_of_alert")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at}"


class Maintenance(models.Model):
    """A time in which numbers are expected to be off: intervals that touch it are not judged and not learned from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    start = models.DateTimeField()
    end = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    all_rules = models.BooleanField(default=False)
    "Whether it concerns every rule, also those that are made later."
    rules = models.ManyToManyField(AlertRule, related_name="maintenances", blank=True)
    "Which rules it concerns, if not all; none are left when they were deleted."
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(end__gt=F("start")), name="maintenance_has_a_length")]
        indexes = [models.Index(fields=["-end"], name="maintenance_newest")]

    def __str__(self) -> str:
        return f"Maintenance from {self.start} to {self.end}"

    def clean(self) -> None:
        """Raise ValidationError where it has no length, or too much of it."""
        if None in (self.start, self.end):
            return  # a fault of its own
        if self.end <= self.start:
            raise ValidationError({"end": "expected a later time than the start"})
        if self.end - self.start > LONGEST_MAINTENANCE:
            raise ValidationError({"end": f"expected at most {LONGEST_MAINTENANCE.days} days after the start"})
