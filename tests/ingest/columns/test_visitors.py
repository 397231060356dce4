"""Visitors who turn out to be users: history, profile and memberships move, once and for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cohorts import membership
from cohorts.models import Cohort
from cohorts.refresh import refresh_cohorts
from ingest.columns import open_columns
from ingest.erase import erase_customer
from ingest.models import Customer, CustomerKind, Event
from ingest.parse import PARSERS
from ingest.record import record
from tests.factories import make_cohort

pytestmark = pytest.mark.django_db(transaction=True)
MINUTES = timedelta(minutes=15)
CLICKED = {"performed": {"type": "action", "action_name": ["Clicked"]}, "at_least": 2, "within": {"last": "7d"}}


def send(at: datetime, **items) -> None:
    """Record items one after the other, as the collector would at that time."""
    for kind, item in items.items():
        record([PARSERS[kind](item, at)])


def click(**values) -> dict:
    return {"action_name": "Clicked", **values}


def cycle(cohort: Cohort, at: datetime) -> set[str]:
    """Seal and evaluate; the ids of the members then."""
    open_columns().seal(at)
    refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], at)
    return set(Customer.objects.filter(pk__in=membership.members(cohort)).values_list("external_id", flat=True))


def users_at(at: datetime) -> set[str]:
    with open_columns().snapshot(at) as snapshot:
        ids = snapshot.universe(CustomerKind.USER)
    return set(Customer.objects.filter(pk__in=ids).values_list("external_id", flat=True))


def test_a_merge_moves_history_profile_and_membership(each_engine, now):
    cohort = make_cohort(criteria={"version": 1, "match": CLICKED})
    visit = {"anonymous_id": "a1", "campaign": {"utm_source": "ads"}, "metadata": {"plan": "free", "lang": "de"}}
    send(now - 3 * MINUTES, user=visit, action=click(anonymous_id="a1", company_id="acme"))
    send(now - 3 * MINUTES, action=click(anonymous_id="a1"))
    assert cycle(cohort, now - 2 * MINUTES) == {"a1"}
    identified = {"anonymous_id": "a1", "user_id": "ann", "campaign": {"utm_source": "mail", "utm_term": "x"}}
    send(now - MINUTES, user={**identified, "metadata": {"plan": "pro"}})
    assert cycle(cohort, now) == {"ann"}
    told = [(each.customer.external_id, each.change, each.reason, each.because) for each in cohort.changes.all()]
    assert ("a1", "removed", "profile", ["The visitor turned out to be the user ann"]) in told
    assert [(who, change, reason) for who, change, reason, _ in told if who == "ann"] == [("ann", "added", "profile")]
    ann = Customer.objects.get(external_id="ann")
    assert ann.profile["metadata"] == {"plan": "pro", "lang": "de"}
    assert ann.profile["campaign"] == {"utm_source": "ads", "utm_term": "x"}
    assert users_at(now) == {"ann"}
    assert users_at(now - 2 * MINUTES) == {"a1"}, "the past is as it was known then"
    with open_columns().snapshot(now) as snapshot:
        [seen] = snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()
        assert seen["first_seen_time"] == (now - 3 * MINUTES).replace(tzinfo=None)
        assert set(snapshot.companies_of(snapshot.universe(CustomerKind.USER))) == {ann.pk}


def test_what_comes_later_under_the_anonymous_id_is_the_users(each_engine, now):
    send(now - MINUTES, user={"anonymous_id": "a1", "user_id": "ann"})
    send(now, action=click(anonymous_id="a1"), user={"anonymous_id": "a1", "metadata": {"plan": "pro"}})
    open_columns().seal(now)
    assert users_at(now) == {"ann"}
    ann = Customer.objects.get(external_id="ann")
    assert ann.profile["metadata"] == {"plan": "pro"}
    with open_columns().snapshot(now) as snapshot:
        [seen] = snapshot.rows(snapshot.activity(CustomerKind.USER)).to_pylist()
    assert (seen["customer"], seen["last_seen_time"]) == (ann.pk, now.replace(tzinfo=None))


def test_a_company_known_of_the_visitor_becomes_that_of_the_user(now):
    send(now - MINUTES, user={"anonymous_id": "a1", "company_id": "acme"})
    send(now, user={"anonymous_id": "a1", "user_id": "ann"})
    assert Customer.objects.get(external_id="ann").company.external_id == "acme"


def test_a_visitor_is_merged_once_and_users_never(now):
    send(now, user={"anonymous_id": "a1", "user_id": "ann"})
    send(now, user={"anonymous_id": "a1", "user_id": "bob"})
    send(now, user={"user_id": "cyd", "metadata": {"plan": "pro"}})
    send(now, user={"anonymous_id": "cyd", "user_id": "ann"})
    merged = Customer.objects.filter(merged_into__isnull=False)
    assert list(merged.values_list("external_id", "merged_into__external_id")) == [("a1", "ann")]
    open_columns().seal(now)
    assert users_at(now) == {"ann", "bob", "cyd"}


def test_an_identification_sent_again_changes_nothing(now):
    send(now, user={"anonymous_id": "a1", "user_id": "ann", "metadata": {"plan": "pro"}})
    before = Customer.objects.get(external_id="ann").profile
    send(now, user={"anonymous_id": "a1", "user_id": "ann", "metadata": {"plan": "pro"}})
    ann = Customer.objects.get(external_id="ann")
    assert (ann.profile, ann.versions.count()) == (before, 2)


def test_erasing_the_user_erases_what_names_its_visitors(now):
    send(now - MINUTES, action=click(anonymous_id="a1"), user={"anonymous_id": "a1", "metadata": {"email": "canary"}})
    send(now, user={"anonymous_id": "a1", "user_id": "ann"})
    assert erase_customer(Customer.objects.get(external_id="ann"), now) == 1
    assert not Event.objects.exists()
    assert list(Customer.objects.values_list("profile", flat=True)) == [{}, {}]
    open_columns().seal(now)
    assert users_at(now) == set()


def test_the_page_of_a_visitor_leads_to_the_user(admin_client, now):
    send(now, user={"anonymous_id": "a1", "user_id": "ann"})
    answer = admin_client.get("/customers/user/a1/")
    assert (answer.status_code, answer["Location"]) == (302, "/customers/user/ann/")
