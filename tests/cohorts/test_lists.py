"""Static lists: people and software name the members, and everybody else is told as of any change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from cohorts import membership
from cohorts.backtest.run import advance, start_backtest
from cohorts.backtest.summary import moves_of
from cohorts.feed import Cursor, read_changes
from cohorts.lists import Wish, read_ids
from cohorts.models import Cohort, MembershipChange
from cohorts.refresh import refresh_cohorts, take_effect
from cohortsite.pipeline import run_cycle
from ingest.columns import open_columns
from ingest.erase import erase_customer
from ingest.models import Customer, CustomerKind, Scope
from notifications.batching import subscribe
from notifications.models import Batch
from tests.factories import make_api_key, make_channel, make_cohort, make_person, make_user

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def listed(now):
    """An empty list, evaluated at noon, beside the users ann, bob and cid."""
    for name in ("ann", "bob", "cid"):
        make_user(name, now - MINUTE)
    open_columns().seal(now)
    cohort = make_cohort(name="VIPs", is_list=True, criteria={})
    take_effect(cohort, now)
    return cohort


def members(cohort: Cohort) -> set[str]:
    return set(Customer.objects.filter(pk__in=list(membership.members(cohort))).values_list("external_id", flat=True))


def wish(cohort: Cohort, now, **asked):
    cohort.refresh_from_db()
    by = asked.pop("by", None)
    edited = Wish(**asked).fulfil(cohort, now, by=by, note=asked.pop("note", ""))
    take_effect(cohort, now)
    return edited


def test_who_is_put_on_the_list_and_taken_off_is_told_with_the_reason(listed, now):
    subscribe(listed, make_channel("email"), now=now, period=MINUTE)
    ada = make_person(first_name="Ada", last_name="Lovelace")
    wish(listed, now + MINUTE, add=["ann", "bob"], by=ada)
    wish(listed, now + 2 * MINUTE, add=["cid"], remove=["ann"])
    assert members(listed) == {"bob", "cid"}
    changes = read_changes(listed, Cursor(version=0), 10).changes
    assert [(each.customer.external_id, each.change, each.reason, each.because) for each in changes] == [
        ("ann", "added", "profile", ["Added to the list by Ada Lovelace"]),
        ("bob", "added", "profile", ["Added to the list by Ada Lovelace"]),
        ("cid", "added", "profile", ["Added to the list"]),
        ("ann", "removed", "profile", ["Removed from the list"]),
    ]
    run_cycle(now + 3 * MINUTE)
    batch = Batch.objects.get()
    assert (batch.added, batch.removed, batch.members) == (2, 0, 2)


def test_unknown_ids_are_reported_or_made_and_erased_ones_stay_away(listed, now):
    erase_customer(Customer.objects.get(external_id="cid"), now)
    edited = wish(listed, now + MINUTE, add=["ann", "cid", "dee"], remove=["eve"])
    assert (edited.unknown, edited.erased, members(listed)) == (["dee", "eve"], ["cid"], {"ann"})
    edited = wish(listed, now + 2 * MINUTE, add=["dee"], make=True)
    assert (edited.unknown, members(listed)) == ([], {"ann", "dee"})
    open_columns().seal(now + 2 * MINUTE)
    with open_columns().snapshot(now + 2 * MINUTE) as snapshot:
        assert Customer.objects.get(external_id="dee").pk in snapshot.universe(CustomerKind.USER)


def test_erased_members_leave_and_a_list_is_never_overdue_or_moved_by_itself(listed, now):
    wish(listed, now + MINUTE, add=["ann", "bob"])
    erase_customer(Customer.objects.get(external_id="ann"), now + 2 * MINUTE)
    listed.refresh_from_db()
    [evaluation] = refresh_cohorts([listed], now + timedelta(hours=1))
    assert (evaluation.error, evaluation.removed, members(listed)) == ("", 1, {"bob"})
    assert MembershipChange.objects.get(change="removed").reason == "deleted"
    listed.refresh_from_db()
    [evaluation] = refresh_cohorts([listed], now + timedelta(hours=2))
    assert (evaluation.added, evaluation.removed) == (0, 0)


def test_a_paused_list_takes_effect_when_it_is_resumed(listed, now):
    Cohort.objects.update(paused_at=now)
    wish(listed, now + MINUTE, add=["ann"])
    assert members(listed) == set()
    Cohort.objects.update(paused_at=None)
    listed.refresh_from_db()
    refresh_cohorts([listed], now + timedelta(hours=1))
    assert members(listed) == {"ann"}


def test_other_cohorts_may_name_a_list_and_backtests_know_who_was_on_it(listed, now):
    other = make_cohort(
        criteria={"version": 1, "match": {"not": {"cohort": str(listed.pk)}}}, period=timedelta(hours=1)
    )
    refresh_cohorts([other], now)
    wish(listed, now + timedelta(minutes=90), add=["ann"])
    end = now + timedelta(days=1)
    other.refresh_from_db()
    refresh_cohorts([other], now + timedelta(hours=2))
    assert members(other) == {"bob", "cid"}
    names = ("kind", "criteria", "time_zone", "week_starts_on", "period")
    backtest = start_backtest({name: getattr(other, name) for name in names}, 1, end)
    advance(backtest.pk, end)
    ann = Customer.objects.get(external_id="ann").pk
    assert [(moves.at, list(moves.removed)) for moves in moves_of(backtest)] == [(now + timedelta(hours=2), [ann])]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("ann\nbob\n", ["ann", "bob"]),
        ("\ufeffname,user_id\nAnn,ann\nBob, bob \n,\n", ["ann", "bob"]),
        ('"a,nn"\n\n\'=1+1\n', ["a,nn", "=1+1"]),
        ("company_id,user_id\nacme,ann\n", ["ann"]),
        ("", []),
    ],
)
def test_ids_are_read_from_texts_and_files(text, ids):
    assert list(read_ids(CustomerKind.USER, text.splitlines(keepends=True))) == ids


# --- API


@pytest.fixture
def api():
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ, Scope.WRITE)}")
    return client


def test_a_list_is_made_kept_and_exported_over_the_api(api):
    for name in ("ann", "bob", "=1+1"):
        make_user(name, timezone.now())
    made = api.post("/api/cohorts/", {"name": "VIPs", "cohort_type": "user", "static": True, "key": "vips"})
    assert (made.status_code, made.data["criteria"], made.data["words"]) == (
        201,
        None,
        "a list that people and software keep",
    )
    address = f"/api/cohorts/{made.data['id']}/"
    answer = api.post(f"{address}members/", {"add": ["ann", "=1+1", "dee"]})
    assert answer.data == {"added": 2, "removed": 0, "members": 2, "unknown": ["dee"], "erased": []}
    answer = api.post(f"{address}members/", {"set": ["bob", "ann", "dee"], "create_unknown": True})
    assert answer.data == {"added": 2, "removed": 1, "members": 3, "unknown": [], "erased": []}
    lines = b"".join(api.get(f"{address}members/csv/").streaming_content).decode().splitlines()
    assert lines[0] == "user_id,company_id,email,name,since"
    assert [line.split(",")[0] for line in lines[1:]] == ["ann", "bob", "dee"]
    lines = b"".join(api.get(f"{address}changes/csv/").streaming_content).decode().splitlines()
    assert lines[0] == "changed_at,change,user_id,reason,because"
    assert [line.split(",")[1:] for line in lines[1:]][1] == [
        "added",
        "'=1+1",
        "profile",
        "Added to the list (API key test)",
    ]
    again = api.put("/api/cohorts/by-key/vips/", {"name": "VIPs", "cohort_type": "user", "static": True})
    assert (again.status_code, again.data["definition_version"]) == (200, 1)


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"name": "x", "cohort_type": "user", "static": True, "criteria": {"version": 1}}, "criteria"),
        ({"name": "x", "cohort_type": "user"}, "criteria"),
        ({"name": "x", "cohort_type": "user", "criteria": None}, "criteria"),
    ],
)
def test_a_cohort_has_criteria_or_is_a_list(api, asked, path):
    assert [error["path"] for error in api.post("/api/cohorts/", asked).data["errors"]] == [path]


def test_only_lists_are_edited_and_only_one_way_at_once(api, listed):
    dynamic = f"/api/cohorts/{make_cohort().pk}/members/"
    assert api.post(dynamic, {"add": ["ann"]}).data["code"] == "not_static"
    answer = api.post(f"/api/cohorts/{listed.pk}/members/", {"set": ["ann"], "add": ["bob"]})
    assert [error["path"] for error in answer.data["errors"]] == ["set"]
    answer = api.patch(f"/api/cohorts/{listed.pk}/", {"static": False})
    assert [error["path"] for error in answer.data["errors"]] == ["static"]
    assert api.post("/api/backtests/", {"cohort": str(listed.pk)}).status_code == 400


# --- Pages


@pytest.fixture
def person(client):
    client.force_login(make_person(first_name="Ada"))
    return client


def test_a_list_is_made_filled_by_a_file_with_a_preview_and_emptied_in_the_browser(person):
    for name in ("ann", "bob"):
        make_user(name, timezone.now())
    answer = person.post("/users/lists/new/", {"name": "VIPs", "description": ""})
    cohort = Cohort.objects.get()
    assert answer.headers["HX-Redirect"] == f"/cohorts/{cohort.pk}/list/"
    assert person.get(f"/cohorts/{cohort.pk}/list/").status_code == 200

    def asked(**others):
        return {"what": "add", "ids": "bob", "file": SimpleUploadedFile("vips.csv", b"user_id\nann\nzoe\n"), **others}

    page = person.post(f"/cohorts/{cohort.pk}/list/preview/", asked()).content.decode()
    assert "zoe" in page
    assert "/customers/user/ann/" in page
    assert membership.members(cohort) == membership.members(make_cohort())
    answer = person.post(f"/cohorts/{cohort.pk}/list/", asked(make="on"))
    assert answer.headers["HX-Redirect"] == f"/cohorts/{cohort.pk}/"
    assert members(cohort) == {"ann", "bob", "zoe"}
    page = person.get(f"/cohorts/{cohort.pk}/").content.decode()
    assert "Added to the list by Ada (vips.csv)" in page
    person.post(f"/cohorts/{cohort.pk}/list/remove/", {"id": "ann"})
    assert members(cohort) == {"bob", "zoe"}
    person.post(f"/cohorts/{cohort.pk}/list/", {"what": "replace", "ids": "ann"})
    assert members(cohort) == {"ann"}


def test_an_edit_without_ids_is_refused(person, listed):
    answer = person.post(f"/cohorts/{listed.pk}/list/", {"what": "add", "ids": " \n"})
    assert answer.status_code == 422
    assert "There are no ids yet" in answer.content.decode()


@pytest.mark.parametrize("tab", ["", "history/", "changes/", "evaluations/", "notifications/", "details/"])
def test_the_pages_of_a_list_work(person, listed, tab):
    assert person.get(f"/cohorts/{listed.pk}/{tab}").status_code == 200


@pytest.mark.parametrize("page", ["edit/", "backtest/", "duplicate/"])
def test_what_needs_criteria_is_not_there_for_a_list(person, listed, page):
    assert person.get(f"/cohorts/{listed.pk}/{page}").status_code == 404
    assert f"/cohorts/{listed.pk}/{page}" not in person.get(f"/cohorts/{listed.pk}/").content.decode()


def test_members_and_changes_of_any_cohort_are_exported(person, listed, now):
    wish(listed, now + MINUTE, add=["ann"])
    lines = b"".join(person.get(f"/cohorts/{listed.pk}/members.csv").streaming_content).decode().splitlines()
    assert lines[1] == "ann,,,,2026-03-02T12:01:00Z"
    lines = b"".join(person.get(f"/cohorts/{listed.pk}/changes.csv").streaming_content).decode().splitlines()
    assert lines[1] == "2026-03-02T12:01:00Z,added,ann,profile,Added to the list"
