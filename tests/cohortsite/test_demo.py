"""The demo: its traffic, and the whole of it as a person runs it."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from cohortsite.demo.environment import demo_environment
from cohortsite.demo.live import Feed
from cohortsite.demo.people import HISTORY
from cohortsite.demo.traffic import live_newcomer, traffic
from ingest.arrivals import record_arrivals
from ingest.models import Customer, Event, Scope
from tests.factories import make_api_key

BASE = Path(__file__).resolve().parents[2]
ANCHOR = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEFORE_ALL = ANCHOR - HISTORY - timedelta(days=1)


@pytest.fixture(scope="module")
def items():
    """Three weeks of traffic."""
    return traffic(ANCHOR, BEFORE_ALL, ANCHOR)


def texts(items):
    return sorted(json.dumps(item, sort_keys=True) for item in items)


def calls(items):
    return [item["event"] for item in items if "event" in item]


def test_traffic_is_the_same_however_it_is_cut(items):
    more = traffic(ANCHOR, ANCHOR, ANCHOR + timedelta(hours=2))
    assert more != []
    assert texts(traffic(ANCHOR, BEFORE_ALL, ANCHOR + timedelta(hours=2))) == texts([*items, *more])


def test_traffic_is_that_of_hundreds_of_users_and_dozens_of_companies(items):
    assert len({call["user_id"] for call in calls(items)}) > 400
    assert len({call["company_id"] for call in calls(items)}) > 30
    assert {200, 201, 400, 404, 429, 500} == {call["response"]["status"] for call in calls(items)}


def test_traffic_ends_at_the_current_time_and_repeats_no_id(items):
    times = [datetime.fromisoformat(call["request"]["time"]) for call in calls(items)]
    assert ANCHOR - HISTORY < min(times) < ANCHOR - HISTORY + timedelta(hours=1)
    assert ANCHOR - timedelta(hours=1) < max(times) <= ANCHOR
    ids = [entry["transaction_id"] for item in items for entry in item.values() if "transaction_id" in entry]
    assert len(ids) == len(set(ids))


@pytest.mark.django_db
def test_traffic_is_imported_whole_and_once(items, tmp_path):
    file = tmp_path / "traffic.jsonl"
    file.write_text("".join(json.dumps(item) + "\n" for item in items[-2000:]))
    call_command("import_events", str(file))
    stored = Event.objects.count(), Customer.objects.count()
    assert stored[0] == sum("event" in item or "action" in item for item in items[-2000:])
    call_command("import_events", str(file))
    assert (Event.objects.count(), Customer.objects.count()) == stored


@pytest.mark.django_db(transaction=True)
def test_live_traffic_goes_through_the_collector(live_server):
    now = ANCHOR + timedelta(minutes=10)
    feed = Feed(live_server.url, make_api_key(Scope.COLLECTOR), ANCHOR, since=ANCHOR)
    assert feed.send(now)
    assert not feed.send(now + timedelta(seconds=1))
    sent = [*traffic(ANCHOR, ANCHOR, now), *live_newcomer(now)]
    record_arrivals()
    assert Event.objects.count() == sum("event" in item or "action" in item for item in sent)


def test_another_site_does_not_reach_the_demo(tmp_path):
    of_another_site = {"DATABASE_URL": "postgres://production", "SECRET_KEY": "x" * 50, "PATH": "/bin"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = demo_environment(of_another_site, tmp_path, port=taken.getsockname()[1])
        assert not environment["SITE_URL"].endswith(f":{taken.getsockname()[1]}")
    assert "DATABASE_URL" not in environment
    assert "SECRET_KEY" not in environment
    assert (environment["PATH"], environment["DATA_DIR"]) == ("/bin", str(tmp_path / "data" / "demo"))


def run_demo(home, *arguments):
    environment = os.environ | {"DATA_DIR": str(home), "DJANGO_SETTINGS_MODULE": "cohortsite.settings"}
    command = [sys.executable, "manage.py", "demo", "--port", "18765", *arguments]
    with (home / "demo.log").open("wb") as log:
        return subprocess.Popen(command, cwd=BASE, env=environment, stdout=log, stderr=log)


def wait_for(home, text, process, seconds=180):
    give_up_at = time.monotonic() + seconds
    while text not in (printed := (home / "demo.log").read_text()):
        assert time.monotonic() < give_up_at, printed[-3000:]
        assert process.poll() is None, printed[-3000:]
        time.sleep(0.2)
    return printed


def processes_of(home):
    """The command lines of all processes that have this home in their environment."""
    mark = f"DATA_DIR={home}\0".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (directory / "environ").read_bytes():
                found.append((directory / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def rows(home):
    with sqlite3.connect(home / "cohortsite.sqlite3") as database:
        tables = ("auth_user", "ingest_apikey", "cohorts_cohort", "notifications_channel", "notifications_subscription")
        counts = {table: database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
        batches = database.execute("SELECT id FROM notifications_batch ORDER BY id").fetchall()
        told = database.execute("SELECT count(*) FROM notifications_delivery WHERE state = 'delivered'").fetchone()[0]
    return counts, set(batches), told


def test_the_demo_shows_notifications_stays_up_and_ends_without_orphans(tmp_path):
    demo = run_demo(tmp_path)
    printed = wait_for(tmp_path, "Ctrl-C stops everything", demo)
    assert "Webhook (signature verified)" in printed
    assert '"type": "cohort.membership_changed"' in printed
    assert "Subject: " in printed
    assert "Webhooks of alerts: " in printed
    assert "A company runs into server errors" in printed
    assert re.search(r"/alerts/ \(\d+ open now\)", printed)
    assert "Log in as admin with password" in printed
    counts, batches, told = rows(tmp_path)
    assert set(counts.values()) == {1, 5, 2, 7}
    assert len(batches) > 10
    assert told >= len(batches)

    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=60) == 0
    assert processes_of(tmp_path) == []

    again = run_demo(tmp_path, "--no-serve")
    assert again.wait(timeout=120) == 0
    counts_again, batches_again, _ = rows(tmp_path)
    assert counts_again == counts
    assert batches <= batches_again
