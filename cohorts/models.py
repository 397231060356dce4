"""Cohorts, who is in them, and every change of that.

`Membership` holds the members as a bitmap; `MembershipChange` rows say who moved, when and why. A `Baseline` is
where a cohort's history starts: replaying the changes after it gives the membership.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from cohorts.enums import ChangeKind, Reason
from ingest.models import Customer, CustomerKind

DEFAULT_PERIOD = timedelta(minutes=15)
SHORTEST_PERIOD = timedelta(minutes=1)
LONGEST_PERIOD = timedelta(days=1)


class Cohort(models.Model):
    """A dynamic list of customers: a definition, and how often it is evaluated."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.SlugField(max_length=100, unique=True, null=True, blank=True)
    "A stable name for software that manages cohorts; optional."
    name = models.CharField(max_length=200)
    description = models.TextField(max_length=1_000, blank=True)
    "What it is for, in the words of its owner."
    kind = models.CharField(max_length=7, choices=CustomerKind.choices)
    is_list = models.BooleanField(default=False, editable=False)
    "Its members are a list that people and software keep (`CohortList`); it has no criteria."
    criteria = models.JSONField()
    "The definition as `docs/criteria.md` describes it, already validated; `{}` of a list."
    definition_version = models.PositiveIntegerField(default=1, editable=False)
    "Counts the edits of criteria, time zone and week start."
    rebaseline = models.BooleanField(default=False, editable=False)
    "The last edit asked for silence: the next evaluation is a baseline."
    time_zone = models.CharField(max_length=64, default="UTC")
    week_starts_on = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(7)]
    )
    "1 is Monday, 7 is Sunday."
    period = models.DurationField(
        default=DEFAULT_PERIOD,
        validators=[MinValueValidator(SHORTEST_PERIOD), MaxValueValidator(LONGEST_PERIOD)],
    )
    "How often it is evaluated."
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    evaluated_at = models.DateTimeField(null=True, editable=False)
    "As-of instant of the last successful evaluation."
    attempted_at = models.DateTimeField(null=True, editable=False)
    "As-of instant of the last evaluation, successful or not."
    error = models.TextField(blank=True, editable=False)
    "Why the last evaluation failed; empty when it did not."

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        """Save a new cohort, or the columns named in `update_fields` of one that exists.

        A whole row would put back what evaluations and other people's edits wrote since it was read: edits go
        through `cohorts.edit`, which names the columns.
        """
        if not self._state.adding and options.get("update_fields") is None:
            raise ValueError("a cohort that exists is saved by cohorts.edit, or with update_fields")
        super().save(**options)

    def evaluated_after(self, at: datetime, *, now: datetime) -> datetime:
        """The first evaluation at the instant or after it, that is still to come at `now`, if nothing delays it."""
        if self.evaluated_at is None or self.evaluated_at + self.period <= now:
            last = now  # it is overdue: at once, and every period from then on
        else:
            last = self.evaluated_at + self.period
        return last + self.period * max(0, -((last - at) // self.period))

    def is_due(self, now: datetime) -> bool:
        """Whether an evaluation at `now` is asked for: never evaluated, or a period has passed since the last.

        A failed evaluation is tried again after a minute, not after a whole period.
        """
        if self.paused_at is not None:
            return False
        if self.error and self.attempted_at is not None:
            return self.attempted_at + min(self.period, SHORTEST_PERIOD) <= now
        return self.evaluated_at is None or self.evaluated_at + self.period <= now


class Membership(models.Model):
    """Who is in a cohort now. One row per evaluated cohort; `version` fences concurrent writers."""

    cohort = models.OneToOneField(Cohort, primary_key=True, on_delete=models.CASCADE)
    version = models.PositiveBigIntegerField()
    "Counts the evaluations applied; only `version` -> `version + 1` may be written."
    definition_version = models.PositiveIntegerField()
    as_of = models.DateTimeField()
    count = models.PositiveIntegerField()
    members = models.BinaryField()
    "Serialized bitmap of customer ids."
    universe = models.BinaryField()
    "Serialized bitmap of the customers that existed at `as_of`."
    leaves = models.JSONField(default=dict)
    "Per leaf path, the base64 of the bitmap of customers that matched it: tells which leaf turned next time."


class Baseline(models.Model):
    """Members that a cohort started from without telling anybody. Replay starts at the newest."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="baselines")
    version = models.PositiveBigIntegerField()
    "The membership's version that it made."
    as_of = models.DateTimeField()
    members = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["cohort", "version"], name="baseline_version")]

    def __str__(self) -> str:
        return f"Baseline {self.version}"


class Evaluation(models.Model):
    """One run of one cohort at one instant."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="evaluations", db_index=False)
    definition_version = models.PositiveIntegerField()
    criteria = models.JSONField()
    as_of = models.DateTimeField()
    duration = models.DurationField()
    baseline = models.BooleanField(default=False)
    members = models.PositiveIntegerField(null=True)
    added = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["cohort", "-as_of"], name="evaluation_of_cohort")]

    def __str__(self) -> str:
        return f"Evaluation {self.pk}"


class MembershipChange(models.Model):
    """One customer added to or removed from one cohort. Written once, never changed."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="changes", db_index=False)
    version = models.PositiveBigIntegerField()
    "The membership's version that it led to: with `id` the order of the cohort's history."
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="changes", db_index=False)
    change = models.CharField(max_length=7, choices=ChangeKind.choices)
    changed_at = models.DateTimeField()
    "As-of instant of the evaluation."
    reason = models.CharField(max_length=10, choices=Reason.choices)
    because = models.JSONField(default=list)
    "Sentences: each condition that turned, with its value against its threshold."
    evidence = models.JSONField(default=list)
    "The same as data, with the events that did it: see `criteria.leaf.Evidence`; empty when very many moved at once."

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["cohort", "version", "customer"], name="change_once_per_version")
        ]
        indexes = [
            models.Index(fields=["cohort", "version", "id"], name="change_feed"),
            models.Index(fields=["customer", "cohort", "-id"], name="change_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.change} on {self.changed_at:%Y-%m-%d at %H:%M}"

    @property
    def grounds(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Each sentence of `because` with the events that belong to it, their times as instants."""
        events = {each["sentence"]: each["events"] for each in self.evidence}
        return [
            (sentence, [each | {"time": datetime.fromisoformat(each["time"])} for each in events.get(sentence, [])])
            for sentence in self.because
        ]


class CohortList(models.Model):
    """Who stands on the list of a cohort that is one; its membership follows at the next evaluation."""

    cohort = models.OneToOneField(Cohort, primary_key=True, on_delete=models.CASCADE, related_name="listed")
    members = models.BinaryField()
    "Serialized bitmap of customer ids."

    def __str__(self) -> str:
        return f"List of {self.cohort_id}"


class ListEdit(models.Model):
    """Customers put on a list and taken off it at once, by whom and how. Written once, never changed."""

    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="list_edits", db_index=False)
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    note = models.CharField(max_length=200, blank=True)
    "How: the name of a file, or of a key of the API."
    added = models.BinaryField()
    removed = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["cohort", "-at"], name="edits_of_list")]

    def __str__(self) -> str:
        return f"Edit of a list at {self.at}"


class Backtest(models.Model):
    """A definition that is tried on the past: see `cohorts.backtest`."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cohort = models.ForeignKey(Cohort, null=True, on_delete=models.CASCADE, related_name="backtests")
    "The cohort whose definition it is; none of one that is not saved."
    kind = models.CharField(max_length=7, choices=CustomerKind.choices)
    criteria = models.JSONField()
    time_zone = models.CharField(max_length=64)
    week_starts_on = models.PositiveSmallIntegerField()
    period = models.DurationField()
    "How often it is evaluated."
    parts = models.JSONField()
    "The definition and those that it refers to, as `backtest.plan.freeze` made them."
    days = models.PositiveSmallIntegerField()
    start = models.DateTimeField()
    "Instant of the baseline."
    end = models.DateTimeField()
    "The last instant that may be evaluated."
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField()
    "Moments of the plan, of which `done` are replayed."
    done = models.PositiveIntegerField(default=0)
    reached = models.DateTimeField(null=True)
    "Instant of the last moment that is replayed; at the end the end."
    members_at_start = models.PositiveIntegerField(null=True)
    kept = models.JSONField(default=dict)
    "Between two slices, per part the base64 of the bitmap of its members."
    tries = models.PositiveSmallIntegerField(default=0)
    "Slices begun since the last one that came forward."
    leased_by = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="backtest_age")]

    def __str__(self) -> str:
        return f"Backtest {str(self.pk)[:8]}"


class BacktestStep(models.Model):
    """Who moved at one instant of a backtest; instants at which nobody did have none."""

    backtest = models.ForeignKey(Backtest, on_delete=models.CASCADE, related_name="steps", db_index=False)
    at = models.DateTimeField()
    added = models.BinaryField()
    removed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["backtest", "at"], name="backtest_step")]

    def __str__(self) -> str:
        return f"Moves at {self.at}"
