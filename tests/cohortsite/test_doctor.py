"""`manage.py doctor` finds what is broken, says what to do, and finds nothing where all is well."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from pyroaring import BitMap

import cohortsite.doctor
from cohorts.models import Baseline, Cohort, Membership, MembershipChange
from cohortsite import presence, schedules
from cohortsite.models import CYCLE, WORKER, Heartbeat, Process
from cohortsite.pipeline import run_cycle
from ingest.examination import MOST_FINDINGS, Check, Examination, Finding, examine
from ingest.models import Customer, CustomerVersion, Event, SealQueue, Segment
from notifications.batching import subscribe
from notifications.models import Attempt, Batch, Channel, Delivery, Settlement, Subscription, Waiting
from tests.doctor import CHECKS, assert_sound, broken_promises
from tests.factories import make_channel, make_cohort, make_delivery, make_event, make_told, make_user
from tests.receivers import Answer

SECRET = "whsec_" + "c2VjcmV0" * 4
PERIOD = timedelta(minutes=15)
HAS_CALLED = {
    "version": 1,
    "match": {"performed": {"type": "api_call"}, "at_least": 1, "within": {"last": "30m"}},
}


def play(now, receiver) -> None:
    """Two users call at different times: both join a cohort, one of them leaves again; a webhook is told."""
    cohort = make_cohort(criteria=HAS_CALLED)
    ann, bob = make_user("ann", now - PERIOD), make_user("bob", now - PERIOD)
    run_cycle(now)
    subscribe(cohort, make_channel(config={"url": receiver.url, "secret": SECRET}), now=now)
    for user, quarter in ((ann, 1), (bob, 2), (bob, 3)):
        make_event(user, now + quarter * PERIOD - timedelta(minutes=1))
    for quarter in range(1, 5):
        run_cycle(now + quarter * PERIOD)


def the_last(model):
    return model.objects.order_by("-pk")[:1].get()


def twice(row, **changes):
    """Store the row once more, with another key."""
    row.pk = None
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def wait_too() -> None:
    """Let a change wait that is settled."""
    settled = the_last(Settlement)
    change = settled.change
    Waiting.objects.create(subscription=settled.subscription, change=change, customer=change.customer, ripe_at=FAR)


NOTHING = BitMap().serialize()
FAR = timezone.now() + timedelta(days=3650)
WAYS_TO_BREAK = [
    ("segments", lambda: Segment.objects.filter(kind="events").update(checksum="0" * 64)),
    ("segments", lambda: Segment.objects.filter(kind="customers").update(file="customers-none.duckdb")),
    ("sealed", lambda: the_last(Event).delete()),
    ("sealed", lambda: twice(the_last(Event), key=b"another")),
    ("sealed", lambda: twice(the_last(CustomerVersion))),
    ("sealed", lambda: SealQueue.objects.create(source="event", row=the_last(Event).pk)),
    ("sealed", lambda: Segment.objects.filter(kind="events").update(state="replaced")),
    ("queue", lambda: SealQueue.objects.create(source="event", row=999_999)),
    ("queue", lambda: [SealQueue.objects.create(source="customer", row=Customer.objects.first().pk) for _ in "12"]),
    ("queue", lambda: SealQueue.objects.create(source="erased_event", row=1, segment=the_last(Segment))),
    ("queue", lambda: Segment.objects.create(kind="events", created_at=FAR - timedelta(days=9999))),
    ("identities", lambda: Event.objects.update(user_id=999_999)),
    ("identities", lambda: Event.objects.update(company_id=F("user_id"))),
    ("identities", lambda: Customer.objects.update(company=Customer.objects.first())),
    ("replay", lambda: MembershipChange.objects.filter(change="removed").update(change="added")),
    ("replay", lambda: MembershipChange.objects.filter(pk=the_last(MembershipChange).pk)._raw_delete("default")),
    ("replay", lambda: Baseline.objects.update(version=99)),
    ("replay", lambda: Membership.objects.update(members=NOTHING, count=0)),
    ("memberships", lambda: Membership.objects.update(count=7)),
    ("memberships", lambda: Membership.objects.update(as_of=FAR)),
    ("memberships", lambda: Membership.objects.update(version=1)),
    ("memberships", lambda: Baseline.objects.all().delete()),
    ("memberships", lambda: Membership.objects.all().delete()),
    ("criteria", lambda: Cohort.objects.update(criteria={"version": 1, "match": {"all": []}})),
    ("criteria", lambda: Cohort.objects.update(time_zone="Europe/Atlantis")),
    ("settlements", lambda: the_last(Settlement).delete()),
    ("settlements", lambda: Subscription.objects.update(started_version=2)),
    ("settlements", lambda: Subscription.objects.update(settled_version=99)),
    ("settlements", wait_too),
    ("waiting", wait_too),
    ("sequences", lambda: Subscription.objects.update(sequence=9)),
    ("sequences", lambda: Batch.objects.filter(sequence=1).update(sequence=7)),
    ("batches", lambda: Batch.objects.update(added=5)),
    ("batches", lambda: Batch.objects.update(removed=5)),
    ("parts", lambda: Delivery.objects.first().delete()),
    ("parts", lambda: Delivery.objects.update(parts=2)),
    ("parts", lambda: Delivery.objects.update(part=2, parts=2)),
    ("parts", lambda: make_told(parts=2)),
    ("ids", lambda: make_delivery(Batch.objects.first(), part=2)),
    ("ids", lambda: Delivery.objects.filter(pk=make_told().pk).update(key="another")),
    ("attempts", lambda: Attempt.objects.update(succeeded=False)),
    ("attempts", lambda: Delivery.objects.update(attempt_count=0)),
    ("attempts", lambda: Delivery.objects.update(state="pending", attempt_count=11)),
    ("attempts", lambda: Delivery.objects.update(delivered_at=None)),
    ("attempts", lambda: Delivery.objects.update(state="dead")),
    ("leases", lambda: Delivery.objects.update(leased_by="0" * 32, leased_until=FAR)),
    ("leases", lambda: Delivery.objects.update(leased_by="0" * 32, leased_until=FAR - timedelta(days=9999))),
    ("channels", lambda: connection.cursor().execute("UPDATE notifications_channel SET config = '\"gAAAAAB\"'")),
]


@pytest.mark.django_db
def test_each_way_to_break_the_data_is_found_and_what_is_whole_is_not(now, receiver):
    play(now, receiver)
    later = now + 5 * PERIOD
    assert_sound(later)
    assert {name for name, _ in WAYS_TO_BREAK} <= {check.name for check in CHECKS}
    unnoticed = []
    for number, (name, do_break) in enumerate(WAYS_TO_BREAK):
        with transaction.atomic():
            do_break()
            if name not in broken_promises(later):
                unnoticed.append((number, name))
            transaction.set_rollback(True)
    assert unnoticed == []
    assert_sound(later)


@pytest.mark.django_db
def test_silent_edits_retries_erased_rows_and_existing_members_break_no_promise(now, receiver):
    play(now, receiver)
    cohort, at = Cohort.objects.get(), now + 5 * PERIOD
    subscribe(cohort, make_channel("email"), now=at, tell_existing=True)
    Cohort.objects.update(rebaseline=True, definition_version=F("definition_version") + 1)
    receiver.always = Answer(500)
    for quarter in range(4):
        make_event(make_user(f"user-{quarter}", at), at)
        run_cycle(at + quarter * PERIOD)
    make_event(Customer.objects.first(), at)  # waits
    assert Delivery.objects.filter(state="pending").exists()
    assert_sound(at + 4 * PERIOD)


# --- The command


def doctor(*arguments: str) -> str:
    out = StringIO()
    call_command("doctor", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def at_work(db, settings):
    """A worker that shows both signs of life."""
    clock = timezone.now()
    schedules.start(clock)
    OrmQ.objects.all().delete()
    Heartbeat.beat(WORKER, clock)
    Task.objects.create(id="1", name="tick", func="tick", started=clock, stopped=clock, success=True)
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://cohorts.example.com", ["cohorts.example.com"]
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"


def test_a_site_that_is_well_is_said_to_be(at_work):
    told = doctor()
    assert "all is well" in told
    assert "WRONG" not in told


def test_what_is_wrong_is_told_with_what_to_do_and_ends_in_failure(at_work):
    Heartbeat.objects.all().delete()
    out = StringIO()
    with pytest.raises(CommandError, match="Something is wrong"):
        call_command("doctor", stdout=out, stderr=StringIO())
    assert "No worker was ever seen.\n           -> Start one beside the site: manage.py run_worker." in out.getvalue()


def test_warnings_alone_are_no_failure(at_work, settings):
    settings.ALLOW_HTTP_WEBHOOKS = True
    assert "look    Webhooks go to public addresses by https only" in doctor()


def test_software_reads_the_findings_as_json(at_work):
    told = json.loads(doctor("--json"))
    assert told["healthy"] is True
    groups = {"deployment", "events", "cohorts", "notifications", "alerts"}
    assert {check["group"] for check in told["checks"]} == groups
    OrmQ.objects.bulk_create(OrmQ(key="q", payload="", lock=timezone.now()) for _ in range(60))
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("doctor", "--json", "--quick", stdout=out, stderr=StringIO())
    [worker] = [check for check in json.loads(out.getvalue())["checks"] if check["name"] == "worker"]
    assert worker["findings"][0]["what"] == "The worker does not work: 60 tasks wait."


def test_a_quick_look_reads_no_large_table(at_work):
    names = {check["name"] for check in json.loads(doctor("--json", "--quick"))["checks"]}
    assert "replay" not in names
    assert "sequences" in names


def test_one_group_can_be_asked_for(at_work):
    assert {check["group"] for check in json.loads(doctor("--json", "--only", "cohorts"))["checks"]} == {"cohorts"}


# --- The deployment


def found(name: str) -> list[str]:
    [check] = [check for check in cohortsite.doctor.CHECKS if check.name == name]
    return [finding.what for finding in examine(check, Examination(timezone.now())).findings]


def test_another_data_directory_or_key_is_noticed(at_work, settings, tmp_path):
    assert found("processes") == []
    settings.DATA_DIR = tmp_path
    assert "have different data directories" in found("processes")[0]
    settings.EVENTS_URL = "clickhouse://events.example.com"
    assert found("processes") == []
    settings.SECRET_KEY = "another-key-" + "y" * 50
    assert "have different keys" in found("processes")[0]


def test_a_process_that_cannot_note_its_start_starts_all_the_same(at_work, settings, caplog):
    settings.DATA_DIR = Path("/proc/nowhere")
    presence.announce(presence.SITE, timezone.now())
    assert "was not noted" in caplog.text
    assert not Process.objects.filter(role="site").exists()


def test_cycles_by_cron_need_no_worker(at_work):
    Heartbeat.objects.all().delete()
    Heartbeat.beat(CYCLE, timezone.now())
    assert found("worker") == []
    Heartbeat.beat(CYCLE, timezone.now() - timedelta(hours=2))
    assert found("worker") == ["No worker was ever seen."]


def test_a_worker_that_acknowledges_nothing_is_noticed(at_work):
    Task.objects.update(stopped=timezone.now() - timedelta(minutes=10))
    assert found("worker")[0].startswith("The worker does not work: no task was acknowledged")


def test_a_schedule_that_stops_the_others_is_noticed(at_work):
    Schedule.objects.create(name="bad", func="os.getpid", args="((", next_run=timezone.now())
    assert "cannot be read and stops all others" in found("worker")[0]
    Schedule.objects.all().delete()
    assert found("worker") == ["The worker's schedule is missing."]


def test_a_clock_that_is_ahead_is_noticed(at_work):
    Heartbeat.beat(WORKER, timezone.now() + timedelta(hours=1))
    assert "which is still to come" in found("worker")[0]


@pytest.mark.parametrize(
    ("setting", "value", "name", "phrase"),
    [
        ("DEBUG", True, "settings", "DEBUG"),
        ("SECRET_KEY", "short", "settings", "SECRET_KEY"),
        ("ALLOWED_HOSTS", ["elsewhere.example.com"], "settings", "not in ALLOWED_HOSTS"),
        ("SITE_URL", "http://localhost:8000", "settings", "lead nowhere"),
        ("SITE_URL", "http://cohorts.example.com", "settings", "unencrypted"),
        ("ALLOW_HTTP_WEBHOOKS", True, "webhooks", "unencrypted"),
    ],
)
def test_settings_that_are_not_fit_for_production_are_noticed(at_work, settings, setting, value, name, phrase):
    setattr(settings, setting, value)
    assert any(phrase in what for what in found(name))


def test_mail_matters_only_where_there_are_email_channels(at_work, settings, mailbox):
    settings.DEFAULT_FROM_EMAIL = "cohorts@example.com"
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert found("mail") == []
    make_channel("email")
    assert "sends nothing" in found("mail")[0]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert found("mail") == []
    settings.EMAIL_PORT = 9
    assert "cannot be used" in found("mail")[0]
    Channel.objects.update(paused_at=timezone.now())
    assert found("mail") == []


def test_a_full_disk_is_noticed(at_work, monkeypatch):
    usage = type("Usage", (), {"free": 100_000_000})
    monkeypatch.setattr(cohortsite.doctor.shutil, "disk_usage", lambda path: usage)
    assert found("disk")[0].startswith("0.1 GB are free")


def test_missing_migrations_are_noticed(at_work):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'cohortsite' AND name LIKE '0002%%'")
    assert found("migrations")[0].startswith("1 migrations are not applied: cohortsite.0002")


def test_the_database_keeps_what_was_accepted(at_work):
    if connection.vendor == "sqlite":
        assert found("database") == []
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    assert "synchronous_commit" in found("database")[0]


# --- The examination itself


def check_that(find) -> Check:
    return Check("check", "It holds", find)


def test_a_check_that_cannot_be_done_is_a_finding(db, now):
    def fail(examination):
        raise RuntimeError("no such table")
        yield

    [finding] = examine(check_that(fail), Examination(now)).findings
    assert finding.what == "The check failed (RuntimeError): no such table"


def test_thousands_of_findings_are_told_as_some(db, now):
    result = examine(check_that(lambda _: (Finding(str(n), "Mend it.") for n in range(9999))), Examination(now))
    assert len(result.findings) == MOST_FINDINGS + 1
    assert result.findings[-1].what == "There are more of these."


@pytest.mark.django_db(transaction=True)
def test_a_check_sees_one_instant_and_lets_others_write(now):
    def look(examination):
        before = Heartbeat.objects.count()
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("INSERT INTO cohortsite_heartbeat (name, at) VALUES ('new', '2026-03-02 12:00:00')")
        finally:
            other.close()
        yield Finding(f"{before} then {Heartbeat.objects.count()}", "")

    [finding] = examine(check_that(look), Examination(now)).findings
    assert finding.what == "0 then 0"
    assert Heartbeat.objects.count() == 1
