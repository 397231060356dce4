"""The diff against Python sets."""

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from cohorts.diff import diff

ids = st.sets(st.one_of(st.integers(1, 40), st.integers(1, 2**31 - 1)))


@given(before=ids, after=ids)
def test_diff_names_exactly_those_who_came_and_went(before, after):
    moved = diff(BitMap(before), BitMap(after))
    assert set(moved.added) == {customer for customer in after if customer not in before}
    assert set(moved.removed) == {customer for customer in before if customer not in after}
    assert set(moved.changed) == set(moved.added) | set(moved.removed)


@given(before=ids, after=ids)
def test_applying_a_diff_gives_the_members_after(before, after):
    moved = diff(BitMap(before), BitMap(after))
    assert (BitMap(before) | moved.added) - moved.removed == BitMap(after)


@given(members=ids)
def test_same_members_mean_no_change(members):
    assert not diff(BitMap(members), BitMap(members)).changed
