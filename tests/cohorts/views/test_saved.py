"""The lists of saved cohorts."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories import (
    make_channel,
    make_cohort,
    make_customer,
    make_evaluation,
    make_membership,
    make_subscription,
)

pytestmark = pytest.mark.django_db
USERS, COMPANIES = "/users/cohorts/", "/companies/cohorts/"


def texts(answer, tag="tr"):
    """What stands in each row, without markup."""
    rows = re.findall(rf"<{tag}>.*?</{tag}>", answer.content.decode(), re.S)
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in rows]


def shown(answer):
    return [each.cohort.name for each, _ in answer.context["listed"]]


def test_the_list_tells_of_each_cohort_how_it_is_and_who_is_told(client_as):
    now = timezone.now()
    cohort = make_cohort(name="On pro", evaluated_at=now - timedelta(minutes=3))
    make_membership(cohort, make_customer(), make_customer())
    make_evaluation(cohort, as_of=now - timedelta(hours=30), added=50)
    make_evaluation(cohort, as_of=now - timedelta(hours=20), added=4, removed=1)
    make_evaluation(cohort, as_of=now - timedelta(minutes=3), added=1)
    make_subscription(cohort=cohort, channel=make_channel(name="Growth team"))

    [_, row] = texts(client_as("Viewer").get(USERS))

    assert row.startswith("On pro Metadata.plan is pro 2 +5 −1 3 minutes ago")
    assert "Growth team" in row


def test_users_and_companies_have_lists_of_their_own(client_as):
    make_cohort(name="Some users")
    make_cohort(name="Some companies", kind="company")
    client = client_as("Viewer")

    assert shown(client.get(USERS)) == ["Some users"]
    assert shown(client.get(COMPANIES)) == ["Some companies"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"paused_at": timezone.now()}, ["paused"]),
        ({"error": "The disk is full", "attempted_at": timezone.now()}, ["failing", "The disk is full"]),
        ({"evaluated_at": timezone.now() - timedelta(hours=5)}, ["stuck"]),
        ({"created_at": timezone.now()}, ["not evaluated yet"]),
        ({"criteria": {"version": 1}}, ["The criteria are not valid"]),
    ],
)
def test_what_is_wrong_is_said_in_the_list(client_as, values, expected):
    make_cohort(**values)
    [_, row] = texts(client_as("Viewer").get(USERS))
    for words in expected:
        assert words in row


def test_the_list_is_searched_and_sorted(client_as):
    for name, members in (("alpha", 1), ("Beta", 3), ("gamma", 2)):
        make_membership(make_cohort(name=name), *(make_customer() for _ in range(members)))
    make_cohort(name="delta")
    client = client_as("Viewer")

    assert shown(client.get(USERS)) == ["alpha", "Beta", "delta", "gamma"]
    assert shown(client.get(USERS, {"sort": "-members"})) == ["Beta", "gamma", "alpha", "delta"]
    assert shown(client.get(USERS, {"sort": "nonsense"})) == ["alpha", "Beta", "delta", "gamma"]
    assert shown(client.get(USERS, {"q": "ETA"})) == ["Beta"]
    assert "No cohort has such a name" in client.get(USERS, {"q": "omega"}).content.decode()


def test_a_long_list_is_cut_into_pages(client_as):
    for number in range(31):
        make_cohort(name=f"Cohort {number:02}")
    client = client_as("Viewer")

    assert len(shown(client.get(USERS))) == 30
    assert shown(client.get(USERS, {"page": 2})) == ["Cohort 30"]


def test_thirty_cohorts_take_as_many_queries_as_one(
    client_as, django_assert_num_queries, django_assert_max_num_queries
):
    def add():
        cohort = make_cohort()
        make_membership(cohort, make_customer())
        make_evaluation(cohort, added=1)
        make_subscription(cohort=cohort)

    client = client_as("Analyst")
    add()
    with django_assert_max_num_queries(8) as one:
        client.get(USERS)
    for _ in range(29):
        add()
    with django_assert_num_queries(len(one)):
        assert len(shown(client.get(USERS))) == 30


def test_an_empty_list_says_what_to_do_next(client_as):
    analyst = client_as("Analyst").get(USERS).content.decode()
    assert "No cohorts yet" in analyst
    assert "Went quiet" in analyst or "recipe" in analyst
    viewer = client_as("Viewer").get(USERS).content.decode()
    assert "An analyst saves" in viewer
    assert "New cohort" not in viewer


def test_a_viewer_sees_no_controls(client_as):
    make_cohort()
    for role, may in (("Viewer", False), ("Analyst", True)):
        page = client_as(role).get(USERS).content.decode()
        for control in ("New cohort", "Evaluate now", "Duplicate…", "Delete…", "Pause", "Notify a channel"):
            assert (control in page) is may, (role, control)
        assert "Read members by API" in page


def test_anonymous_people_are_asked_to_log_in(client):
    assert client.get(USERS).status_code == 302


def test_hostile_names_are_shown_harmless(client_as):
    make_cohort(name="<script>alert(1)</script> {{7*7}} \u202egnp.exe", description="<b>bold</b>")
    page = client_as("Analyst").get(USERS).content.decode()
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}} \\u202egnp.exe" in page
