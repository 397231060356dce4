"""Each condition in the WHERE of a claim, a fence or a finish is needed: without it the promise breaks.

A guard is a column in the WHERE of an UPDATE, whatever code builds it (`updates.Guard`). For each there is a story
(`stories.STORIES`) on a stage (`stages`): somebody else acts between reading and writing, so that this condition alone
no longer holds, and the work then has to leave no trace. The same story without the condition leaves one.
`test_every_guard_has_a_story` fails for one without.
"""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from ingest.columns.seal import assign
from ingest.models import SealQueue, Segment
from tests.factories import make_event, make_user
from tests.faults.stories import NO_STORY, STORIES
from tests.faults.updates import Guard, another_worker_before, guards_of, watched, without
from tests.notifications.test_batching import at_once

OURS = ("ingest", "cohorts", "notifications", "alerts")


@pytest.mark.django_db
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("story", STORIES)
def test_a_guard_holds_and_without_it_the_promise_breaks(story, guarded, now, receiver):
    make_stage, guard, acts = STORIES[story]
    stage = make_stage(now, receiver)
    before = stage.trace()
    with nullcontext() if guarded else without(guard), another_worker_before(guard, acts):
        stage.act()
    assert (stage.trace() == before) == guarded


@pytest.mark.django_db
def test_every_guard_has_a_story(now, receiver):
    updates: list[set[Guard]] = []
    for make_stage in dict.fromkeys(make_stage for make_stage, _, _ in STORIES.values()):
        stage = make_stage(now, receiver)
        with watched(lambda update, written: updates.append(guards_of(update, written))):
            stage.act()
    known = {guard for _, guard, _ in STORIES.values()} | set(NO_STORY)
    untold = [
        f"{model.__name__}: {asked}"
        for guards in updates
        for model, asked in {(model, asked) for model, _, asked in guards if model._meta.app_label in OURS}
        if not any(guard in known for guard in guards if guard[2] == asked)
    ]
    assert not untold, sorted(set(untold))
    assert known <= set().union(*updates)


@pytest.mark.django_db(transaction=True)
def test_rows_are_given_to_one_segment(now):
    """Two workers that assign at once: PostgreSQL lets the second wait, and asks again of each row what it asked."""
    for _ in range(5):
        ann = make_user("ann", now)
        make_event(ann, now)
        at_once(lambda: assign(Segment.Kind.EVENTS, now), workers=3)
        assert SealQueue.objects.filter(source="event", segment=None).count() == 0
        assert Segment.objects.filter(kind="events").count() == 1
        SealQueue.objects.all().delete()
        Segment.objects.all().delete()
