"""What ought to be true of memberships: the log of changes, replayed from the baselines, gives the members."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from pyroaring import BitMap

from cohorts.criteria import CriteriaError
from cohorts.edit import describe
from cohorts.enums import ChangeKind
from cohorts.models import Baseline, Cohort, Membership, MembershipChange
from ingest.examination import Check, Examination, Finding, Severity

READ = 5_000
"""Rows fetched at a time."""
LATE = timedelta(minutes=15)
"""How much later than asked for a cohort may be evaluated."""
RESTORE = "Rows were changed by hand or restored in part. Save the cohort's criteria silently: a new baseline starts."


def replays_that_differ(examination: Examination) -> Iterator[Finding]:
    """Cohorts whose changes do not alternate or do not lead to the stored members."""
    for membership in Membership.objects.select_related("cohort").defer("universe", "leaves").iterator(1):
        yield from _replay(membership, examination)


def _replay(membership: Membership, examination: Examination) -> Iterator[Finding]:
    """Apply every change in order, beginning anew at each baseline."""
    cohort = membership.cohort
    baselines = Baseline.objects.filter(cohort=cohort).order_by("version").iterator(1)
    baseline = next(baselines, None)
    members, replayed = BitMap(), False
    for version, customer, change in _changes(cohort):
        while baseline is not None and baseline.version <= version:
            members, replayed = BitMap.deserialize(bytes(baseline.members)), True
            baseline = next(baselines, None)
        examination.seen(1)
        if not replayed:
            yield Finding(f'Cohort "{cohort}" has a change (version {version}) before its first baseline.', RESTORE)
            return
        if (customer in members) == (change == ChangeKind.ADDED):
            what = f'In cohort "{cohort}" customer {customer} was {change} twice in a row (version {version}).'
            yield Finding(what, RESTORE)
        (members.add if change == ChangeKind.ADDED else members.discard)(customer)
    while baseline is not None:
        members = BitMap.deserialize(bytes(baseline.members))
        baseline = next(baselines, None)
    stored = BitMap.deserialize(bytes(membership.members))
    if members != stored:
        less, more = len(stored - members), len(members - stored)
        what = f'The changes of cohort "{cohort}" lead to other members: {more} too many, {less} missing.'
        yield Finding(what, RESTORE)


def _changes(cohort: Cohort) -> Iterator[tuple[int, int, str]]:
    changes = MembershipChange.objects.filter(cohort=cohort).order_by("version", "id")
    return changes.values_list("version", "customer_id", "change").iterator(READ)


def memberships_that_differ(examination: Examination) -> Iterator[Finding]:
    """Memberships that do not fit their cohort, their count or their history."""
    for membership in Membership.objects.select_related("cohort").defer("universe", "leaves").iterator(1):
        cohort, counted = membership.cohort, len(BitMap.deserialize(bytes(membership.members)))
        if membership.count != counted:
            yield Finding(f'Cohort "{cohort}" says {membership.count} members and has {counted}.', RESTORE)
        if membership.as_of != cohort.evaluated_at:
            yield Finding(f'Cohort "{cohort}" was evaluated at another time than its members say.', RESTORE)
        newer = {
            "changes": cohort.changes.filter(version__gt=membership.version),
            "baselines": cohort.baselines.filter(version__gt=membership.version),
        }
        for word, rows in newer.items():
            if rows.exists():
                yield Finding(f'Cohort "{cohort}" has {word} that are newer than its members.', RESTORE)
        if not cohort.baselines.exists():
            yield Finding(f'Cohort "{cohort}" has members but no baseline.', RESTORE)
    for cohort in Cohort.objects.filter(evaluated_at__isnull=False, membership=None):
        yield Finding(f'Cohort "{cohort}" was evaluated but has no members stored.', RESTORE)


def invalid_cohorts(examination: Examination) -> Iterator[Finding]:
    """Cohorts that cannot be evaluated as they are."""
    for cohort in Cohort.objects.order_by("name").iterator(100):
        try:
            describe(cohort)
            ZoneInfo(cohort.time_zone)
        except (CriteriaError, ValueError, KeyError, OSError) as error:
            yield Finding(f'Cohort "{cohort}" cannot be evaluated: {error}.', "Edit it, or delete it.")


def cohorts_that_fall_behind(examination: Examination) -> Iterator[Finding]:
    """Cohorts whose last evaluation failed, or that nobody evaluates."""
    for cohort in Cohort.objects.filter(paused_at=None).order_by("name").iterator(100):
        if cohort.error:
            what = f'The last evaluation of cohort "{cohort}" failed: {cohort.error}'
            yield Finding(what, "Do what it says; its members are as they were before.", Severity.WARNING)
        elif (cohort.evaluated_at or cohort.created_at) + cohort.period + LATE < examination.now:
            at = f"{cohort.evaluated_at:%Y-%m-%d %H:%M} UTC" if cohort.evaluated_at else "never"
            what = f'Cohort "{cohort}" is overdue; it was evaluated last: {at}.'
            remedy = "Start the worker (manage.py run_worker); if it runs, give it more WORKERS or longer periods."
            yield Finding(what, remedy, Severity.WARNING)


CHECKS = (
    Check(
        "replay",
        "Changes alternate, and replayed from the baselines they give the members",
        replays_that_differ,
        deep=True,
    ),
    Check("memberships", "Memberships fit their cohorts, counts and histories", memberships_that_differ),
    Check("criteria", "Every cohort can be evaluated", invalid_cohorts),
    Check("evaluations", "Cohorts are evaluated when they are due", cohorts_that_fall_behind),
)
