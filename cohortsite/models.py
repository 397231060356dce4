"""What the site keeps about itself."""

from __future__ import annotations

from datetime import datetime

from django.db import models

WORKER, CYCLE = "worker", "cycle"
"""Names of heartbeats: of every tick and finished unit of the worker, and of every `run_cycle`."""


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


class Process(models.Model):
    """A site or a worker that was started on a host, with what tells whether it shares data and key with the others."""

    role = models.CharField(max_length=20)
    host = models.CharField(max_length=253)
    started_at = models.DateTimeField()
    data_mark = models.CharField(max_length=36)
    "What it found in its DATA_DIR: the same for all that share the directory."
    key_mark = models.CharField(max_length=16)
    "Follows from its SECRET_KEY, which does not follow from it."

    class Meta:
        verbose_name_plural = "processes"
        constraints = [models.UniqueConstraint(fields=["role", "host"], name="process_of_host")]

    def __str__(self) -> str:
        return f"{self.role} on {self.host}"
