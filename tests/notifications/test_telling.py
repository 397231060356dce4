"""What is no batch is told once to each recipient, and the database sees to what belongs together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from notifications.models import Delivery
from notifications.telling import Thing, deliveries_of, tell
from tests.factories import make_batch, make_channel, make_told

pytestmark = pytest.mark.django_db


def compose(channel, now, key="rule 1 opened", **options):
    thing = Thing(Delivery.About.ALERT, key, "Error rate", "https://example.com/rule/")
    return deliveries_of(thing, channel, ["a@example.com", "b@example.com"], lambda id: f'"{id}"', now, **options)


def test_of_the_same_thing_each_recipient_is_told_once_whoever_composes_it_again(now):
    channel, other = make_channel("email"), make_channel("email")
    first = compose(channel, now)
    tell(first)
    Delivery.objects.update(state="delivered")
    tell([*compose(channel, now + timedelta(hours=1)), *compose(other, now), *compose(channel, now, "rule 1 resolved")])
    assert Delivery.objects.count() == 6
    assert {one.pk for one in first} == set(Delivery.objects.filter(state="delivered").values_list("pk", flat=True))
    assert {one.content for one in first} == {f'"{first[0].pk}"'}, "all read the same, by the first one's id"


@pytest.mark.parametrize(
    "values", [{"about": "batch"}, {"about": "alert", "key": ""}, {"batch": True}], ids=["no batch", "no key", "both"]
)
def test_a_delivery_has_either_a_batch_or_a_key(values):
    told = make_told()
    if "batch" in values:
        values = {"batch": make_batch()}
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=told.pk).update(**values)


def test_the_database_lets_nobody_be_told_twice():
    told = make_told(key="rule 1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.create(
            about="notice",
            key="rule 1",
            channel=told.channel,
            content="{}",
            created_at=told.created_at,
            next_attempt_at=told.created_at,
        )


def test_a_title_of_any_length_and_kind_is_kept_as_one_line(now):
    thing = Thing(Delivery.About.ALERT, "k", "Error\r\nrate " * 100, "https://example.com/")
    tell(deliveries_of(thing, make_channel(), [""], lambda id: "{}", now))
    kept = Delivery.objects.get().title
    assert len(kept) == 300
    assert "\n" not in kept
