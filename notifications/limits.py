"""How many tests somebody may send: a test is a request to an address that a person typed."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Case, F, Q, Value, When

from notifications.models import SentTests

TESTS, WITHIN = 5, timedelta(minutes=1)
TOO_MANY = "That were many tests in a short time. Wait a minute."


def may_test(who: str, now: datetime) -> bool:
    """Count a test of this person or key; whether it may be sent. One count for all processes of the site."""
    SentTests.objects.get_or_create(who=who, defaults={"since": now})
    lasts = Q(since__gt=now - WITHIN)
    free = SentTests.objects.filter(~lasts | Q(count__lt=TESTS), who=who)
    count, since = (
        Case(When(lasts, then=F("count") + 1), default=1),
        Case(When(lasts, then="since"), default=Value(now)),
    )
    return bool(free.update(count=count, since=since))
