"""Arrays of ids as bitmaps, against the plain way to make one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from ingest.columns.bitmaps import CHUNK, FEW, bitmap_of


@given(st.lists(st.integers(1, 3 * CHUNK)))
def test_ids_in_any_order_and_several_times_are_each_in_the_bitmap_once(ids: list[int]) -> None:
    assert bitmap_of(np.array(ids, dtype=np.int64)) == BitMap(ids)


@pytest.mark.parametrize("count", [FEW - 1, FEW, FEW + 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("first", [1, CHUNK - 1, 2 * CHUNK])
def test_containers_of_every_form_hold_their_ids(count: int, step: int, first: int) -> None:
    ids = np.arange(first, first + count * step, step, dtype=np.uint32)
    found = bitmap_of(ids[::-1])
    assert found == BitMap(range(first, first + count * step, step))
    assert BitMap.deserialize(found.serialize()) == found


def test_a_few_ids_far_apart_take_no_array_of_all_between() -> None:
    assert bitmap_of(np.array([4_000_000_000, 7], dtype=np.uint32)) == BitMap([7, 4_000_000_000])
