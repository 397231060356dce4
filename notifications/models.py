"""Who is told of what, and what became of the telling.

Channel (where) <- Subscription (which cohort, which changes) <- Batch (frozen content of one period) <- Delivery (one
frozen message to one recipient, claimed by compare-and-set) <- Attempt (one try). `Settlement` says of every change
what its subscription did with it, `Waiting` which change is not told yet, `Hold` that a person is to decide.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from encrypted_fields.fields import EncryptedJSONField

from cohorts.models import Cohort, MembershipChange
from ingest.models import Customer
from notifications.channels import CHANNELS, kind_choices
from notifications.schedule import EVERY_DAY, Schedule

DEFAULT_PERIOD = timedelta(minutes=15)
SHORTEST_PERIOD = timedelta(minutes=1)
LONGEST_PERIOD = timedelta(days=7)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=365)
WAIT = [MinValueValidator(SHORTEST_WAIT), MaxValueValidator(LONGEST_WAIT)]


def every_day() -> list[int]:
    """The days of a week."""
    return list(EVERY_DAY)


class EditedByPeople(models.Model):
    """A row of which people write one half and the pipeline the other.

    Saving writes only what people may edit, so that a form that was open for a while does not put back what the
    pipeline has moved on since. The pipeline writes its half by `update`.
    """

    class Meta:
        abstract = True

    def save(self, **options: Any) -> None:
        """Save; of a row that exists, only the editable fields unless `update_fields` says otherwise."""
        if not self._state.adding and options.get("update_fields") is None:
            options["update_fields"] = [field.name for field in self._meta.concrete_fields if field.editable]
        super().save(**options)


class ChannelsOfPeople(models.Manager["Channel"]):
    """The channels that people made: the site's own one is not for them to see, choose or change."""

    def get_queryset(self) -> models.QuerySet[Channel]:
        return super().get_queryset().filter(is_own=False)


class Channel(EditedByPeople):
    """A place to notify: webhook, Slack or email, with its settings."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.SlugField(max_length=100, unique=True, null=True, blank=True, editable=False)
    "A stable name for software that manages channels; optional."
    kind = models.CharField(max_length=20, choices=kind_choices)
    name = models.CharField(max_length=200)
    config = EncryptedJSONField(default=dict)
    "As the kind's form cleaned it. Encrypted: it holds addresses and tokens that let anyone post."
    tells_operators = models.BooleanField(default=False)
    "Whether those who operate the site are told here of what needs them, e.g. notifications that are held."
    paused_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    disabled_at = models.DateTimeField(null=True, editable=False)
    "When the site itself paused it, since nothing arrived there; kept until something arrives again."
    failing_since = models.DateTimeField(null=True, editable=False)
    failed_attempts = models.PositiveIntegerField(default=0, editable=False)
    "Without a success in between."
    last_error = models.TextField(blank=True, editable=False)
    "The newest failure in words; cleared by a success."
    last_success_at = models.DateTimeField(null=True, editable=False)
    served_at = models.DateTimeField(null=True, editable=False)
    "When the newest attempt ended: of several channels that wait, the one served longest ago has its turn."
    rests_until = models.DateTimeField(null=True, editable=False)
    "After a failure that took long: so that it does not hold up the others."
    is_own = models.BooleanField(default=False, editable=False)
    "The site's own, for mail to people who work here: made when it is needed, and never switched off."

    objects = ChannelsOfPeople()
    every = models.Manager["Channel"]()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["is_own"], condition=Q(is_own=True), name="one_own_channel")]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """`disabled` (by the site), `paused`, `failing`, `working`, or `unused` while nothing has been sent."""
        if self.paused_at:
            return "disabled" if self.paused_at == self.disabled_at else "paused"
        if self.last_error:
            return "failing"
        return "working" if self.last_success_at else "unused"

    @property
    def is_readable(self) -> bool:
        """Whether the settings were decrypted; otherwise the field hands out the stored text."""
        return isinstance(self.config, Mapping)

    @property
    def where(self) -> str:
        """Where it goes, without secrets."""
        if not self.is_readable:
            return "its settings cannot be decrypted: was SECRET_KEY changed?"
        return CHANNELS[self.kind].summary(self.config)


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
