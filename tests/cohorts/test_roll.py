"""The roll of a cohort: who is in it, since when and why."""

from datetime import timedelta

import pytest
from pyroaring import BitMap

from cohorts.edit import edit_definition
from cohorts.models import Cohort
from cohorts.paging import PAGE_SIZE
from cohorts.refresh import evaluate_now
from cohorts.roll import read_roll
from tests.factories import ON_PRO, make_cohort, make_customer, make_membership, make_user

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
ANY_PLAN = {"version": 1, "match": {"field": "metadata.plan", "op": "exists"}}


def names(roll):
    return [entry.customer.external_id for entry in roll.page.rows]


def test_a_cohort_that_was_never_evaluated_has_no_members():
    assert read_roll(make_cohort(), None).page.rows == []


def test_the_roll_tells_since_when_and_why(now):
    cohort = make_cohort(criteria=ON_PRO)
    make_user("old", metadata={"plan": "pro"})
    evaluate_now([cohort], now)
    make_user("new", now + QUARTER, metadata={"plan": "pro"})
    evaluate_now([Cohort.objects.get()], now + QUARTER)

    roll = read_roll(cohort, None)

    new, old = roll.page.rows
    assert (new.joined.changed_at, new.joined.reason) == (now + QUARTER, "profile")
    assert (old.joined, roll.started, roll.edited) == (None, now, False)


def test_after_an_edit_in_silence_the_roll_begins_with_it(now):
    cohort = make_cohort(criteria=ON_PRO)
    make_user("ann", metadata={"plan": "free"})
    evaluate_now([cohort], now)
    edit_definition(cohort, {"criteria": ANY_PLAN}, tell=False)
    evaluate_now([Cohort.objects.get()], now + QUARTER)

    roll = read_roll(cohort, None)

    assert names(roll) == ["ann"]
    assert (roll.started, roll.edited) == (now + QUARTER, True)


def test_pages_cover_every_member_once():
    cohort = make_cohort()
    customers = [make_customer() for _ in range(2 * PAGE_SIZE + 1)]
    make_membership(cohort, *customers)

    pages = [read_roll(cohort, str(number)) for number in range(1, 5)]

    assert [len(roll.page.rows) for roll in pages] == [PAGE_SIZE, PAGE_SIZE, 1, 0]
    assert [roll.page.has_next for roll in pages] == [True, True, False, False]
    shown = [name for roll in pages for name in names(roll)]
    assert shown == [customer.external_id for customer in reversed(customers)]


def test_the_roll_can_be_cut_to_some_customers():
    cohort = make_cohort()
    ann, bob, other = make_customer(), make_customer(), make_customer()
    make_membership(cohort, ann, bob)

    assert names(read_roll(cohort, None, BitMap([bob.pk, other.pk]))) == [bob.external_id]
