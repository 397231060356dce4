"""How many tests somebody may send: a test is a request to an address that a person typed."""

from __future__ import annotations

from django.core.cache import cache

TESTS, SECONDS = 5, 60
TOO_MANY = "That were many tests in a short time. Wait a minute."


def may_test(who: object) -> bool:
    """Count a test of this person or key; whether it may be sent. Counted in each process: enough to stop a loop."""
    key = f"tests-of-{who}"
    cache.add(key, 0, SECONDS)
    try:
        return cache.incr(key) <= TESTS
    except ValueError:  # it ran out in between
        return True
