"""Words that models, criteria and domain functions share."""

from __future__ import annotations

from django.db import models


class ChangeKind(models.TextChoices):
    ADDED = "added"
    REMOVED = "removed"


class Reason(models.TextChoices):
    """Why a customer moved. Where several hold, the first in this order is told."""

    DEFINITION = "definition", "the cohort was edited"
    DELETED = "deleted", "the customer was erased"
    PROFILE = "profile", "an attribute changed"
    BEHAVIOR = "behavior", "events came"
    TIME = "time", "a window moved on"
