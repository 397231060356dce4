"""Anomalies: found by what was before alone, whatever else the series has been through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifications.alerts.anomaly import DAY, judge, memory
from tests.alert_reference.anomaly import look_at

STEP = 900.0
A_DAY = round(DAY / STEP)


def ordinary(days: int, seed: int = 1) -> np.ndarray:
    """A series with a daily season and some noise."""
    chance = np.random.default_rng(seed)
    at = np.arange(days * A_DAY)
    return 200 + 100 * np.sin(2 * np.pi * at / A_DAY) + chance.normal(0, 8, len(at))


def unusual(values: np.ndarray, **others) -> np.ndarray:
    return np.flatnonzero(np.abs(judge(values, STEP, **others).score) > 1)


def test_an_ordinary_series_is_hardly_ever_unusual():
    assert len(unusual(ordinary(60))) <= 12  # of 5,760 intervals, eight bands each


@pytest.mark.parametrize(("moved", "sign"), [(400.0, 1), (-150.0, -1)])
def test_a_value_far_from_what_was_expected_is_unusual_and_says_what_was_expected(moved, sign):
    values = ordinary(30)
    values[-1] += moved
    judged = judge(values, STEP)
    assert np.sign(judged.score[-1]) == sign
    assert abs(judged.score[-1]) > 1
    usual = values[-1] - moved
    assert judged.low[-1] < usual < judged.high[-1]
    assert not judged.low[-1] < judged.seen[-1] < judged.high[-1]


def test_the_usual_value_of_another_time_of_day_is_unusual():
    values = ordinary(30)
    quarter = A_DAY // 4
    values[-8:] = values[-8 - quarter : -quarter]
    assert unusual(values)[-1] >= len(values) - 8


def test_a_small_shift_that_lasts_is_unusual_although_no_value_of_it_is():
    values = ordinary(30)
    values[-12:] += 20.0
    found = judge(values, STEP)
    assert np.abs(found.score[-12:]).max() > 1
    assert found.averaged[-12:][np.abs(found.score[-12:]) > 1].min() > 1


def test_earlier_outliers_do_not_blind():
    values = ordinary(30)
    values[A_DAY * 20 : A_DAY * 20 + 5] += 5_000.0
    values[-1] += 400.0
    assert len(values) - 1 in unusual(values)


def test_more_sensitive_means_earlier():
    values = ordinary(40, seed=3)
    by_sensitivity = [len(unusual(values, sensitivity=name)) for name in ("low", "medium", "high")]
    assert by_sensitivity == sorted(by_sensitivity)


@pytest.mark.parametrize("values", [[], [5.0], [np.nan] * 400, [7.0] * 400, list(range(20))])
def test_nothing_is_unusual_where_nothing_is_known_or_nothing_moves(values):
    assert len(unusual(np.array(values, dtype=float))) == 0


def test_gaps_are_neither_unusual_nor_in_the_way():
    values = ordinary(30)
    values[A_DAY * 10 : A_DAY * 12] = np.nan
    values[-40:-20] = np.nan
    values[-1] += 400.0
    judged = judge(values, STEP)
    assert np.all(judged.score[np.isnan(values)] == 0)
    assert abs(judged.score[-1]) > 1


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), end=st.integers(1, 400), gap=st.integers(0, 300))
def test_what_comes_later_changes_nothing(seed, end, gap):
    values = ordinary(6, seed)
    values[gap : gap + 7] = np.nan
    whole, cut = judge(values, STEP), judge(values[:end], STEP)
    assert np.array_equal(whole.score[:end], cut.score)
    assert np.array_equal(whole.low[:end], cut.low, equal_nan=True)


def test_a_longer_past_changes_nothing():
    first, values = 1_234_567, ordinary(60)
    kept = memory(STEP)
    whole = judge(values, STEP, first=first)
    short = judge(values[-kept - 30 :], STEP, first=first + len(values) - kept - 30)
    assert np.array_equal(whole.score[-30:], short.score[-30:])


def test_a_series_that_is_just_as_expected_has_a_band_all_the_same():
    found = judge(np.full(A_DAY * 5, 7.0), STEP)
    assert found.low[-1] < 7 < found.high[-1]
    assert found.score[-1] == 0


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("step", [300.0, STEP, 86_400.0])
def test_the_newest_intervals_alone_are_judged_as_with_all_others(step: float, first: int):
    values = ordinary(20)
    whole, newest = judge(values, step, first=first), judge(values, step, first=first, since=len(values) - 7)
    for name in ("score", "low", "high", "seen", "averaged"):
        np.testing.assert_array_equal(getattr(whole, name)[-7:], getattr(newest, name)[-7:])


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 10_000),
    step=st.sampled_from([3_600.0, 86_400.0, 604_800.0]),
    first=st.integers(0, 100),
    length=st.integers(40, 900),
)
def test_every_interval_is_judged_as_a_plain_evaluator_would(seed, step, first, length):
    chance = np.random.default_rng(seed)
    season = 1 + np.sin(2 * np.pi * np.arange(length) / max(2, DAY / step))
    values = chance.poisson(4, length) * season
    values[chance.random(length) < 0.05] *= 5
    values[chance.random(length) < 0.1] = np.nan
    judged = judge(values, step, "high", first)
    for end in range(length - 5, length):
        plain = look_at([None if np.isnan(value) else value for value in values[: end + 1]], first + end, step, "high")
        found = [judged.score[end], judged.low[end], judged.high[end]]
        expected = [0, np.nan, np.nan] if plain is None else [plain.score, plain.low, plain.high]
        assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)
