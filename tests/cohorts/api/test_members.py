"""Members and changes over the API: a copy of them is kept up to date."""

import pytest

from cohorts.models import Membership
from tests.factories import NOON, make_change, make_cohort, make_customer, make_membership

pytestmark = pytest.mark.django_db


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
