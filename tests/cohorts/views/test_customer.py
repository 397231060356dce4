"""The page of one customer."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from cohorts.models import Baseline
from ingest.columns import open_columns
from ingest.models import Customer, Event, Segment
from tests.factories import (
    add_version,
    make_change,
    make_cohort,
    make_company,
    make_event,
    make_membership,
    make_person,
    make_user,
    name_customer,
)

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
NOW = timezone.now()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def page(customer: Customer, **query: str) -> tuple[str, dict[str, str]]:
    return f"/customers/{customer.kind}/{quote(customer.external_id, safe='')}/", query


def text_of(answer) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def viewer(client):
    person = make_person(staff=False, superuser=False)
    person.groups.add(Group.objects.get(name="Viewer"))
    client.force_login(person)
    return client


@pytest.fixture
def boss(client):
    client.force_login(make_person())
    return client


def call(user, at, status=200, route="/orders/:id", **values):
    request = {"verb": "POST", "route": route, "uri": "https://api.example.com" + route}
    return make_event(user, at, request=request, response={"status": status}, duration_ms=120, **values)


def order_of(text: str, *words: str) -> list[int]:
    places = [text.find(word) for word in words]
    assert -1 not in places, dict(zip(words, places, strict=True))
    return places


@pytest.mark.parametrize(
    "external_id", ["a/b", "/", "two words", "quo\"te's", "ünïcode 客户", "50%", "q?x=1#y", "a//b/", "<b>", "{{ 7*7 }}"]
)
def test_any_id_has_a_page_at_the_address_that_notifications_give(viewer, external_id):
    user = make_user(external_id)
    answer = viewer.get(*page(user))
    assert answer.status_code == 200
    assert answer.context["customer"] == user


def test_a_link_made_from_the_id_leads_to_the_same_page(viewer):
    user = make_user("a/b c%2F?x")
    assert viewer.get(reverse("customer", args=["user", user.external_id])).context["customer"] == user


def test_an_unknown_customer_has_a_page_that_says_so(viewer):
    answer = viewer.get("/customers/user/nobody/")
    assert answer.status_code == 404
    assert "No user has this id" in answer.content.decode()
    make_user("nobody-else")
    assert viewer.get("/customers/company/nobody-else/").status_code == 404


def test_a_customer_known_by_an_event_alone_has_a_page(viewer):
    user = name_customer("user", "ann", NOW - DAY)
    call(user, NOW - HOUR, route="/only")
    assert "/only" in text_of(viewer.get(*page(user)))
    assert "Nothing yet" in text_of(viewer.get(*page(name_customer("company", "acme"))))


def test_an_erased_customer_says_when_and_nothing_else(viewer):
    user = make_user("ann", metadata={"email": "ann@example.com"})
    Customer.objects.filter(pk=user.pk).update(erased_at=NOW)
    answer = viewer.get(*page(user))
    assert answer.status_code == 404
    assert "This user was erased" in answer.content.decode()
    assert "ann@example.com" not in answer.content.decode()
    assert viewer.get(f"/customers/{user.pk}/timeline/").status_code == 404


def test_the_profile_is_readable_and_hostile_values_are_harmless(viewer):
    metadata = {"plan": "pro", HOSTILE: HOSTILE, "billing": {"city": "Kyiv", "tags": ["a", 1]}, "rtl": "\u202egnp.exe"}
    user = make_user("ann", metadata=metadata, campaign={"utm_source": "news"}, ip_address="203.0.113.9")
    text = text_of(viewer.get(*page(user)))
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2
    for shown in ("billing.city", "Kyiv", "[&quot;a&quot;, 1]", "utm_source", "203.0.113.9", "\\u202egnp.exe"):
        assert shown in text, shown
    assert "\u202e" not in text


def test_a_long_value_is_cut_and_can_be_seen_whole(viewer):
    user = make_user("ann", metadata={"note": "x" * 5_000})
    text = text_of(viewer.get(*page(user)))
    assert "Show all 5,000 characters" in text
    assert "x" * 5_000 in text


def test_the_timeline_merges_what_was_done_said_and_decided(viewer):
    user = make_user("ann", NOW - 5 * HOUR, metadata={"plan": "free"})
    call(user, NOW - 4 * HOUR, status=400, route="/first")
    cohort = make_cohort(name="Stuck")
    make_change(cohort, user, changed_at=NOW - 3 * HOUR, because=["API Call: 1 time today (at least 1)"])
    add_version(user, NOW - 2 * HOUR, metadata={"plan": "pro"})
    make_event(user, NOW - HOUR, type="action", action_name="Signed Up")
    open_columns().seal(NOW)
    text = text_of(viewer.get(*page(user)))
    timeline = text[text.index('id="timeline-title"') :]
    places = order_of(timeline, "Signed Up", "Profile changed", "Joined", "API Call: 1 time today", "/first")
    assert places == sorted(places)
    assert "<s>free</s>" in timeline
    assert "Profile given" in timeline


@pytest.mark.parametrize("sealed", [True, False])
def test_an_event_stands_there_once_whether_or_not_it_is_sealed(viewer, sealed):
    user = make_user("ann", NOW - DAY)
    call(user, NOW - HOUR, route="/only")
    call(make_user("bob", NOW - DAY), NOW - HOUR, route="/of-another")
    if sealed:
        open_columns().seal(NOW)
    text = text_of(viewer.get(*page(user)))
    assert text.count('class="route">/only<') == 1
    assert "/of-another" not in text


@pytest.mark.parametrize(
    ("show", "expected"),
    [("calls", {"/call"}), ("actions", {"Clicked"}), ("cohorts", {"Joined"}), ("profile", {"given"})],
)
def test_the_timeline_shows_one_type_alone(viewer, show, expected):
    user = make_user("ann", NOW - DAY)
    call(user, NOW - HOUR, route="/call")
    make_event(user, NOW - HOUR, type="action", action_name="Clicked")
    make_change(customer=user, changed_at=NOW - HOUR)
    text = text_of(viewer.get(f"/customers/{user.pk}/timeline/", {"show": show}))
    entries = text[text.index("<ol") :]
    assert {word for word in ("/call", "Clicked", "Joined", "given") if word in entries} == expected


def test_the_timeline_is_read_to_its_end_by_parts_without_loss_or_repetition(viewer):
    user = make_user("ann", NOW - DAY)
    cohort = make_cohort()
    for number in range(70):
        call(user, NOW - HOUR - timedelta(seconds=number // 3), route=f"/call-{number}-")
    for number in range(30):
        make_change(cohort, user, version=number + 2, changed_at=NOW - HOUR - timedelta(seconds=number // 3))
    open_columns().seal(NOW)
    for number in range(70, 90):
        call(user, NOW - HOUR - timedelta(seconds=number // 3), route=f"/call-{number}-")
    address, seen, parts = f"/customers/{user.pk}/timeline/", [], 0
    answer = viewer.get(address)
    while True:
        entries = answer.context["timeline"].entries
        seen += [(entry.kind, entry.place.row) for entry in entries]
        parts += 1
        if not answer.context["timeline"].next:
            break
        answer = viewer.get(address, {"after": answer.context["timeline"].next})
    assert parts == 3
    assert len(seen) == len(set(seen)) == 90 + 30 + 1
    times = [entry for entry in seen if entry[0] == "event"]
    assert set(times) == {("event", pk) for pk in Event.objects.values_list("pk", flat=True)}


@pytest.mark.parametrize("place", ["x", "AAAA", "é", "MjAyNi0wMS0wMSAwIC0x"])
def test_a_made_up_place_in_the_timeline_is_refused(viewer, place):
    user = make_user("ann")
    assert viewer.get(f"/customers/{user.pk}/timeline/", {"after": place}).status_code == 404


def test_the_timeline_of_a_company_holds_the_events_of_its_users(viewer):
    acme = make_company("acme", NOW - DAY)
    ann = make_user("ann", NOW - DAY, acme)
    call(ann, NOW - 2 * HOUR, route="/by-ann")
    open_columns().seal(NOW)
    call(ann, NOW - HOUR, route="/fresh-by-ann")
    call(make_user("eve", NOW - DAY), NOW - HOUR, route="/by-a-stranger")
    text = text_of(viewer.get(*page(acme)))
    assert "/by-ann" in text
    assert "/fresh-by-ann" in text
    assert "by ann" in text
    assert "/by-a-stranger" not in text


def test_users_of_a_company_are_paged(viewer):
    acme = make_company("acme")
    for number in range(12):
        make_user(f"user-{number:02}", company=acme)
    first, second = (text_of(viewer.get(*page(acme, page=number))) for number in "12")
    assert "user-11" in first
    assert "user-01<" not in first
    assert "user-01" in second
    assert viewer.get(*page(acme)).context["users"].has_next


def test_a_user_leads_to_its_company_and_back(viewer):
    acme = make_company("ac/me", metadata={"name": "Acme & Sons"})
    ann = make_user("ann", company=acme)
    text = text_of(viewer.get(*page(ann)))
    assert 'href="/customers/company/ac/me/">Acme &amp; Sons</a>' in text
    assert 'href="/customers/user/ann/"' in text_of(viewer.get(*page(acme)))


def test_the_chart_counts_each_day_by_weight_and_what_failed(viewer):
    user = make_user("ann", NOW - 40 * DAY)
    call(user, NOW - 2 * DAY, weight=10)
    call(user, NOW - 2 * DAY, status=500)
    call(user, NOW - 35 * DAY)
    open_columns().seal(NOW)
    chart = viewer.get(*page(user)).context["chart"]
    assert len(chart["times"]) == 30
    day = chart["times"].index(int((NOW - 2 * DAY).timestamp()) // 86_400 * 86_400)
    assert [series["values"][day] for series in chart["series"]] == [11, 1]
    assert sum(chart["series"][0]["values"]) == 11
    longer = viewer.get(f"/customers/{user.pk}/activity/", {"days": "90"}).context["chart"]
    assert sum(longer["series"][0]["values"]) == 12


def test_first_and_last_seen_are_those_of_its_events(viewer):
    user = make_user("ann", NOW - 40 * DAY)
    call(user, NOW - 3 * DAY)
    call(user, NOW - 2 * HOUR)
    open_columns().seal(NOW)
    activity = viewer.get(*page(user)).context["activity"]
    assert (activity.first_seen, activity.last_seen) == (NOW - 3 * DAY, NOW - 2 * HOUR)


def test_cohorts_now_and_before_tell_when_and_why(viewer):
    user = make_user("ann")
    now, before = make_cohort(name="In it"), make_cohort(name="Was in it")
    make_membership(now)
    make_membership(before)
    make_change(now, user, changed_at=NOW - DAY, because=["Because of now"])
    make_membership(now, user, version=2)
    make_change(before, user, changed_at=NOW - 3 * DAY, because=["Because it came"])
    make_change(
        before, user, version=3, change="removed", changed_at=NOW - 2 * DAY, because=["Because it went"], reason="time"
    )
    stays = viewer.get(*page(user)).context["stays"]
    [stay] = stays.now
    assert (stay.cohort, stay.since, stay.joined.because) == (now, NOW - DAY, ["Because of now"])
    [past] = stays.before
    assert (past.cohort, past.since, past.until) == (before, NOW - 3 * DAY, NOW - 2 * DAY)
    text = text_of(viewer.get(*page(user)))
    order_of(text, "In it", "Because of now", "Was in it", "Because it came", "Because it went")


def test_a_member_of_the_baseline_and_one_who_was_left_out_by_a_silent_edit(viewer):
    user = make_user("ann")
    baseline, edited = make_cohort(name="From the start"), make_cohort(name="Edited")
    make_membership(baseline, user)
    make_membership(edited)
    make_change(edited, user, changed_at=NOW - 3 * DAY)
    Baseline.objects.create(cohort=edited, version=3, as_of=NOW - DAY, members=b"")
    make_membership(edited, version=3)
    empty = Baseline.objects.get(cohort=edited, version=1).members
    Baseline.objects.filter(cohort=edited, version=3).update(members=empty)
    stays = viewer.get(*page(user)).context["stays"]
    assert [(stay.cohort, stay.since) for stay in stays.now] == [(baseline, None)]
    assert [(stay.cohort, stay.since, stay.until, stay.left) for stay in stays.before] == [
        (edited, NOW - 3 * DAY, NOW - DAY, None)
    ]


def test_an_opened_event_shows_all_that_is_kept_of_it(viewer):
    user = make_user("ann/1")
    event = call(user, NOW - HOUR, metadata={"region": HOSTILE})
    text = text_of(viewer.get(f"/events/{event.pk}/"))
    assert 'href="/customers/user/ann/1/"' in text
    assert "json-key" in text
    assert HOSTILE not in text
    assert viewer.get("/events/0/").status_code == 404


def test_damaged_columns_leave_a_page_that_says_what_is_missing(viewer):
    user = make_user("ann", NOW - DAY, metadata={"plan": "pro"})
    call(user, NOW - HOUR)
    open_columns().seal(NOW)
    Segment.objects.update(checksum="0", stamp="0")
    for segment in Segment.objects.exclude(file=""):
        (open_columns().engine.directory / segment.file).unlink()
    text = text_of(viewer.get(*page(user)))
    assert "cannot be counted now" in text
    assert "rebuild_columns" in text
    assert "Profile given" in text


def test_erasing_asks_for_the_id_and_then_forgets_the_customer(boss):
    user = make_user("ann", metadata={"email": "ann@example.com"})
    call(user, NOW - HOUR)
    address = f"/customers/{user.pk}/erase/"
    assert "Type its id" in boss.get(address).content.decode()
    assert boss.post(address, {"external_id": "bob"}).status_code == 422
    assert Event.objects.exists()
    answer = boss.post(address, {"external_id": "ann"})
    assert answer["HX-Redirect"] == "/users/"
    assert not Event.objects.exists()
    assert boss.get(*page(user)).status_code == 404
    assert boss.get(address).status_code == 404


def test_only_who_may_delete_customers_is_offered_to_erase(viewer):
    user = make_user("ann")
    assert "erase" not in text_of(viewer.get(*page(user))).lower()
    assert viewer.get(f"/customers/{user.pk}/erase/").status_code == 403
    assert viewer.post(f"/customers/{user.pk}/erase/", {"external_id": "ann"}).status_code == 403
    assert Customer.objects.get(pk=user.pk).erased_at is None


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_asks_the_database_no_more_for_more(viewer, count, django_assert_max_num_queries):
    acme = make_company("acme")
    for number in range(count):
        user = make_user(f"user{number}", NOW - DAY, acme)
        call(user, NOW - HOUR)
        cohort = make_cohort(kind="company")
        make_membership(cohort)
        make_change(cohort, acme, changed_at=NOW - DAY)
        make_membership(cohort, acme, version=2)
    open_columns().seal(NOW)
    with django_assert_max_num_queries(29):
        viewer.get(*page(acme))
