"""A cohort through its evaluations: baseline, changes with reasons, edits, faults, rival workers."""

from datetime import datetime, timedelta

import pytest
from pyroaring import BitMap

from cohorts import membership
from cohorts.enums import ChangeKind, Reason
from cohorts.models import Baseline, Cohort, Evaluation, Membership, MembershipChange
from cohorts.refresh import due_cohorts, refresh_cohort, refresh_cohorts
from ingest.columns import open_columns
from ingest.erase import erase_customer, erase_events
from ingest.models import Segment
from tests.factories import NOON, add_version, make_cohort, make_event, make_user

pytestmark = pytest.mark.django_db(transaction=True)

MINUTES = timedelta(minutes=15)
BAD_CALL = {"type": "api_call", "where": {"field": "response.status", "op": "is", "value": 400}}
BAD_TODAY = {"performed": BAD_CALL, "at_least": 1, "within": {"calendar": "today"}}
FIRST_TODAY = {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}}
ON_PRO = {"field": "metadata.plan", "op": "is", "value": "pro"}


def definition(match: dict) -> dict:
    return {"version": 1, "match": match}


def bad_call(user, time=NOON):
    return make_event(user, time, response={"status": 400})


def cycle(cohort: Cohort, at: datetime) -> Evaluation:
    """Seal and evaluate as a cycle does."""
    open_columns().seal(at)
    [evaluation] = refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], at)
    return evaluation


def last_change(cohort: Cohort) -> MembershipChange:
    return cohort.changes.latest("id")


def members(cohort: Cohort) -> set[str]:
    from_log = set()
    baseline = Baseline.objects.filter(cohort=cohort).latest("version")
    from_log |= set(BitMap.deserialize(bytes(baseline.members)))
    for change in cohort.changes.filter(version__gt=baseline.version).order_by("id"):
        (from_log.add if change.change == ChangeKind.ADDED else from_log.remove)(change.customer_id)
    assert membership.members(cohort) == BitMap(from_log), "the members are the baseline with the changes replayed"
    return from_log


def test_the_first_evaluation_is_a_baseline_without_changes():
    ann = make_user("ann", metadata={"plan": "pro"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    evaluation = cycle(cohort, NOON)
    assert (evaluation.baseline, evaluation.members, evaluation.error) == (True, 1, "")
    assert members(cohort) == {ann.pk}
    assert not cohort.changes.exists()


def test_a_call_brings_a_customer_in_and_says_so():
    cohort = make_cohort(criteria=definition({"all": [FIRST_TODAY, BAD_TODAY]}))
    cycle(cohort, NOON)
    ann = make_user("ann", NOON + timedelta(minutes=1))
    for minute in (2, 3, 4):
        bad_call(ann, NOON + timedelta(minutes=minute))
    evaluation = cycle(cohort, NOON + MINUTES)
    change = last_change(cohort)
    assert (evaluation.added, evaluation.removed, members(cohort)) == (1, 0, {ann.pk})
    assert (change.customer, change.change, change.changed_at) == (ann, "added", NOON + MINUTES)
    assert change.reason == Reason.BEHAVIOR
    assert "API Call where response.status is 400: 3 times today (at least 1)" in change.because
    assert "first seen 2026-03-02 12:02 (today)" in change.because
    [seen, failed] = change.evidence
    assert (seen["path"], seen["value"], seen["threshold"]) == ("match.all[0]", "2026-03-02T12:02:00Z", "today")
    assert (failed["path"], failed["value"], failed["threshold"]) == ("match.all[1]", 3, "at least 1")
    assert [event["time"] for event in failed["events"]] == [f"2026-03-02T12:0{minute}:00Z" for minute in (4, 3, 2)]


def test_a_change_of_a_cohort_by_another_one_tells_the_events_there():
    failing = make_cohort(criteria=definition(BAD_TODAY))
    cohort = make_cohort(criteria=definition({"cohort": str(failing.pk)}))
    ann = make_user("ann", NOON)
    open_columns().seal(NOON)
    refresh_cohorts([cohort, failing], NOON)
    bad_call(ann, NOON + timedelta(minutes=1))
    open_columns().seal(NOON + MINUTES)
    refresh_cohorts(list(Cohort.objects.all()), NOON + MINUTES)
    [evidence] = last_change(cohort).evidence
    assert [event["time"] for event in evidence["events"]] == ["2026-03-02T12:01:00Z"]


def test_of_very_many_who_move_at_once_the_sentences_alone_are_kept(monkeypatch):
    monkeypatch.setattr("cohorts.evaluation.MOST_CUSTOMERS", 1)
    cohort = make_cohort(criteria=definition(BAD_TODAY))
    cycle(cohort, NOON)
    for name in ("ann", "bob"):
        bad_call(make_user(name, NOON), NOON + timedelta(minutes=1))
    cycle(cohort, NOON + MINUTES)
    assert all(change.because and not change.evidence for change in cohort.changes.all())


def test_midnight_takes_a_customer_out_by_time():
    cohort = make_cohort(criteria=definition(BAD_TODAY))
    ann = make_user("ann")
    bad_call(ann)
    cycle(cohort, NOON)
    make_event(ann, NOON + timedelta(hours=11), response={"status": 200})
    cycle(cohort, NOON + timedelta(hours=12))
    change = last_change(cohort)
    assert (change.change, change.reason) == ("removed", Reason.TIME)
    assert change.because == ["API Call where response.status is 400: 0 times today (at least 1)"]
    assert members(cohort) == set()


def test_an_attribute_that_changes_is_the_reason():
    ann = make_user("ann", metadata={"plan": "pro"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    add_version(ann, NOON + timedelta(minutes=5), metadata={"plan": "free"})
    cycle(cohort, NOON + MINUTES)
    change = last_change(cohort)
    assert (change.change, change.reason) == ("removed", Reason.PROFILE)
    assert change.because == ['metadata.plan is "free" (is pro)']


def test_a_customer_whose_event_is_erased_leaves_for_its_behavior():
    ann = make_user("ann")
    event = bad_call(ann)
    cohort = make_cohort(criteria=definition(BAD_TODAY))
    cycle(cohort, NOON)
    assert members(cohort) == {ann.pk}
    erase_events([event.pk], NOON + timedelta(minutes=1))
    cycle(cohort, NOON + MINUTES)
    change = last_change(cohort)
    assert (change.customer, change.change, change.reason) == (ann, "removed", Reason.BEHAVIOR)
    assert change.because == ["API Call where response.status is 400: 0 times today (at least 1)"]


def test_an_erased_customer_leaves_as_deleted():
    ann = make_user("ann")
    bad_call(ann)
    cohort = make_cohort(criteria=definition(BAD_TODAY))
    cycle(cohort, NOON)
    erase_customer(ann, NOON + timedelta(minutes=1))
    cycle(cohort, NOON + MINUTES)
    change = last_change(cohort)
    assert (change.customer_id, change.change, change.reason) == (ann.pk, "removed", Reason.DELETED)
    assert change.because == ["The customer was erased"]


def test_a_customer_who_leaves_and_comes_back_has_a_row_for_each():
    cohort = make_cohort(criteria=definition({"performed": BAD_CALL, "at_least": 1, "within": {"last": "1h"}}))
    ann = make_user("ann")
    cycle(cohort, NOON)
    bad_call(ann, NOON + timedelta(minutes=5))
    for minutes in (15, 90):
        cycle(cohort, NOON + timedelta(minutes=minutes))
    bad_call(ann, NOON + timedelta(minutes=100))
    cycle(cohort, NOON + timedelta(minutes=105))
    changes = cohort.changes.order_by("id").values_list("change", "reason", "version")
    assert list(changes) == [("added", "behavior", 2), ("removed", "time", 3), ("added", "behavior", 4)]
    assert members(cohort) == {ann.pk}


def test_an_edit_that_stays_silent_makes_a_new_baseline():
    ann, bob = make_user("ann", metadata={"plan": "pro"}), make_user("bob", metadata={"plan": "free"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    assert members(cohort) == {ann.pk}
    cohort.criteria = definition({"not": ON_PRO})
    cohort.definition_version, cohort.rebaseline = 2, True
    cohort.save(update_fields=["criteria", "definition_version", "rebaseline"])
    evaluation = cycle(cohort, NOON + MINUTES)
    assert (evaluation.baseline, members(cohort)) == (True, {bob.pk})
    assert not cohort.changes.exists()
    assert not Cohort.objects.get(pk=cohort.pk).rebaseline


def test_an_edit_that_is_told_gives_the_definition_as_reason():
    ann, bob = make_user("ann", metadata={"plan": "pro"}), make_user("bob", metadata={"plan": "free"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    Cohort.objects.filter(pk=cohort.pk).update(criteria=definition({"not": ON_PRO}), definition_version=2)
    cycle(cohort, NOON + MINUTES)
    changes = {change.customer_id: change for change in cohort.changes.all()}
    assert {pk: change.change for pk, change in changes.items()} == {ann.pk: "removed", bob.pk: "added"}
    assert {change.reason for change in changes.values()} == {Reason.DEFINITION}
    assert changes[bob.pk].because == ["The cohort's definition was edited", 'metadata.plan is "free" (is pro)']


def test_evaluating_twice_at_one_instant_changes_nothing():
    make_user("ann", metadata={"plan": "pro"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    assert refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], NOON) == []
    assert refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], NOON - MINUTES) == []
    assert Evaluation.objects.count() == 1


def test_a_cohort_is_due_a_period_after_its_last_instant():
    cohort = make_cohort()
    assert due_cohorts(NOON) == [cohort]
    cycle(cohort, NOON)
    assert due_cohorts(NOON + MINUTES - timedelta(microseconds=1)) == []
    assert due_cohorts(NOON + MINUTES) == [cohort]
    Cohort.objects.update(paused_at=NOON)
    assert due_cohorts(NOON + MINUTES) == []


def test_a_broken_cohort_shows_its_error_and_does_not_stop_the_others():
    broken = make_cohort(criteria=definition({"field": "nonsense", "op": "is", "value": 1}))
    sound = make_cohort()
    evaluations = refresh_cohorts([broken, sound], NOON)
    assert [bool(evaluation.error) for evaluation in evaluations] == [True, False]
    broken.refresh_from_db()
    assert "match.field" in broken.error
    assert broken.evaluated_at is None
    assert not Membership.objects.filter(cohort=broken).exists()


def test_a_failed_cohort_is_tried_again_and_its_error_goes():
    cohort = make_cohort(criteria=definition({"field": "nonsense", "op": "is", "value": 1}))
    refresh_cohorts([cohort], NOON)
    cohort.refresh_from_db()
    assert not cohort.is_due(NOON + timedelta(seconds=59))
    assert cohort.is_due(NOON + timedelta(seconds=60))
    Cohort.objects.update(criteria=definition(ON_PRO))
    assert cycle(cohort, NOON + MINUTES).error == ""
    cohort.refresh_from_db()
    assert cohort.error == ""


def test_a_lost_copy_moves_nobody_and_says_so():
    ann = make_user("ann", metadata={"plan": "pro"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    directory = open_columns().engine.directory
    for segment in Segment.objects.all():
        (directory / segment.file).unlink()
    [evaluation] = refresh_cohorts([Cohort.objects.get(pk=cohort.pk)], NOON + MINUTES)
    assert "nobody was moved" in evaluation.error
    assert members(cohort) == {ann.pk}
    list(open_columns().rebuild(NOON + MINUTES))
    assert cycle(cohort, NOON + 2 * MINUTES).error == ""
    assert members(cohort) == {ann.pk}


def test_of_two_workers_at_one_cohort_one_writes():
    make_user("ann", metadata={"plan": "pro"})
    cohort = make_cohort(criteria=definition(ON_PRO))
    cycle(cohort, NOON)
    make_user("bob", NOON + timedelta(minutes=1), metadata={"plan": "pro"})
    open_columns().seal(NOON + MINUTES)
    first, second = Cohort.objects.get(pk=cohort.pk), Cohort.objects.get(pk=cohort.pk)
    current = membership.read(second)
    with open_columns().snapshot(NOON + MINUTES) as snapshot:
        assert refresh_cohort(first, snapshot).added == 1
        with pytest.MonkeyPatch.context() as patch:  # the rival read the membership before the first one wrote
            patch.setattr(membership, "read", lambda cohort: current)
            assert refresh_cohort(second, snapshot) is None
    assert cohort.changes.count() == 1
    assert Membership.objects.get(cohort=cohort).version == 2


def test_an_edit_during_an_evaluation_throws_the_evaluation_away():
    cohort = make_cohort()
    stale = Cohort.objects.get(pk=cohort.pk)
    Cohort.objects.update(definition_version=2)
    with open_columns().snapshot(NOON) as snapshot:
        assert refresh_cohort(stale, snapshot) is None
    assert not Membership.objects.exists()
    assert not Evaluation.objects.exists()
