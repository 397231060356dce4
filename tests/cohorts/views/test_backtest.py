"""The pages that try a definition on the past."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cohorts.backtest.run import advance
from cohorts.models import Backtest
from tests.factories import ON_PRO, add_version, make_cohort, make_user

pytestmark = pytest.mark.django_db
ASKED = {"criteria": json.dumps(ON_PRO), "time_zone": "Asia/Tokyo", "week_starts_on": "3"}


def test_a_lookup_is_tried_and_shown_with_who_moved(client_as):
    client, now = client_as("Viewer"), timezone.now()
    ann = make_user("ann", now - timedelta(days=3), metadata={"plan": "free"})
    add_version(ann, now - timedelta(days=2), metadata={"plan": "pro"})
    assert "metadata.plan is pro" in client.get("/users/backtests/new/", ASKED).content.decode()
    answer = client.post("/users/backtests/new/", {**ASKED, "days": "7", "period": "6h"})
    backtest = Backtest.objects.get()
    address = answer.headers["HX-Redirect"]
    assert address == f"/backtests/{backtest.pk}/"
    assert (backtest.time_zone, backtest.week_starts_on, backtest.days) == ("Asia/Tokyo", 3, 7)
    page = client.get(address).content.decode()
    assert "Waits for the worker" in page
    assert "No worker has begun yet" not in page
    assert f'hx-get="{address}results/"' in page
    advance(backtest.pk, now)
    page = client.get(address).content.decode()
    assert 'hx-trigger="every' not in page
    assert "Joined and left per day" in page
    [move] = backtest.steps.all()
    day = f"{move.at.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d}"
    assert f"{address}who/?day={day}" in page
    who = client.get(f"{address}who/?day={day}").content.decode()
    assert 'href="/customers/user/ann/"' in who
    assert client.get(f"{address}who/?day=2001-01-01").status_code == 404


def test_a_page_that_waits_long_doubts_that_there_is_a_worker_and_can_cancel(client_as):
    client, cohort = client_as("Viewer"), make_cohort(name="On pro")
    address = client.post(f"/cohorts/{cohort.pk}/backtest/", {"days": "30"}).headers["HX-Redirect"]
    Backtest.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    page = client.get(address).content.decode()
    assert "No worker has begun yet" in page
    assert f'href="/cohorts/{cohort.pk}/"' in page
    page = client.post(f"{address}cancel/").content.decode()
    assert "Nothing had been replayed." in page
    assert address in client.get(f"/cohorts/{cohort.pk}/backtest/").content.decode()


def test_a_lookup_of_everybody_has_nothing_to_try(client_as):
    client = client_as("Viewer")
    answer = client.post("/users/backtests/new/", {"criteria": "", "days": "7", "period": "6h"})
    assert answer.status_code == 422
    assert "Complete the criteria first" in answer.content.decode()
    assert not Backtest.objects.exists()
