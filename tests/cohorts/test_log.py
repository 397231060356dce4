"""The log of changes as people read it."""

import pytest
from pyroaring import BitMap

from cohorts import log
from cohorts.log import TooManyCustomers, read_log
from tests.factories import make_change, make_cohort, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohort():
    return make_cohort()


def read_all(cohort, **filters):
    """The changes of all pages, and how many pages there were."""
    found, place, pages = [], None, 0
    while True:
        page = read_log(cohort, place, **filters)
        found += [change.pk for change in page.changes]
        place, pages = page.older, pages + 1
        if place is None:
            return found, pages


def test_the_log_is_read_newest_first_and_whole(cohort, monkeypatch):
    monkeypatch.setattr(log, "PAGE_SIZE", 3)
    made = [make_change(cohort, version=2 + number // 4).pk for number in range(10)]
    make_change(version=3)  # of another cohort

    assert read_all(cohort) == (made[::-1], 4)


def test_rows_that_come_in_meanwhile_do_not_shift_the_pages(cohort, monkeypatch):
    monkeypatch.setattr(log, "PAGE_SIZE", 2)
    made = [make_change(cohort, version=2).pk for _ in range(4)]
    first = read_log(cohort, None)
    make_change(cohort, version=3)

    second = read_log(cohort, first.older)

    assert [change.pk for change in second.changes] == made[1::-1]


def test_filters_combine(cohort):
    ann, bob = make_customer(), make_customer()
    make_change(cohort, ann, change="removed", reason="time")
    wanted = make_change(cohort, bob, change="removed", reason="time")
    make_change(cohort, bob, version=3, change="removed", reason="profile")
    make_change(cohort, bob, version=4, change="added", reason="time")

    page = read_log(cohort, None, change="removed", reason="time", customers=BitMap([bob.pk]))

    assert [change.pk for change in page.changes] == [wanted.pk]


def test_a_rare_reason_is_looked_for_in_portions(cohort, monkeypatch):
    monkeypatch.setattr(log, "WINDOW", 4)
    rare = make_change(cohort, version=2, reason="deleted").pk
    for version in range(3, 9):
        make_change(cohort, version=version)

    first = read_log(cohort, None, reason="deleted")

    assert (first.changes, first.cut) == ([], True)
    assert read_all(cohort, reason="deleted") == ([rare], 2)


def test_a_search_that_matches_very_many_is_refused(cohort, monkeypatch):
    monkeypatch.setattr(log, "MOST_CUSTOMERS", 2)
    with pytest.raises(TooManyCustomers):
        read_log(cohort, None, customers=BitMap([1, 2, 3]))
