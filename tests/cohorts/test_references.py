"""Cohorts that are defined by the members of others."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection

from cohorts import membership
from cohorts.criteria import CriteriaError
from cohorts.edit import edit_definition
from cohorts.models import Cohort
from cohorts.references import (
    CohortInUse,
    check_no_cycle,
    cohorts_that_use,
    delete_unused,
    in_order,
    references,
    with_due,
)
from cohorts.refresh import refresh_cohorts
from cohorts.stored import members_at
from cohortsite.pipeline import Unit, UnitKind, run_unit
from ingest.columns import open_columns
from ingest.models import Customer
from tests.cohorts.criteria.asking import call, refused, say, words
from tests.factories import NOON, make_cohort, make_person

pytestmark = pytest.mark.django_db
QUARTER = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
ON_PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}
ACTIVE = {"performed": {}, "at_least": 1, "within": {"last": "1h"}}


def definition(match):
    return {"version": 1, "match": match}


def cohort_of(match, **values) -> Cohort:
    return make_cohort(criteria=definition(match), **values)


def member_of(*cohorts: Cohort):
    return {"any": [{"cohort": str(cohort.pk)} for cohort in cohorts]}


def cycle(at, *cohorts: Cohort):
    open_columns().seal(at)
    return refresh_cohorts([Cohort.objects.get(pk=cohort.pk) for cohort in cohorts], at)


def members(cohort: Cohort) -> set[str]:
    ids = membership.members(cohort)
    return set(Customer.objects.filter(pk__in=list(ids)).values_list("external_id", flat=True))


def test_a_cohort_is_found_however_deep_it_is_named():
    cohort = make_cohort()
    other = {"field": "metadata.plan", "op": "is", "value": str(cohort.pk)}
    named = {"any": [{"not": {"cohort": str(cohort.pk).upper()}}, other]}
    using = make_cohort(criteria={"version": 1, "match": {"all": [{"company": named}]}})
    make_cohort(criteria={"version": 1, "match": other})

    assert cohorts_that_use(cohort) == [using]
    assert references(using.criteria) == {"match.all[0].company.any[0].not.cohort": cohort.pk}


def test_one_pass_evaluates_those_that_others_use_first():
    call("u")
    base = cohort_of(ACTIVE)
    middle = cohort_of(member_of(base))
    top = cohort_of(member_of(middle))
    assert in_order([top, middle, base]) == [base, middle, top]
    cycle(NOON, top, middle, base)
    assert members(top) == {"u"}


def test_the_last_stored_members_count_of_one_that_is_not_evaluated():
    base, top = cohort_of(ACTIVE), None
    top = cohort_of(member_of(base))
    cycle(NOON, base, top)
    call("u", NOON + MINUTE)
    cycle(NOON + QUARTER, top)
    assert members(top) == set()
    cycle(NOON + 2 * QUARTER, base)
    cycle(NOON + 3 * QUARTER, top)
    assert members(top) == {"u"}


def test_nobody_is_a_member_of_a_cohort_that_was_never_evaluated():
    say("u")
    base = cohort_of(ACTIVE)
    top = cohort_of({"not": {"cohort": str(base.pk)}})
    cycle(NOON, top)
    assert members(top) == {"u"}


def test_its_own_time_zone_counts():
    call("u", NOON - timedelta(hours=7))  # 5:00 in UTC, midnight in New York, 23:00 in Chicago
    today = {"performed": {}, "at_least": 1, "within": {"calendar": "today"}}
    base = cohort_of(today, time_zone="America/New_York")
    top = cohort_of(member_of(base), time_zone="America/Chicago")
    cycle(NOON, base, top)
    assert members(top) == {"u"}


def test_the_members_of_an_earlier_instant_are_those_of_then():
    base = cohort_of(ACTIVE)
    cycle(NOON, base)
    call("u", NOON + MINUTE)
    cycle(NOON + QUARTER, base)
    cycle(NOON + 5 * QUARTER, base)
    [user] = Customer.objects.all()
    found = {minutes: set(members_at(base.pk, NOON + minutes * MINUTE)) for minutes in (-1, 0, 14, 15, 74, 75)}
    assert found == {-1: set(), 0: set(), 14: set(), 15: {user.pk}, 74: {user.pk}, 75: set()}


def test_a_change_there_is_told_with_its_reason():
    base = cohort_of(ACTIVE, name="Active")
    top = cohort_of({"all": [member_of(base), {"not": ON_PRO}]})
    cycle(NOON, base, top)
    call("u", NOON + MINUTE)
    cycle(NOON + QUARTER, base, top)
    cycle(NOON + 5 * QUARTER, base, top)
    came, went = top.changes.order_by("id")
    assert came.reason == "behavior"
    assert came.because[0] == "joined “Active” on 2026-03-02 12:15: any event: 1 time in the last hour (at least 1)"
    assert went.reason == "time"
    assert went.because == ["left “Active” on 2026-03-02 13:15: any event: 0 times in the last hour (at least 1)"]


def test_a_silent_edit_there_is_a_definition_that_changed():
    say("u", NOON - MINUTE, plan="pro")
    base = cohort_of(ACTIVE, name="Active")
    top = cohort_of(member_of(base))
    cycle(NOON, base, top)
    edit_definition(base, {"criteria": definition(ON_PRO)}, tell=False)
    cycle(NOON + QUARTER, base, top)
    change = top.changes.get()
    assert (change.reason, change.because) == ("definition", ["is a member of “Active”"])


def test_a_new_customer_who_is_no_member_has_a_reason_too():
    base = cohort_of(ACTIVE, name="Active")
    top = cohort_of({"not": {"cohort": str(base.pk)}})
    cycle(NOON, base, top)
    say("u", NOON + MINUTE)
    cycle(NOON + QUARTER, base, top)
    change = top.changes.get()
    assert (change.reason, change.because) == ("profile", ["is no member of “Active”"])


def test_one_unit_of_work_evaluates_what_it_uses_where_that_is_due():
    call("u")
    open_columns().seal(NOON)
    base = cohort_of(ACTIVE)
    paused = cohort_of(ACTIVE, paused_at=NOON)
    top = cohort_of(member_of(base, paused))
    assert with_due([top], NOON) == [top, base]
    run_unit(Unit(UnitKind.COHORT, str(top.pk)), NOON)
    assert members(top) == {"u"}
    assert members(paused) == set()


def test_a_cycle_is_refused_and_named():
    a = cohort_of(ON_PRO, name="A")
    b = cohort_of(member_of(a), name="B")
    c = cohort_of({"not": member_of(b)}, name="C")
    with pytest.raises(CriteriaError) as error:
        edit_definition(a, {"criteria": definition({"all": [ON_PRO, {"cohort": str(c.pk)}]})}, tell=False)
    assert str(error.value) == "match.all[1].cohort: expected no cycle: “A” uses “C” uses “B” uses “A”"
    assert Cohort.objects.get(pk=a.pk).criteria == definition(ON_PRO)
    with pytest.raises(CriteriaError, match="“A” uses “A”"):
        edit_definition(a, {"criteria": definition({"cohort": str(a.pk)})}, tell=False)


def test_a_cycle_through_companies_is_refused():
    users = cohort_of(ON_PRO, name="Users")
    companies = cohort_of({"users": {"cohort": str(users.pk)}, "are": "any"}, kind="company", name="Companies")
    with pytest.raises(CriteriaError, match=r"match.company.cohort: .* “Users” uses “Companies” uses “Users”"):
        edit_definition(users, {"criteria": definition({"company": {"cohort": str(companies.pk)}})}, tell=False)


def test_a_cycle_that_slipped_in_does_not_hang():
    a, b = cohort_of(ON_PRO), cohort_of(ON_PRO)
    for one, other in ((a, b), (b, a)):
        Cohort.objects.filter(pk=one.pk).update(criteria=definition(member_of(other)))
    stored = list(Cohort.objects.all())
    assert set(in_order(stored)) == set(stored)
    assert [evaluation.error for evaluation in cycle(NOON, a, b)] == ["", ""]


def test_a_cohort_in_use_is_not_deleted():
    base = cohort_of(ON_PRO)
    using = cohort_of(member_of(base), name="Using")
    with pytest.raises(CohortInUse, match="It is used by “Using”: take it out of their criteria first"):
        delete_unused(base)
    delete_unused(using)
    delete_unused(base)
    assert not Cohort.objects.exists()


def test_a_cohort_whose_other_one_is_gone_fails_and_keeps_its_members():
    call("u")
    base = cohort_of(ACTIVE)
    top = cohort_of(member_of(base))
    cycle(NOON, base, top)
    base.delete()
    [evaluation] = cycle(NOON + QUARTER, top)
    assert evaluation.error == (
        "The criteria are not valid: match.any[0].cohort: expected the id of a cohort, there is none with this one"
    )
    assert members(top) == {"u"}


def test_words_and_faults():
    base = cohort_of(ON_PRO, name="On pro")
    node = {"cohort": str(base.pk)}
    assert words(node) == "member of “On pro”"
    assert refused({"cohort": "x"}) == "cohort: expected the id of a cohort"
    assert refused({"cohort": 5}) == "cohort: expected the id of a cohort"
    assert refused({**node, "at_least": 1}) == 'at_least: unknown key, expected "cohort"'
    assert refused(node, "company") == (
        "cohort: expected the id of a cohort of the same kind: “On pro” is not a company cohort"
    )
    assert refused({"company": node}) == (
        "company.cohort: expected the id of a cohort of the same kind: “On pro” is not a company cohort"
    )


@pytest.mark.django_db(transaction=True)
def test_two_edits_at_the_same_time_form_no_circle(monkeypatch):
    one, other = make_cohort(), make_cohort()
    both_looked = threading.Barrier(2, timeout=1)

    def check_together(document, cohort):
        check_no_cycle(document, cohort)
        with suppress(threading.BrokenBarrierError):  # the other one is kept waiting, as it should be
            both_looked.wait()

    def edit(cohort, used):
        try:
            edit_definition(cohort, {"criteria": {"version": 1, "match": {"cohort": str(used.pk)}}}, tell=False)
            return "edited"
        except CriteriaError as error:
            return error.message
        finally:
            connection.close()

    monkeypatch.setattr("cohorts.edit.check_no_cycle", check_together)
    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(edit, (one, other), (other, one)))
    assert answers[0] == "edited"
    assert "expected no cycle" in answers[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["API", "key", "page", "admin"])
def test_a_cohort_that_comes_to_be_used_is_not_deleted_at_the_same_moment(monkeypatch, client, way):
    base = cohort_of(ON_PRO)
    both_looked = threading.Barrier(2, timeout=0.5)

    def wait():
        with suppress(threading.BrokenBarrierError):  # the other one is kept waiting, as it should be
            both_looked.wait()

    def look_together(cohort):
        users = cohorts_that_use(cohort)
        wait()
        return users

    def save_together(cohort, save=Cohort.save, **options):
        wait()
        save(cohort, **options)

    def delete():
        with suppress(CohortInUse):
            delete_unused(base)
        connection.close()

    def make():
        save_new(client, way, definition(member_of(base)))
        connection.close()

    monkeypatch.setattr("cohorts.references.cohorts_that_use", look_together)
    monkeypatch.setattr(Cohort, "save", save_together)
    client.force_login(make_person())
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(make), pool.submit(delete)]:
            done.result()
    made = Cohort.objects.exclude(pk=base.pk).exists()
    assert Cohort.objects.filter(pk=base.pk).exists() == made


def save_new(client, way: str, criteria) -> None:
    said = {"name": "New", "cohort_type": "user", "criteria": criteria}
    form = {"name": "New", "kind": "user", "criteria": json.dumps(criteria), "time_zone": "UTC", "period": "15m"}
    form |= {"week_starts_on": "1"}
    match way:
        case "API":
            client.post("/api/cohorts/", said, content_type="application/json")
        case "key":
            client.put("/api/cohorts/by-key/new/", said, content_type="application/json")
        case "page":
            client.post("/users/cohorts/new/", form)
        case "admin":
            client.post("/admin/cohorts/cohort/add/", form)
