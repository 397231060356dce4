"""A place to notify."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import Q
from encrypted_fields.fields import EncryptedJSONField

from notifications.channels import CHANNELS, kind_choices
from notifications.models.edited_by_people import EditedByPeople


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
