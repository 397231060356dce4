"""What counts as an edit of a rule."""

from __future__ import annotations

import pytest

from notifications.alerts.edit import edit_rule
from notifications.alerts.models import Alert
from tests.factories import NOON
from tests.notifications.alerts.rows import OVER_100, make_alert, make_rule

pytestmark = pytest.mark.django_db


def where_plan_is(value: object) -> dict:
    events = {"type": "api_call", "where": {"field": "metadata.plan", "op": "is", "value": value}}
    return OVER_100 | {"metric": {"of": events, "figure": "count"}}


@pytest.mark.parametrize(("before", "after", "edited"), [(1, True, True), (1, 1.0, False), ("1", 1, True)])
def test_true_in_place_of_1_is_an_edit_and_ends_what_is_open(before, after, edited):
    rule = make_rule(definition=where_plan_is(before))
    make_alert(rule)

    assert edit_rule(rule, {"definition": where_plan_is(after)}, now=NOON) is edited

    assert Alert.objects.get().is_open is not edited
    rule.refresh_from_db()
    stored = rule.definition["metric"]["of"]["where"]["value"]
    assert isinstance(stored, bool) is isinstance(after, bool)
