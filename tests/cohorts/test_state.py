"""How a cohort is doing, in words."""

from datetime import timedelta

import pytest

from cohorts.refresh import COLUMNS_DAMAGED
from cohorts.state import state_of
from tests.factories import NOON, make_cohort

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ({"created_at": NOON - MINUTE}, "not evaluated yet"),
        ({"created_at": NOON - 60 * MINUTE}, "stuck"),
        ({"evaluated_at": NOON - 14 * MINUTE}, "healthy"),
        ({"evaluated_at": NOON - 29 * MINUTE}, "healthy"),
        ({"evaluated_at": NOON - 31 * MINUTE}, "stuck"),
        ({"evaluated_at": NOON - 31 * MINUTE, "period": timedelta(hours=1)}, "healthy"),
        ({"evaluated_at": NOON - 31 * MINUTE, "error": "The disk is full"}, "failing"),
        ({"evaluated_at": NOON - 31 * MINUTE, "paused_at": NOON - 30 * MINUTE}, "paused"),
    ],
)
def test_a_cohort_is_in_one_state(values, label):
    assert state_of(make_cohort(**values), NOON).label == label


def test_what_to_do_depends_on_the_fault():
    damaged = state_of(make_cohort(error=f"{COLUMNS_DAMAGED}: events-7 is missing"), NOON)
    invalid = state_of(make_cohort(error="not valid", criteria={"version": 1}), NOON)
    other = state_of(make_cohort(error="The evaluation failed (OSError)"), NOON)

    assert "rebuild_columns" in damaged.advice
    assert "Edit the criteria" in invalid.advice
    assert "tried again every minute" in other.advice
