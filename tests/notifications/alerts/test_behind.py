"""Who is behind an alert: the same customers as the look-up that the page leads to."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.http import QueryDict

from cohorts.views.lookup import read_asked
from ingest.columns import open_columns
from ingest.models import CustomerKind
from notifications.alerts.behind import find_behind
from notifications.alerts.definition import parse
from tests.factories import NOON, make_company, make_event, make_user
from tests.notifications.alerts.rows import CALLS, HOUR, make_alert, make_rule

pytestmark = pytest.mark.django_db

START = NOON - HOUR
USER, COMPANY = CustomerKind.USER, CustomerKind.COMPANY
FAILED = {"field": "response.status", "op": ">=", "value": 500}


@pytest.fixture
def people():
    """Two companies; Ann and Bob of one failed within the hour, Cid of the other was fine; Dan failed at noon."""
    acme, other = (make_company(name, NOON - timedelta(days=40), metadata={"plan": name}) for name in ("acme", "other"))
    ann, bob, cid, dan = (
        make_user(name, NOON - timedelta(days=40), company)
        for name, company in (("ann", acme), ("bob", acme), ("cid", other), ("dan", other))
    )
    make_event(ann, START, weight=3, request={"route": "/a"}, response={"status": 500})
    make_event(bob, START + HOUR / 2, request={"route": "/b"}, response={"status": 503})
    make_event(bob, NOON - timedelta(days=1), request={"route": "/b"}, response={"status": 200})
    make_event(cid, START + HOUR / 2, request={"route": "/a"}, response={"status": 200})
    make_event(dan, NOON, request={"route": "/a"}, response={"status": 500})
    make_event(dan, START - timedelta(days=1), request={"route": "/a"}, response={"status": 200})
    open_columns().seal(NOON)


def behind(alert):
    """Per kind the ids and weights of the most active, which are all; the look-up must find the same."""
    found = {}
    for each in find_behind(alert, parse(alert.rule.definition), NOON):
        query = QueryDict(mutable=True)
        query.update(dict(parse_qsl(urlsplit(each.look_up).query)))
        asked = read_asked(query, each.kind)
        assert not asked.fault
        shown = [customer.pk for customer, _ in each.most_active]
        assert sorted(shown) == sorted(asked.find(NOON).facts["customer"].to_pylist())
        assert each.count == len(shown)
        found[each.kind] = [(customer.external_id, weight) for customer, weight in each.most_active]
    return found


def rule(**rest):
    usual = {"metric": {"of": {**CALLS, "where": FAILED}, "figure": "count"}, "every": "hour"}
    return make_rule(definition={"version": 1, "condition": {"static": {"op": ">", "value": 1}}, **usual, **rest})


def test_too_much_is_of_those_who_made_it_the_most_active_first(people):
    found = behind(make_alert(rule()))
    assert found == {USER: [("ann", 3), ("bob", 1)], COMPANY: [("acme", 4)]}


def test_of_a_share_they_made_the_part(people):
    share = {"ratio": {**CALLS, "where": FAILED}, "to": CALLS}
    assert behind(make_alert(rule(metric=share)))[USER] == [("ann", 3), ("bob", 1)]


@pytest.mark.parametrize(
    ("group", "users", "companies"),
    [
        ({"company_id": "other"}, ["cid"], ["other"]),
        ({"request.route": "/a"}, ["ann", "cid"], ["acme", "other"]),
        ({"company.metadata.plan": "acme", "request.route": "/b"}, ["bob"], ["acme"]),
        ({"user_id": "bob"}, ["bob"], None),
    ],
)
def test_only_those_of_the_group(people, group, users, companies):
    every_call = {"of": CALLS, "figure": "count"}
    found = behind(make_alert(rule(metric=every_call, group_by=list(group)), group=group))
    assert [name for name, _ in found[USER]] == users
    assert (None if COMPANY not in found else [name for name, _ in found[COMPANY]]) == companies


def test_too_little_is_of_those_who_were_there_before_and_are_gone(people):
    drop = {"change": {"direction": "down", "percent": 50, "against": "day"}}
    every_call = {"of": CALLS, "figure": "count"}
    alert = make_alert(rule(metric=every_call, condition=drop), value=4, low=10, high=None)
    found = find_behind(alert, parse(alert.rule.definition), NOON)
    assert all(each.asked.is_missing for each in found)
    assert behind(alert) == {USER: [("dan", 1)], COMPANY: []}


def test_silence_is_of_those_who_fell_silent(people):
    silence = {"silence": {"after": 1, "before": 30}}
    every_call = {"of": CALLS, "figure": "count"}
    alert = make_alert(rule(metric=every_call, condition=silence), value=0, low=None, high=None)
    assert behind(alert)[USER] == [("dan", 1)]
