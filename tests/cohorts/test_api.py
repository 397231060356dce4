"""The management API of cohorts and customers."""

from datetime import timedelta
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from cohorts.models import Cohort, Membership
from cohorts.refresh import evaluate_now
from ingest.columns import open_columns
from ingest.models import Scope
from tests.factories import (
    NOON,
    ON_PRO,
    make_api_key,
    make_change,
    make_cohort,
    make_customer,
    make_event,
    make_membership,
    make_person,
    make_user,
)

pytestmark = pytest.mark.django_db
WRONG = {"version": 1, "match": {"all": [{"field": "metadata.plan", "op": "resembles", "value": "pro"}]}}


@pytest.fixture
def api():
    """A client whose key may read and write."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ, Scope.WRITE)}")
    return client


def test_a_cohort_is_created_and_read_back(api):
    given = {
        "name": "On pro",
        "cohort_type": "user",
        "criteria": ON_PRO,
        "time_zone": "Europe/Berlin",
        "week_starts_on": 7,
        "period": "1h",
        "key": "on-pro",
    }

    answer = api.post("/api/cohorts/", given)

    assert answer.status_code == 201
    created = answer.json()
    assert {name: created[name] for name in given} == given
    assert created["words"]
    assert (created["paused"], created["members"], created["evaluated_at"], created["error"]) == (
        False,
        None,
        None,
        None,
    )
    assert api.get(f"/api/cohorts/{created['id']}/").json() == created


def test_left_out_settings_have_their_defaults(api):
    created = api.post("/api/cohorts/", {"name": "x", "cohort_type": "company", "criteria": ON_PRO}).json()

    assert (created["time_zone"], created["week_starts_on"], created["period"], created["key"]) == (
        "UTC",
        1,
        "15m",
        None,
    )


def test_a_fault_in_the_criteria_is_answered_with_its_path(api):
    answer = api.post("/api/cohorts/", {"name": "x", "cohort_type": "user", "criteria": WRONG})

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["path"] for error in answer.json()["errors"]] == ["criteria.match.all[0].op"]
    assert not Cohort.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", None),
        ("name", "x" * 201),
        ("cohort_type", "robot"),
        ("criteria", None),
        ("criteria", "{}"),
        ("criteria", []),
        ("time_zone", "Mars/Olympus"),
        ("time_zone", "../../etc/passwd"),
        ("week_starts_on", 8),
        ("week_starts_on", "Monday"),
        ("period", "30s"),
        ("period", "2d"),
        ("period", "900"),
        ("period", 900),
        ("period", "999999999999w"),
        ("key", "with space"),
        ("paused", "perhaps"),
        ("tiem_zone", "UTC"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(api, field, value):
    given = {"name": "x", "cohort_type": "user", "criteria": ON_PRO, field: value}

    answer = api.post("/api/cohorts/", given)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert [error["path"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "7", '{"name": NaN}', "[" * 100_000, '"\ud800"', '{"name": 1, "name": 2}']
)
def test_a_body_that_is_no_object_is_refused(api, body):
    answer = api.post("/api/cohorts/", body.encode("utf-8", "surrogatepass"), content_type="application/json")

    assert answer.status_code == 400


def test_the_same_request_with_the_same_key_makes_one_cohort(api):
    given = {"name": "x", "cohort_type": "user", "criteria": ON_PRO, "key": "pro"}

    first, again = api.post("/api/cohorts/", given), api.post("/api/cohorts/", given)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


def test_another_cohort_with_a_taken_key_is_refused(api):
    make_cohort(key="pro")

    created = api.post("/api/cohorts/", {"name": "other", "cohort_type": "user", "criteria": ON_PRO, "key": "pro"})
    renamed = api.patch(f"/api/cohorts/{make_cohort().pk}/", {"key": "pro"})

    assert [(answer.status_code, answer.json()["code"]) for answer in (created, renamed)] == [(409, "key_taken")] * 2


def test_cohorts_are_listed_and_filtered(api):
    first = make_cohort(name="Alpha", key="alpha")
    second = make_cohort(name="Beta", kind="company", paused_at=NOON)

    def listed(query):
        return {each["id"] for each in api.get(f"/api/cohorts/{query}").json()["results"]}

    assert listed("") == {str(first.pk), str(second.pk)}
    assert listed("?key=alpha") == {str(first.pk)}
    assert listed("?cohort_type=company") == {str(second.pk)}
    assert listed("?name=alp") == {str(first.pk)}
    assert listed("?paused=true") == {str(second.pk)}
    assert listed("?paused=false") == {str(first.pk)}


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_costs_the_same_queries_for_every_length(api, count, django_assert_num_queries):
    for _ in range(count):
        make_membership(make_cohort(), make_customer())
        make_customer(company=make_customer(kind="company"))

    api.get("/api/cohorts/")  # notes the use of the key, once a minute
    with django_assert_num_queries(2):
        assert len(api.get("/api/cohorts/").json()["results"]) == count
    with django_assert_num_queries(2):
        api.get("/api/customers/")


def test_renaming_leaves_the_definition_alone(api):
    cohort = make_cohort(evaluated_at=NOON)

    answer = api.patch(f"/api/cohorts/{cohort.pk}/", {"name": "New", "criteria": ON_PRO})

    assert (answer.json()["name"], answer.json()["definition_version"]) == ("New", 1)
    cohort.refresh_from_db()
    assert (cohort.name, cohort.rebaseline, cohort.evaluated_at) == ("New", False, NOON)


@pytest.mark.parametrize(("told", "rebaseline"), [({}, True), ({"tell_edit": True}, False)])
@pytest.mark.parametrize(
    "edit",
    [
        {"criteria": {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}},
        {"time_zone": "Asia/Tokyo"},
        {"week_starts_on": 3},
    ],
)
def test_an_edit_of_the_definition_is_silent_unless_it_shall_be_told(api, edit, told, rebaseline):
    cohort = make_cohort()

    answer = api.patch(f"/api/cohorts/{cohort.pk}/", {**edit, **told})

    assert answer.status_code == 200
    assert answer.json().items() >= {**edit, "definition_version": 2}.items()
    assert "tell_edit" not in answer.json()
    cohort.refresh_from_db()
    assert (cohort.definition_version, cohort.rebaseline) == (2, rebaseline)


def test_a_refused_edit_changes_nothing(api):
    cohort = make_cohort()

    answer = api.patch(f"/api/cohorts/{cohort.pk}/", {"name": "New", "criteria": WRONG})

    assert answer.status_code == 400
    assert Cohort.objects.get().name == cohort.name


def test_the_kind_of_a_cohort_stays(api):
    cohort = make_cohort()

    assert api.patch(f"/api/cohorts/{cohort.pk}/", {"cohort_type": "user"}).status_code == 200
    assert api.patch(f"/api/cohorts/{cohort.pk}/", {"cohort_type": "company"}).status_code == 400


def test_a_cohort_is_paused_resumed_and_deleted(api):
    address = f"/api/cohorts/{make_cohort().pk}/"

    assert api.patch(address, {"paused": True}).json()["paused"] is True
    since = Cohort.objects.get().paused_at
    api.patch(address, {"paused": True})
    assert Cohort.objects.get().paused_at == since
    assert api.patch(address, {"paused": False}).json()["paused"] is False
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_a_cohort_that_another_uses_is_not_deleted(api):
    cohort = make_cohort()
    criteria = {"version": 1, "match": {"not": {"cohort": str(cohort.pk)}}}
    using = make_cohort(name="Others", criteria=criteria)

    answer = api.delete(f"/api/cohorts/{cohort.pk}/")

    assert answer.status_code == 409
    assert answer.json()["code"] == "cohort_in_use"
    assert answer.json()["detail"] == "It is used by “Others”: take it out of their criteria first."
    assert answer.json()["used_by"] == [{"id": str(using.pk), "name": "Others"}]
    assert Cohort.objects.count() == 2


def test_a_cycle_of_cohorts_is_refused_with_its_path(api):
    cohort = make_cohort(name="A")
    criteria = {"version": 1, "match": {"not": {"cohort": str(cohort.pk)}}}
    using = make_cohort(name="B", criteria=criteria)
    round_about = {"version": 1, "match": {"any": [{"cohort": str(using.pk)}]}}

    answer = api.patch(f"/api/cohorts/{cohort.pk}/", {"criteria": round_about})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["path"] == "criteria.match.any[0].cohort"
    assert error["message"] == "expected no cycle: “A” uses “B” uses “A”"


def test_every_model_field_that_is_not_offered_is_refused_or_left_alone(api):
    cohort = make_cohort()
    offered = {"key", "name", "description", "criteria", "time_zone", "week_starts_on", "period"}
    for field in Cohort._meta.get_fields():
        if field.name not in offered:
            api.patch(f"/api/cohorts/{cohort.pk}/", {field.name: 99})

    assert Cohort.objects.filter(pk=cohort.pk).values().get() == {
        field.attname: getattr(cohort, field.attname) for field in Cohort._meta.concrete_fields
    }


# --- Members and changes


def test_members_are_listed_with_their_profile_and_since_when(api):
    cohort, company = make_cohort(), make_customer("acme", kind="company")
    original = make_customer("u1", metadata={"email": "u1@example.com", "name": "One", "plan": "pro"}, company=company)
    later = make_customer("u2")
    make_membership(cohort, original)
    make_membership(cohort, original, later, version=2)
    make_change(cohort, later, version=2)

    page = api.get(f"/api/cohorts/{cohort.pk}/members/").json()

    assert page["next"] is None
    assert page["results"] == [
        {
            "since": None,
            "user_id": "u1",
            "company_id": "acme",
            "email": "u1@example.com",
            "name": "One",
            "metadata": {"email": "u1@example.com", "name": "One", "plan": "pro"},
            "campaign": {},
        },
        {
            "since": "2026-03-02T12:15:00Z",
            "user_id": "u2",
            "company_id": None,
            "email": None,
            "name": None,
            "metadata": {},
            "campaign": {},
        },
    ]


def test_members_of_a_company_cohort_are_companies(api):
    cohort = make_cohort(kind="company")
    make_membership(cohort, make_customer("acme", kind="company", profile={"company_domain": "acme.example"}))

    [member] = api.get(f"/api/cohorts/{cohort.pk}/members/").json()["results"]

    assert (member["company_id"], member["company_domain"]) == ("acme", "acme.example")
    assert "user_id" not in member


def test_a_cohort_that_was_never_evaluated_has_no_members_and_an_empty_feed(api):
    cohort = make_cohort()

    page = api.get(f"/api/cohorts/{cohort.pk}/members/").json()
    feed = api.get(f"/api/cohorts/{cohort.pk}/changes/?after={page['cursor']}").json()

    assert (page["results"], feed["results"], feed["restarted"]) == ([], [], False)


def test_pages_of_members_hold_everybody_once_and_share_a_cursor(api):
    cohort = make_cohort()
    make_membership(cohort, *[make_customer(f"u{number}") for number in range(7)])

    pages, address = [], f"/api/cohorts/{cohort.pk}/members/?limit=3"
    while address:
        pages.append(api.get(address).json())
        address = pages[-1]["next"]

    assert [len(page["results"]) for page in pages] == [3, 3, 1]
    assert [each["user_id"] for page in pages for each in page["results"]] == [f"u{number}" for number in range(7)]
    assert len({page["cursor"] for page in pages}) == 1


def follow(api, cohort, members, cursor):
    """Apply the feed to a copy of the members, as a consumer would; returns the cursor after it."""
    while True:
        page = api.get(f"/api/cohorts/{cohort.pk}/changes/?limit=2&after={cursor}").json()
        assert not page["restarted"]
        for change in page["results"]:
            (members.add if change["change"] == "added" else members.discard)(change["user_id"])
        cursor = page["cursor"]
        if not page["results"]:
            return cursor


def test_pages_read_while_members_change_and_the_feed_come_to_the_same_members(api):
    cohort, people = make_cohort(), [make_customer(f"u{number}") for number in range(6)]
    make_membership(cohort, *people[:5])
    first = api.get(f"/api/cohorts/{cohort.pk}/members/?limit=2").json()
    make_membership(cohort, *people[1:4], people[5], version=2)  # u0 (seen) and u4 (not yet seen) leave, u5 joins
    for person, change in ((people[0], "removed"), (people[4], "removed"), (people[5], "added")):
        make_change(cohort, person, version=2, change=change)
    rest = api.get(first["next"]).json()
    copy = {each["user_id"] for page in (first, rest) for each in page["results"]}

    end = follow(api, cohort, copy, first["cursor"])

    assert copy == {"u1", "u2", "u3", "u5"}
    assert api.get(f"/api/cohorts/{cohort.pk}/changes/?after={end}").json() == {
        "cursor": end,
        "restarted": False,
        "results": [],
    }


def test_a_change_says_who_when_and_why(api):
    evidence = {
        "path": "match",
        "sentence": "API Call: 3 times today (at least 1)",
        "reason": "behavior",
        "value": 3,
        "threshold": "at least 1",
        "events": [{"id": "t1", "time": "2026-03-02T12:14:00Z", "what": "POST /payments -> 400"}],
    }
    change = make_change(customer=make_customer("u1"), evidence=[evidence])
    make_membership(change.cohort, change.customer, version=2)

    page = api.get(f"/api/cohorts/{change.cohort_id}/changes/").json()

    assert page["results"] == [
        {
            "id": change.pk,
            "change": "added",
            "user_id": "u1",
            "changed_at": "2026-03-02T12:15:00Z",
            "reason": "behavior",
            "because": ["API Call: 3 times today (at least 1)"],
            "evidence": [evidence],
        }
    ]


def test_a_change_with_a_smaller_id_that_is_committed_later_is_not_passed_by(api):
    cohort = make_cohort()
    make_membership(cohort)
    late = make_change(cohort, version=3)  # took its id first, is part of the later version
    early = make_change(cohort, version=2)
    Membership.objects.update(version=2)

    page = api.get(f"/api/cohorts/{cohort.pk}/changes/").json()
    Membership.objects.update(version=3)
    following = api.get(f"/api/cohorts/{cohort.pk}/changes/?after={page['cursor']}").json()

    assert [change["id"] for change in page["results"]] == [early.pk]
    assert [change["id"] for change in following["results"]] == [late.pk]


def test_the_feed_says_when_a_baseline_made_a_copy_worthless(api):
    cohort = make_cohort()
    make_membership(cohort, make_customer())
    cursor = api.get(f"/api/cohorts/{cohort.pk}/members/").json()["cursor"]
    cohort.baselines.create(version=2, as_of=NOON, members=b"")
    Membership.objects.update(version=2)

    page = api.get(f"/api/cohorts/{cohort.pk}/changes/?after={cursor}").json()
    following = api.get(f"/api/cohorts/{cohort.pk}/changes/?after={page['cursor']}").json()

    assert (page["results"], page["restarted"], following["restarted"]) == ([], True, False)


def test_a_later_baseline_without_a_member_ends_what_since_tells(api):
    cohort, person = make_cohort(), make_customer()
    make_membership(cohort, person, version=4)
    make_change(cohort, person, version=2)
    assert api.get(f"/api/cohorts/{cohort.pk}/members/").json()["results"][0]["since"] is not None

    make_membership(make_cohort(), person)
    empty = make_membership(make_cohort()).cohort.baselines.get().members
    cohort.baselines.create(version=3, as_of=NOON, members=empty)

    assert api.get(f"/api/cohorts/{cohort.pk}/members/").json()["results"][0]["since"] is None


@pytest.mark.parametrize("path", ["changes/?after=", "members/?page="])
@pytest.mark.parametrize("wrong", ["x", "é", "%00", "AAAA", "9" * 500, "MDAwMDAwMDAuOTk5OTk5OTk5OTk5OTk5OTk5OTku.1"])
def test_a_wrong_cursor_is_refused(api, path, wrong):
    answer = api.get(f"/api/cohorts/{make_cohort().pk}/{path}{wrong}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_a_cursor_of_another_cohort_or_of_a_version_to_come_is_refused(api):
    cohort, other = make_cohort(), make_cohort()
    make_membership(cohort)
    cursor = api.get(f"/api/cohorts/{cohort.pk}/members/").json()["cursor"]

    assert api.get(f"/api/cohorts/{other.pk}/changes/?after={cursor}").status_code == 400
    cohort.membership.delete()
    assert api.get(f"/api/cohorts/{cohort.pk}/changes/?after={cursor}").status_code == 400


# --- Evaluations and previews


def test_evaluating_now_seals_and_answers_with_the_counts(api):
    cohort = make_cohort()
    make_user("u1", metadata={"plan": "pro"})
    make_user("u2", metadata={"plan": "free"})

    answer = api.post(f"/api/cohorts/{cohort.pk}/evaluate/")

    assert answer.status_code == 200
    expected = {"members": 1, "baseline": True, "added": 0, "removed": 0, "error": None}
    assert answer.json().items() >= expected.items()
    assert api.get(f"/api/cohorts/{cohort.pk}/").json()["members"] == 1
    assert [each["user_id"] for each in api.get(f"/api/cohorts/{cohort.pk}/members/").json()["results"]] == ["u1"]
    assert api.get(f"/api/cohorts/{cohort.pk}/evaluations/").json()["results"] == [answer.json()]


def test_a_fault_of_an_evaluation_is_told_there_and_on_the_cohort(api):
    cohort = make_cohort(criteria=WRONG)

    fault = api.post(f"/api/cohorts/{cohort.pk}/evaluate/").json()["error"]

    assert "match.all[0].op" in fault
    told = api.get(f"/api/cohorts/{cohort.pk}/").json()
    assert (told["error"], told["words"]) == (fault, "")


def test_a_preview_counts_and_saves_nothing(api):
    pro = make_user("u1", metadata={"plan": "pro", "email": "one@example.com"})
    make_user("u2", metadata={"plan": "free"})
    evaluate_now([], NOON + timedelta(days=1))  # seals

    found = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": ON_PRO}).json()

    assert (found["count"], found["of"]) == (1, 2)
    assert found["words"] == "metadata.plan is pro"
    assert [(each["user_id"], each["email"]) for each in found["sample"]] == [(pro.external_id, "one@example.com")]
    assert not Cohort.objects.exists()


def test_a_preview_tells_how_many_each_condition_keeps(api):
    for plan, number in (("pro", 3), ("free", 2)):
        for each in range(number):
            make_user(f"{plan}{each}", metadata={"plan": plan, "n": each})
    evaluate_now([], NOON + timedelta(days=1))  # seals
    low = {"field": "metadata.n", "op": "<", "value": 1}
    nodes = [ON_PRO["match"], {"any": [low, {"field": "metadata.n", "op": "is", "value": 1}]}, {"not": low}]

    found = api.post(
        "/api/cohorts/preview/", {"cohort_type": "user", "criteria": {"version": 1, "match": {"all": nodes}}}
    ).json()

    assert [(each["path"], each["count"], each["left"]) for each in found["conditions"]] == [
        ("match.all[0]", 3, None),
        ("match.all[1]", 4, 2),
        ("match.all[1].any[0]", 2, None),
        ("match.all[1].any[1]", 2, None),
        ("match.all[2]", 3, 1),
        ("match.all[2].not", 2, None),
    ]
    assert found["conditions"][0]["words"] == "metadata.plan is pro"
    assert (found["count"], found["impact"]) == (1, None)


def test_a_preview_beside_a_saved_cohort_tells_who_would_join_and_leave(api):
    cohort = make_cohort(criteria=ON_PRO, time_zone="Asia/Kathmandu")
    for plan, number in (("pro", 2), ("free", 7)):
        for each in range(number):
            make_user(f"{plan}{each}", metadata={"plan": plan})
    evaluate_now([cohort], NOON + timedelta(days=1))
    on_free = {"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}}

    found = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk), "criteria": on_free}).json()
    as_saved = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk)}).json()

    impact = found["impact"]
    assert (found["count"], impact["members"], impact["would_add"], impact["would_remove"]) == (7, 2, 7, 2)
    assert [each["user_id"] for each in impact["removing"]] == ["pro1", "pro0"]
    assert len(impact["adding"]) == 5
    assert (as_saved["count"], as_saved["impact"]["would_add"], as_saved["impact"]["would_remove"]) == (2, 0, 0)
    assert (Cohort.objects.get().criteria, Membership.objects.get().count) == (ON_PRO, 2), "nothing is saved"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({}, "criteria"),
        ({"criteria": ON_PRO}, "cohort_type"),
        ({"cohort": "nonsense"}, "cohort"),
        ({"cohort": "00000000-0000-0000-0000-000000000000"}, "cohort"),
        ({"cohort": None, "cohort_type": "company"}, "criteria"),
    ],
)
def test_a_preview_says_what_it_lacks(api, sent, name):
    answer = api.post("/api/cohorts/preview/", sent)
    assert answer.status_code == 400
    assert name in {error["path"] for error in answer.json()["errors"]}


def test_a_preview_of_a_cohort_keeps_to_its_kind_and_makes_no_circle(api):
    cohort = make_cohort(criteria=ON_PRO)
    itself = {"version": 1, "match": {"cohort": str(cohort.pk)}}
    for sent, path in (({"cohort_type": "company"}, "cohort_type"), ({"criteria": itself}, "criteria.match.cohort")):
        answer = api.post("/api/cohorts/preview/", {"cohort": str(cohort.pk), **sent})
        assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


def test_a_preview_of_a_wrong_definition_names_the_path(api):
    answer = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": WRONG, "time_zone": "UTC"})

    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, "criteria.match.all[0].op")


def test_a_preview_over_a_damaged_copy_is_refused_and_not_empty(api, settings):
    make_user("u1", metadata={"plan": "pro"})
    evaluate_now([], NOON + timedelta(days=1))
    for file in Path(settings.EVENTS_URL.removeprefix("duckdb://")).rglob("*"):
        if file.is_file() and file.suffix in (".parquet", ".duckdb"):
            file.unlink()

    answer = api.post("/api/cohorts/preview/", {"cohort_type": "user", "criteria": ON_PRO})

    assert (answer.status_code, answer.json()["code"]) == (503, "columns_damaged")


# --- Customers


def test_customers_are_found_by_kind_id_and_email(api):
    make_customer("u1", metadata={"email": "One@example.com"})
    make_customer("acme", kind="company")
    make_customer("gone", erased_at=NOON)

    def found(query):
        results = api.get(f"/api/customers/{query}").json()["results"]
        return [each.get("user_id") or each["company_id"] for each in results]

    assert found("") == ["acme", "u1"]
    assert found("?cohort_type=user") == ["u1"]
    assert found("?user_id=u1") == ["u1"]
    assert found("?company_id=u1") == []
    assert found("?search=ACM") == ["acme"]
    assert found("?search=one@") == ["u1"]


def test_a_customer_is_told_with_when_it_was_seen(api, now):
    person = make_user("u1", now)
    for hours in (5, 3, 1):
        make_event(person, now - timedelta(hours=hours))
    open_columns().seal(now)

    told = api.get(f"/api/customers/{person.pk}/").json()

    assert (told["first_seen_time"], told["last_seen_time"]) == ("2026-03-02T07:00:00Z", "2026-03-02T11:00:00Z")


def test_a_customer_is_told_with_its_cohorts(api):
    person = make_customer("u1", metadata={"plan": "pro"})
    by_change, by_baseline, without = make_cohort(name="A"), make_cohort(name="B"), make_cohort(name="C")
    make_membership(by_change, person, version=2)
    make_change(by_change, person)
    make_membership(by_baseline, person)
    make_membership(without, make_customer())

    told = api.get(f"/api/customers/{person.pk}/").json()

    assert (told["user_id"], told["cohort_type"], told["metadata"]) == ("u1", "user", {"plan": "pro"})
    assert told["cohorts"] == [
        {"id": str(by_change.pk), "name": "A", "since": "2026-03-02T12:15:00Z"},
        {"id": str(by_baseline.pk), "name": "B", "since": None},
    ]


@pytest.mark.parametrize(
    "wrong", ["%00", "a%00b", "%ff", "é", "0", "-1", "9" * 30, "x" * 5_000, "..", "%2e%2e%2f", "cD14"]
)
@pytest.mark.parametrize(
    "address",
    [
        "cohorts/{}/",
        "cohorts/?key={}",
        "cohorts/?name={}",
        "cohorts/?paused={}",
        "cohorts/?cursor={}",
        "cohorts/?limit={}",
        "customers/{}/",
        "customers/?cursor={}",
        "customers/?search={}",
        "customers/?user_id={}",
        "cohorts/{}/members/",
    ],
)
def test_no_address_makes_the_site_fail(api, address, wrong):
    make_customer()
    make_cohort()

    assert api.get("/api/" + address.format(wrong)).status_code < 500


# --- Who may


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/api/cohorts/", Scope.READ),
        ("post", "/api/cohorts/", Scope.WRITE),
        ("patch", "/api/cohorts/ID/", Scope.WRITE),
        ("delete", "/api/cohorts/ID/", Scope.WRITE),
        ("get", "/api/cohorts/ID/members/", Scope.READ),
        ("get", "/api/cohorts/ID/changes/", Scope.READ),
        ("get", "/api/cohorts/ID/evaluations/", Scope.READ),
        ("post", "/api/cohorts/ID/evaluate/", Scope.WRITE),
        ("post", "/api/cohorts/preview/", Scope.READ),
        ("get", "/api/customers/", Scope.READ),
    ],
)
def test_a_key_needs_the_scope(method, path, scope):
    path = path.replace("ID", str(make_cohort().pk))
    others = [each for each in Scope if each != scope]

    without, wrong, right = APIClient(), APIClient(), APIClient()
    wrong.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*others)}")
    right.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(scope)}")

    assert getattr(without, method)(path).status_code == 401
    assert getattr(wrong, method)(path).status_code == 403
    assert getattr(right, method)(path).status_code not in (401, 403)


def test_a_person_needs_the_permission_of_the_model(db):
    viewer, client = make_person(superuser=False), APIClient()
    client.force_login(viewer)
    assert client.get("/api/cohorts/").status_code == 403

    boss = APIClient()
    boss.force_login(make_person())
    assert boss.get("/api/cohorts/").status_code == 200
    assert boss.post("/api/cohorts/", {"name": "x", "cohort_type": "user", "criteria": ON_PRO}).status_code == 201
