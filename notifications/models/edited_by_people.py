"""Rows that people and the pipeline share."""

from __future__ import annotations

from typing import Any

from django.db import models


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
