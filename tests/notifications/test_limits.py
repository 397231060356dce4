"""How many tests somebody may send, counted for the whole site."""

from __future__ import annotations

from datetime import timedelta

import pytest

from notifications.limits import TESTS, may_test
from notifications.models import SentTests

pytestmark = pytest.mark.django_db


def test_each_may_send_so_many_within_a_minute_of_the_first(now):
    assert all(may_test("person-1", now + timedelta(seconds=second)) for second in range(TESTS))
    assert not may_test("person-1", now + timedelta(seconds=59))
    assert may_test("key-1", now + timedelta(seconds=59))
    assert may_test("person-1", now + timedelta(seconds=60))
    assert SentTests.objects.get(who="person-1").count == 1
