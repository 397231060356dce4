"""The page of one cohort and its tabs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cohorts.models import Cohort
from cohorts.refresh import evaluate_now
from ingest.columns import open_columns
from ingest.models import Customer, Segment
from tests.factories import (
    ON_PRO,
    add_version,
    make_batch,
    make_change,
    make_cohort,
    make_company,
    make_customer,
    make_evaluation,
    make_event,
    make_membership,
    make_subscription,
    make_user,
)

pytestmark = pytest.mark.django_db
TABS = ["", "history/", "changes/", "evaluations/", "notifications/"]


@pytest.fixture
def cohort():
    """Evaluated twice: ann was there from the beginning, bob came, cat left again."""
    now = timezone.now()
    before = now - timedelta(hours=2)
    acme = make_company("acme", before, metadata={"name": "Acme"})
    make_user("ann", before, acme, metadata={"plan": "pro", "email": "ann@example.com"})
    cat = make_user("cat", before, metadata={"plan": "pro"})
    cohort = make_cohort(name="On pro", criteria=ON_PRO, time_zone="Europe/Berlin")
    evaluate_now([cohort], now - timedelta(hours=1))
    make_user("bob", now - timedelta(minutes=30), metadata={"plan": "pro", "name": "Bob"})
    add_version(cat, now - timedelta(minutes=30), metadata={"plan": "free"})
    evaluate_now([Cohort.objects.get()], now - timedelta(minutes=5))
    return Cohort.objects.get()


def page(client, cohort, tab="", **parameters):
    return client.get(f"/cohorts/{cohort.pk}/{tab}", parameters).content.decode()


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("role", ["Viewer", "Administrator"])
def test_every_tab_can_be_read_by_everybody(client_as, cohort, role, tab):
    answer = client_as(role).get(f"/cohorts/{cohort.pk}/{tab}")
    assert answer.status_code == 200
    assert "Metadata.plan is pro" in answer.content.decode()


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_stands_without_anything_to_show(client_as, tab):
    answer = client_as("Analyst").get(f"/cohorts/{make_cohort().pk}/{tab}")
    assert answer.status_code == 200
    assert "yet" in answer.content.decode()


def test_a_cohort_that_is_not_there_is_not_found(client_as):
    assert client_as("Viewer").get("/cohorts/00000000-0000-0000-0000-000000000000/").status_code == 404


def test_members_are_shown_with_since_when_and_why(client_as, cohort):
    html = page(client_as("Viewer"), cohort)
    assert html.index("bob") < html.index("ann@example.com")
    assert "metadata.plan" in html.split("bob", 1)[1]
    assert 'title="an attribute changed"' in html
    assert "since the first evaluation" in html
    assert "cat" not in html.split('id="members"')[1].split("</table>")[0]


def test_members_are_searched_by_id_address_or_name(client_as, cohort):
    client = client_as("Viewer")
    for search, found in (("an", "ann"), ("EXAMPLE.com", "ann"), ("Bob", "bob")):
        entries = client.get(f"/cohorts/{cohort.pk}/", {"q": search}).context["roll"].page.rows
        assert [entry.customer.external_id for entry in entries] == [found], search
    assert "No member matches" in page(client, cohort, q="cat")


def test_the_page_does_not_depend_on_the_columns(client_as, cohort):
    Segment.objects.update(checksum="0" * 64, stamp="")
    client = client_as("Viewer")
    for tab in TABS:
        assert client.get(f"/cohorts/{cohort.pk}/{tab}", {"q": "ann"}).status_code == 200


def test_the_log_of_changes_is_filtered(client_as, cohort):
    client = client_as("Viewer")

    def shown(**parameters):
        changes = client.get(f"/cohorts/{cohort.pk}/changes/", parameters).context["log"].changes
        return [(change.customer.external_id, change.change) for change in changes]

    assert set(shown()) == {("bob", "added"), ("cat", "removed")}
    assert shown(change="removed") == [("cat", "removed")]
    assert shown(reason="profile", q="bob") == [("bob", "added")]
    assert shown(reason="time") == []
    assert len(shown(change="sideways", reason="whim")) == 2


def test_the_log_goes_on_from_a_cursor(client_as):
    cohort = make_cohort()
    for number in range(51):
        make_change(cohort, version=2 + number)
    client = client_as("Viewer")

    first = client.get(f"/cohorts/{cohort.pk}/changes/")
    second = client.get(f"/cohorts/{cohort.pk}/changes/", {"before": first.context["older"]})

    assert [len(answer.context["log"].changes) for answer in (first, second)] == [50, 1]
    assert "Older" in first.content.decode()
    assert "Older" not in second.content.decode()
    assert "begin with the newest" in page(client, cohort, "changes/", before="made-up")


def test_evaluations_show_what_they_did_and_what_went_wrong(client_as):
    cohort = make_cohort()
    make_evaluation(cohort, added=3, removed=1, duration=timedelta(milliseconds=240))
    make_evaluation(cohort, baseline=True, definition_version=2)
    make_evaluation(cohort, error="The disk is full", members=None)
    client = client_as("Viewer")

    html = page(client, cohort, "evaluations/")
    for words in ("+3", "−1", "240 ms", "started in silence", "The disk is full", "Version 2 of the criteria"):
        assert words in html
    assert len(client.get(f"/cohorts/{cohort.pk}/evaluations/", {"show": "failed"}).context["page"].rows) == 1
    assert len(client.get(f"/cohorts/{cohort.pk}/evaluations/", {"show": "moves"}).context["page"].rows) == 2


def test_history_can_show_a_week_or_a_quarter(client_as, cohort):
    client = client_as("Viewer")
    for days, bars in ((7, 7), (30, 30), (90, 90), ("12", 30)):
        history = client.get(f"/cohorts/{cohort.pk}/history/", {"days": days}).context["history"]
        assert len(history.moves["times"]) == bars


def test_notifications_show_who_is_told_and_what_was_sent(client_as):
    subscription = make_subscription()
    make_batch(subscription, sequence=7)
    html = page(client_as("Viewer"), subscription.cohort, "notifications/")
    assert subscription.channel.name in html
    assert "batch 7" in html


def test_cohorts_that_use_it_are_named(client_as):
    cohort = make_cohort(evaluated_at=timezone.now())
    make_cohort(name="Built on it", criteria={"version": 1, "match": {"cohort": str(cohort.pk)}})
    assert "Built on it" in page(client_as("Viewer"), cohort)


def test_a_broken_cohort_says_so_and_what_to_do(client_as, cohort):
    Cohort.objects.update(
        error="The criteria are not valid: match: gone", criteria={"version": 1}, attempted_at=timezone.now()
    )
    html = page(client_as("Viewer"), cohort)
    assert "The last evaluation failed" in html
    assert "match: gone" in html
    assert "Edit the criteria: from then on it is evaluated again." in html


def test_only_who_may_sees_the_controls(client_as, cohort):
    for role, may in (("Viewer", False), ("Analyst", True)):
        html = page(client_as(role), cohort)
        for control in ("Edit criteria", "Evaluate now", "Notify a channel", "Delete…"):
            assert (control in html) is may, (role, control)


def test_a_full_page_takes_as_many_queries_as_a_short_one(
    client_as, django_assert_num_queries, django_assert_max_num_queries
):
    def fill(cohort, members):
        customers = [make_customer(company=make_customer(kind="company")) for _ in range(members)]
        make_membership(cohort, *customers)
        make_membership(cohort, *customers, version=2)
        for customer in customers:
            make_change(cohort, customer)
        make_evaluation(cohort, added=members)

    client = client_as("Analyst")
    small, large = make_cohort(evaluated_at=timezone.now()), make_cohort(evaluated_at=timezone.now())
    fill(small, 1)
    fill(large, 60)
    for tab in ("", "changes/", "evaluations/", "history/"):
        with django_assert_max_num_queries(18) as few:
            page(client, small, tab)
        with django_assert_num_queries(len(few)):
            page(client, large, tab)


def test_hostile_data_is_shown_harmless(client_as):
    hostile = "<script>alert(1)</script> {{7*7}} \u202egnp.exe" + "x" * 100
    user = make_user(hostile, metadata={"plan": "pro", "email": "<img src=x>", "name": hostile * 20})
    cohort = make_cohort(name=hostile, description=hostile, evaluated_at=timezone.now())
    make_membership(cohort, user)
    make_change(cohort, user, because=[hostile])
    open_columns().seal(timezone.now())
    client = client_as("Administrator")
    for tab in TABS:
        html = page(client, cohort, tab)
        assert "<script>alert(1)" not in html
        assert "<img src=x" not in html
        assert "\u202e" not in html


def test_the_events_that_did_it_stand_below_the_reason(client_as, cohort):
    sentence = "API Call: 1 time today (at least 1)"
    event = {"id": "t-77", "time": "2026-03-02T12:14:00Z", "what": "POST /<b> -> 400"}
    evidence = {"path": "match", "sentence": sentence, "events": [event]}
    make_change(cohort, because=[sentence], evidence=[evidence])
    html = page(client_as("Viewer"), cohort, "changes/")
    assert "POST /&lt;b&gt; -&gt; 400" in html
    assert "t-77" in html
    assert "2 Mar 2026, 13:14" in html, "in the cohort's time zone"


def test_members_are_told_when_they_leave_by_themselves(client_as, cohort):
    client, now = client_as("Viewer"), timezone.now()
    seen = {"version": 1, "match": {"field": "last_seen_time", "op": "on", "value": {"last": "2d"}}}
    recent = make_cohort(criteria=seen, time_zone="Europe/Berlin")
    ann = Customer.objects.get(external_id="ann")
    make_event(ann, now - timedelta(hours=1))
    evaluate_now([recent], now)
    assert f"/cohorts/{recent.pk}/outlook/?of={ann.pk}" in page(client, recent)
    told = page(client, recent, "outlook/", of=f"{ann.pk},77,nonsense")
    assert f"innerHTML:#ends-{ann.pk}" in told
    assert "Leaves on" in told
    assert "ends-77" not in told
    assert "Stays 90 days and longer" in page(client, cohort, "outlook/", of=str(ann.pk))
    both = client.get(f"/customers/{ann.pk}/outlook/").content.decode()
    assert (both.count("Leaves on"), both.count("Stays 90 days")) == (1, 1)
    for file in Segment.objects.all():
        file.delete()
    assert "Leaves" not in page(client, recent, "outlook/", of=str(ann.pk))
