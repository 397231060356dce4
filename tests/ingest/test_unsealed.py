"""Until when everything that was received can be counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingest.accept import accept
from ingest.arrivals import record_arrivals
from ingest.columns import open_columns
from ingest.packing import pack
from ingest.parse import parse_event
from ingest.unsealed import complete_until
from tests.ingest.items import event

pytestmark = pytest.mark.django_db


def test_what_waits_in_the_inbox_or_in_the_queue_is_not_complete(now):
    received, tick = now - timedelta(minutes=3), timedelta(microseconds=1)
    assert complete_until(now) == now
    accept(pack([parse_event(event(), received)]), received)
    assert complete_until(now) == received - tick
    record_arrivals()
    assert complete_until(now) == received - tick
    open_columns().seal(now)
    assert complete_until(now) == now
