from __future__ import annotations

import pytest

from cohorts.paging import page_of


def test_pages_follow_each_other_without_a_gap():
    rows = list(range(25))
    pages = [page_of(rows, str(number), size=10) for number in (1, 2, 3)]
    assert [row for page in pages for row in page.rows] == rows
    assert [(page.first, page.last) for page in pages] == [(1, 10), (11, 20), (21, 25)]
    assert [page.has_next for page in pages] == [True, True, False]
    assert [page.has_previous for page in pages] == [False, True, True]
    assert [page.previous for page in pages] == [None, None, 2]


def test_a_full_last_page_has_no_next():
    assert not page_of(list(range(10)), None, size=10).has_next


@pytest.mark.parametrize("asked", [None, "", "0", "-1", "x", "1.5", "٣", "9" * 5_000])
def test_what_is_no_number_of_a_page_is_the_first(asked):
    assert page_of(list(range(5)), asked, size=2).rows == [0, 1]


def test_a_page_after_the_end_is_empty():
    page = page_of([1, 2], "7", size=10)
    assert (page.rows, page.has_next, page.has_previous) == ([], False, True)
