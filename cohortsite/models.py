"""What the site keeps about itself."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Heartbeat(models.Model):
    """When a process last showed that it works; the watchdog of `run_worker` reads it."""

    name = models.CharField(max_length=50, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @classmethod
    def beat(cls, name: str, now: datetime) -> None:
        """Say that `name` was alive at `now`."""
        cls.objects.update_or_create(name=name, defaults={"at": now})
