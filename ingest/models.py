"""What came in: customers, what was said of them, events; and the keys and segments that belong to them.

Rows here are the durable truth. What was accepted is an `Arrival` and becomes events, customers and versions. The
columnar copy (`ingest/columns/`) is made from those by sealing: every row that is to be sealed stands once in
`SealQueue` until it is part of a published `Segment`.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class Arrival(models.Model):
    """What one request brought, as it was answered 201. It leaves in the transaction that makes rows of it."""

    received_at = models.DateTimeField()
    items = models.PositiveIntegerField()
    content = models.BinaryField()
    "The records, see `ingest.packing`."
    error = models.TextField(blank=True)
    "Why no rows could be made of it, which nobody foresaw; empty while it waits."

    def __str__(self) -> str:
        return f"Arrival {self.pk}"


class CustomerKind(models.TextChoices):
    USER = "user"
    COMPANY = "company"


class Customer(models.Model):
    """A user or a company, made when anything first names its id.

    A visitor who has not signed in is a user by an anonymous id, until a sender tells which user it is: then all that
    names the visitor is that user's.

    `profile` is the newest merge (the profile of an earlier instant is a `CustomerVersion`); first and last seen
    are not kept here: they follow from the events, and the columns answer them.
    """

    id = models.AutoField(primary_key=True)  # 32 bits: the member of a bitmap
    kind = models.CharField(max_length=7, choices=CustomerKind.choices)
    external_id = models.CharField(max_length=200)
    "`user_id` or `company_id` as the sender gives it."
    company = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="users")
    "The company last received in the user's profile."
    profile = models.JSONField(default=dict)
    "`{metadata: {}, campaign: {}, company_domain, ip_address, ...}` as merged so far."
    anonymous = models.BooleanField(default=False)
    "Whether nothing but an `anonymous_id` has named it: only such a visitor can turn out to be another user."
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="visitors", db_index=False
    )
    "The user that the visitor turned out to be. Since when is in its versions, for those who look at the past."
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "external_id"], name="customer_external_id")]
        indexes = [
            models.Index(
                fields=["merged_into"], name="customer_visitors", condition=models.Q(merged_into__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def email(self) -> str:
        return self._text("email")

    @property
    def name(self) -> str:
        return self._text("name")

    def _text(self, key: str) -> str:
        metadata: Any = self.profile.get("metadata") or {}
        value = metadata.get(key)
        return value if isinstance(value, str) else ""


class CustomerVersion(models.Model):
    """One thing said of a customer, and the profile that holds from then on.

    Naming a company in a user's profile is a thing said of the company too, with an empty patch. Versions of a
    customer are ordered by (`received_at`, `id`); each `profile` is the merge of all patches up to its own.
    """

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="versions")
    received_at = models.DateTimeField()
    patch = models.JSONField(default=dict)
    profile = models.JSONField(default=dict)
    company = models.ForeignKey(Customer, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    "The company that holds from then on (a patch without one leaves it as it was)."

    class Meta:
        indexes = [models.Index(fields=["customer", "received_at", "id"], name="version_of_customer")]

    def __str__(self) -> str:
        return f"Version {self.pk}"


class EventType(models.TextChoices):
    API_CALL = "api_call", "API call"
    ACTION = "action", "Action"


class Event(models.Model):
    """One API call or action. Written once, never changed; nothing scans this table, so it has few indexes."""

    key = models.BinaryField(max_length=16, unique=True)
    "Digest of the transaction id (or of the whole item): the first item with a key wins."
    type = models.CharField(max_length=8, choices=EventType.choices)
    time = models.DateTimeField()
    received_at = models.DateTimeField()
    user = models.ForeignKey(
        Customer, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    company = models.ForeignKey(
        Customer, null=True, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    "The company that the event itself names."
    weight = models.IntegerField(default=1)
    fields = models.JSONField(default=dict)
    "What criteria can ask: nested as the field names are, e.g. `{request: {verb}, response: {status}, metadata}`."

    class Meta:
        verbose_name = "event"

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"


class Route(models.Model):
    """A route template that was made of addresses, for senders that give none (`ingest.known_routes`)."""

    path = models.CharField(max_length=200, primary_key=True)
    seen_on = models.DateField()
    "The last day (UTC) on which a call with it was received."

    def __str__(self) -> str:
        return self.path


class SealQueue(models.Model):
    """The rows that are not yet in the columnar copy; a row leaves when its segment is published.

    Rows are queued themselves because ids commit out of order: "everything above the last id" loses rows.
    """

    class Source(models.TextChoices):
        EVENT = "event"
        VERSION = "version"
        CUSTOMER = "customer"
        ERASED_EVENT = "erased_event"
        ERASED_VERSION = "erased_version"

    source = models.CharField(max_length=14, choices=Source.choices)
    row = models.BigIntegerField()
    "Primary key of the Event, CustomerVersion or Customer, or of one that was erased and has to leave the copy."
    segment = models.ForeignKey("Segment", null=True, on_delete=models.PROTECT, related_name="queue", db_index=False)
    "The segment that these rows will be in; none while they wait for one."

    class Meta:
        verbose_name_plural = "seal queue"
        indexes = [  # nobody looks for what waits by it, and so to queue a row costs nothing here
            models.Index(fields=["segment"], name="queue_of_segment", condition=models.Q(segment__isnull=False))
        ]


class Segment(models.Model):
    """One immutable file of the columnar copy. Readers read this list, never a directory."""

    class Kind(models.TextChoices):
        EVENTS = "events"
        CUSTOMERS = "customers"
        SUMMARY = "summary", "who was seen when, over all large segments of events"

    class State(models.TextChoices):
        ASSIGNED = "assigned", "rows assigned, file not yet published"
        PUBLISHED = "published"
        REPLACED = "replaced", "merged into another; the file is deleted after a grace period"

    kind = models.CharField(max_length=9, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.ASSIGNED)
    level = models.PositiveSmallIntegerField(default=0)
    "How many merges lie behind it."
    file = models.CharField(max_length=100, blank=True)
    "Name below the columns directory; on ClickHouse it ends with the number of the partition."
    rows = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, blank=True)
    stamp = models.CharField(max_length=80, blank=True)
    "Inode and modification time as written: while the file has them, its content is not read again to be checked."
    summary = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="summarized")
    "The summary that its rows are part of, for a segment of events."
    min_time = models.DateTimeField(null=True)
    max_time = models.DateTimeField(null=True)
    min_received_at = models.DateTimeField(null=True)
    max_received_at = models.DateTimeField(null=True)
    "Bounds over its rows, inclusive; they decide which segments an evaluation reads."
    created_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "kind"], name="segment_state")]

    def __str__(self) -> str:
        return self.file or f"Segment {self.pk}"


class Erasure(models.Model):
    """Events of a customer were erased. Kept so that a customer who leaves for it is told the right reason."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="erasures")
    erased_at = models.DateTimeField(db_index=True)
    events = models.PositiveIntegerField()


class Scope(models.TextChoices):
    COLLECTOR = "collector", "send events, actions, users and companies"
    READ = "read", "read cohorts, members, changes, deliveries"
    WRITE = "write", "create and change cohorts and subscriptions"
    ADMIN = "admin", "manage channels"


class ApiKey(models.Model):
    """A key of a sender or an API client. Only its digest is kept; the key itself is shown once."""

    id = models.CharField(max_length=8, primary_key=True, editable=False)
    "The public part of the key, by which it is looked up."
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, editable=False)
    "SHA-256 of the key, which holds 256 random bits: a slow hash would protect nothing more."
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    "To the minute."
    items_per_minute = models.PositiveIntegerField(
        null=True, blank=True, help_text="Beyond it a sender is refused (429), and most clients lose what they sent."
    )
    "No limit when empty."
    minute = models.BigIntegerField(default=0, editable=False)
    items_in_minute = models.BigIntegerField(default=0, editable=False)
    "What a key with a limit has sent in that minute (since 1970)."

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Rejection(models.Model):
    """Items of a sender that could not be used, counted by reason and hour. Names fields, never values."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="rejections")
    path = models.CharField(max_length=50)
    "The endpoint, e.g. `/v1/events/batch`."
    sender = models.CharField(max_length=100, blank=True)
    "The SDK or program that sent them, as it calls itself."
    reason = models.CharField(max_length=300)
    hour = models.DateTimeField()
    items = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key", "hour", "path", "sender", "reason"], name="rejection_reason")
        ]

    def __str__(self) -> str:
        return self.reason
