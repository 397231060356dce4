"""Maintenance over the API."""

from __future__ import annotations

import pytest

from notifications.alerts.models import Maintenance
from tests.notifications.alerts.api.asking import MAINTENANCE, ids, paths
from tests.notifications.alerts.rows import make_maintenance, make_rule

pytestmark = pytest.mark.django_db


def test_maintenance_is_planned_for_some_rules_or_all_changed_and_cancelled(api):
    rule = make_rule()
    given = {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T14:00:00Z", "reason": "Upgrade"}

    everywhere = api.post(MAINTENANCE, given)
    created = api.post(MAINTENANCE, {**given, "rules": [str(rule.pk)]})

    assert everywhere.status_code == 201
    assert everywhere.json().items() >= {"all_rules": True, "rules": []}.items()
    assert created.json().items() >= {**given, "all_rules": False, "rules": [str(rule.pk)]}.items()
    address = f"{MAINTENANCE}{created.json()['id']}/"
    assert api.patch(address, {"end": "2026-03-02T15:00:00Z"}).json()["end"] == "2026-03-02T15:00:00Z"
    for wrong in ({"end": "2026-03-02T11:00:00Z"}, {"end": "2026-09-02T15:00:00Z"}):
        assert paths(api.patch(address, wrong)) == ["end"]
    assert paths(api.post(MAINTENANCE, {"start": "soon", "end": given["end"]})) == ["start"]
    assert paths(api.post(MAINTENANCE, {**given, "rule": str(rule.pk)})) == ["rule"]
    assert ids(api.get(f"{MAINTENANCE}?rule={rule.pk}")) == {created.json()["id"]}
    assert ids(api.get(f"{MAINTENANCE}?ends_after=2026-03-02T14:30:00Z")) == {created.json()["id"]}
    assert api.delete(address).status_code == 204
    assert Maintenance.objects.count() == 1


@pytest.mark.parametrize(
    "wrong", [{"all_rules": False}, {"all_rules": True, "rules": "one"}, {"all_rules": False, "rules": []}]
)
def test_maintenance_never_concerns_no_rule_by_a_request(api, wrong):
    rule = make_rule()
    window = make_maintenance(rule)
    asked = {**wrong, "rules": [str(rule.pk)]} if wrong.get("rules") == "one" else wrong
    times = {"start": "2026-03-02T12:00:00Z", "end": "2026-03-02T14:00:00Z"}
    assert paths(api.post(MAINTENANCE, {**times, **asked})) == ["rules"]
    assert paths(api.patch(f"{MAINTENANCE}{window.pk}/", asked)) == ["rules"]


def test_maintenance_moves_between_all_rules_and_some_and_stays_where_nothing_is_said(api):
    rule = make_rule()
    window = make_maintenance(rule)
    address = f"{MAINTENANCE}{window.pk}/"
    assert api.patch(address, {"all_rules": True}).json().items() >= {"all_rules": True, "rules": []}.items()
    assert api.patch(address, {"rules": [str(rule.pk)]}).json()["all_rules"] is False
    rule.delete()
    assert api.patch(address, {"reason": "Later"}).json().items() >= {"all_rules": False, "rules": []}.items()
