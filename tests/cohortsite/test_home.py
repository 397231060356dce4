"""The home page: the figures of a busy site, the first steps on an empty one."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from cohorts.models import Cohort
from cohortsite.first_steps import NO_KEY, snippets
from cohortsite.models import WORKER, Heartbeat
from ingest.accept import accept
from ingest.arrivals import LITTLE
from ingest.columns import open_columns
from ingest.keys import find_key
from ingest.models import ApiKey, Scope, Segment
from ingest.packing import pack
from ingest.parse import parse_action
from tests.factories import (
    make_api_key,
    make_arrival,
    make_batch,
    make_channel,
    make_cohort,
    make_delivery,
    make_evaluation,
    make_event,
    make_person,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def now():
    """The clock: pages read it."""
    return timezone.now()


def log_in(client, role):
    person = make_person(staff=False, superuser=False)
    if role:
        person.groups.add(Group.objects.get(name=role))
    client.force_login(person)
    return client


@pytest.fixture
def viewer(client):
    return log_in(client, "Viewer")


@pytest.fixture
def busy(now):
    """A site on which all three steps are done."""
    make_subscription(cohort=make_cohort(evaluated_at=now, attempted_at=now, created_at=now - DAY))
    make_event(make_user("ann", now - DAY), now - HOUR, request={"verb": "GET", "route": "/"}, response={"status": 200})
    Heartbeat.beat(WORKER, now)


def text_of(answer) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_an_empty_site_shows_three_steps_and_waits_for_an_event(viewer):
    text = text_of(viewer.get("/"))
    for words in ("Send an event", "Save a cohort", "Subscribe a channel", "Waiting for the first event"):
        assert words in text
    assert 'hx-trigger="every 2s"' in text
    assert "step-done" not in text


def test_the_light_turns_green_with_the_first_event_and_asks_no_more(viewer, now):
    assert "every 2s" in text_of(viewer.get("/first-event/"))
    make_event(make_user("ann/1"), now, request={"verb": "POST", "route": "/orders"})
    text = text_of(viewer.get("/first-event/"))
    assert "light-on" in text
    assert "every 2s" not in text
    assert "POST /orders" in text
    assert "/customers/user/ann/1/" in text
    assert 'id="step-1" hx-swap-oob="true"' in text


def test_steps_that_are_done_are_ticked_and_all_done_show_the_figures_alone(viewer, now):
    make_event(make_user("ann"), now)
    assert text_of(viewer.get("/")).count("step-done") == 1
    cohort = make_cohort()
    assert text_of(viewer.get("/")).count("step-done") == 2
    make_subscription(cohort=cohort)
    assert "Three steps" not in text_of(viewer.get("/"))


def test_a_key_is_made_once_and_fills_every_snippet(client, settings, now):
    settings.SITE_URL = "https://cohorts.example.com"
    log_in(client, "Administrator")
    before = text_of(client.get("/"))
    assert before.count(NO_KEY) == 5
    assert "Create a key" in before
    text = text_of(client.post("/keys/new/"))
    key = ApiKey.objects.get()
    shown = next(word for word in text.replace("&quot;", " ").split() if word.startswith("ck_live_"))
    assert find_key(shown, now) == key
    assert key.scopes == [Scope.COLLECTOR]
    assert text.count(shown) == 5
    assert NO_KEY not in text
    assert shown not in text_of(client.get("/"))


@pytest.mark.parametrize("role", ["Viewer", "Analyst", "Operator"])
def test_only_administrators_are_offered_to_make_a_key(client, role):
    log_in(client, role)
    assert "Create a key" not in text_of(client.get("/"))
    assert client.post("/keys/new/").status_code == 403
    assert not ApiKey.objects.exists()


def test_the_snippets_name_this_site(settings, now):
    by_id = {snippet.id: snippet.code for snippet in snippets("https://cohorts.example.com:8443", "KEY", now)}
    assert set(by_id) == {"curl", "python", "django", "node", "browser"}
    for id_ in ("curl", "python", "django", "node"):
        assert "https://cohorts.example.com:8443" in by_id[id_]
    assert 'host: "cohorts.example.com:8443"' in by_id["browser"]
    assert all("KEY" in code and "<now>" not in code and "<key>" not in code for code in by_id.values())


def test_the_chart_holds_the_events_of_the_last_day_by_hours(viewer, busy, now):
    user = make_user("bob", now - 2 * DAY)
    for at, status, weight in ((now - 2 * HOUR, 500, 1), (now - 2 * HOUR, 200, 10), (now - 30 * HOUR, 200, 1)):
        make_event(user, at, response={"status": status}, weight=weight)
    make_event(None, now - 2 * HOUR)
    open_columns().seal(now)
    context = viewer.get("/").context
    chart, arrivals = context["hours"], context["arrivals"]
    assert len(chart["times"]) == 24
    hour = chart["times"].index(int((now - 2 * HOUR).timestamp()) // 3_600 * 3_600)
    assert [series["values"][hour] for series in chart["series"]] == [12, 1]
    assert (arrivals.total, arrivals.failed, arrivals.users, arrivals.companies) == (13, 1, 2, 0)


def test_who_moved_today_is_counted_in_the_time_zone_of_each_cohort(viewer, busy, now):
    near, far = make_cohort(name="Near"), make_cohort(name="Far", time_zone="Pacific/Kiritimati")
    for cohort in (near, far):
        make_evaluation(cohort, as_of=now, added=3, removed=1)
        make_evaluation(cohort, as_of=now - timedelta(seconds=1), added=0, removed=0)
        make_evaluation(cohort, as_of=now - 26 * HOUR, added=50)
    moved = {each.cohort.name: (each.joined, each.left) for each in viewer.get("/").context["moved"]}
    assert moved == {"Near": (3, 1), "Far": (3, 1)}


def test_deliveries_that_failed_are_listed_with_their_reasons(viewer, busy, now):
    batch = make_batch(make_subscription(channel=make_channel(name="Hook")))
    make_delivery(batch, created_at=now, state="delivered", delivered_at=now)
    make_delivery(batch, part=2, created_at=now, state="dead", last_error="410 Gone <b>")
    make_delivery(batch, part=3, created_at=now, last_error="Connection refused")
    make_delivery(batch, part=4, created_at=now - 30 * DAY, state="dead", last_error="Long ago")
    answer = viewer.get("/")
    deliveries = answer.context["deliveries"]
    assert (deliveries.delivered, deliveries.waiting, deliveries.given_up) == (1, 1, 1)
    text = text_of(answer)
    assert "410 Gone &lt;b&gt;" in text
    assert "Connection refused" in text
    assert "Long ago" not in text


def checks(client):
    return {check.name: (check.tone, check.state) for check in client.get("/").context["health"]}


def test_a_site_that_works_says_so(viewer, busy, now):
    open_columns().seal(now)
    assert checks(viewer) == {
        "Worker": ("good", "working"),
        "Recording": ("good", "nothing waits"),
        "Sealing": ("good", "nothing waits"),
        "Cohorts": ("good", "1 evaluated on time"),
        "Channels": ("good", "none failing"),
    }


def test_a_silent_worker_is_told(viewer, busy, now):
    Heartbeat.objects.update(at=now - HOUR)
    Cohort.objects.update(attempted_at=now - HOUR, evaluated_at=now - HOUR)
    found = checks(viewer)
    assert found["Worker"] == ("bad", "silent for 60 minutes")
    assert found["Cohorts"][1] == "1 late"
    assert found["Sealing"][0] == "warn"
    Heartbeat.objects.all().delete()
    Cohort.objects.update(attempted_at=None)
    assert checks(viewer)["Worker"] == ("bad", "never seen")


def test_what_waits_to_be_recorded_or_cannot_be_is_told(viewer, busy, now):
    [piece] = pack([parse_action({"action_name": "Clicked"}, now)] * LITTLE)
    accept([piece], now - HOUR)
    assert checks(viewer)["Recording"] == ("warn", f"{LITTLE:,} waiting")
    make_arrival(error="ZeroDivisionError")
    assert checks(viewer)["Recording"][0] == "bad"


def test_broken_cohorts_and_channels_are_named_with_their_faults(viewer, busy):
    cohort = make_cohort(name="Broken one", error="match: it is broken")
    make_channel(name="Dead hook", last_error="HTTP 410")
    text = text_of(viewer.get("/"))
    assert f'href="/cohorts/{cohort.pk}/"' in text
    for words in ("Broken one", "match: it is broken", "Dead hook", "HTTP 410"):
        assert words in text


def test_a_channel_that_the_site_switched_off_is_told_one_that_a_person_paused_is_not(viewer, busy, now):
    make_channel(name="Off", paused_at=now, disabled_at=now, last_error="HTTP 410")
    make_channel(name="Resting", paused_at=now, last_error="HTTP 500")
    found = checks(viewer)
    assert found["Off"] == ("bad", "switched off")
    assert "Resting" not in found


def test_columns_that_cannot_be_read_are_told(viewer, busy, now):
    open_columns().seal(now)
    for segment in Segment.objects.exclude(file=""):
        os.unlink(open_columns().engine.directory / segment.file)
    assert "cannot be counted now" in text_of(viewer.get("/"))


def test_people_without_a_role_are_shown_nothing(client, busy):
    text = text_of(log_in(client, None).get("/"))
    assert "Your account has no role yet" in text
    assert "Events per hour" not in text
    assert client.get("/first-event/").status_code == 403


def test_a_key_that_there_is_is_named_and_not_shown(client):
    text = make_api_key(Scope.COLLECTOR)
    page = text_of(log_in(client, "Administrator").get("/"))
    assert "“test”" in page
    assert text not in page


@pytest.mark.parametrize("count", [1, 4])
def test_the_page_asks_the_database_no_more_for_more(viewer, busy, count, django_assert_max_num_queries, now):
    for number in range(count):
        make_evaluation(make_cohort(), as_of=now, added=1)
        batch = make_batch(make_subscription())
        make_delivery(batch, part=number + 1, created_at=now, state="dead", last_error="no")
    open_columns().seal(now)
    with django_assert_max_num_queries(26):
        viewer.get("/")
