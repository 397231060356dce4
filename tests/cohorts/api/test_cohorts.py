"""Cohorts over the API: made, listed, edited, deleted."""

import pytest

from cohorts.models import Cohort
from tests.factories import NOON, ON_PRO, make_cohort, make_customer, make_membership

pytestmark = pytest.mark.django_db
WRONG = {"version": 1, "match": {"all": [{"field": "metadata.plan", "op": "resembles", "value": "pro"}]}}


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


@pytest.mark.parametrize("depth", [9, 990])
@pytest.mark.parametrize("address", ["/api/cohorts/", "/api/cohorts/by-key/deep/"])
def test_a_document_is_refused_however_deep_it_is(api, address, depth):
    criteria = '{"version": 1, "match": ' + '{"not": ' * depth + "{}" + "}" * (depth + 1)
    body = f'{{"name": "Deep", "cohort_type": "user", "criteria": {criteria}}}'
    send = api.put if "by-key" in address else api.post

    answer = send(address, body, content_type="application/json")

    assert answer.status_code == 400
    assert not Cohort.objects.exists()
