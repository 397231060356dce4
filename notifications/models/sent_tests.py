"""How many tests somebody sent."""

from __future__ import annotations

from django.db import models


class SentTests(models.Model):
    """The tests that somebody sent within a minute; of each person and key the newest such minute."""

    who = models.CharField(primary_key=True, max_length=40)
    "`person-ID` or `key-ID`."
    since = models.DateTimeField()
    count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "sent tests"

    def __str__(self) -> str:
        return self.who
