"""Sealing moves every waiting row into the copy, each exactly once, and the values arrive as they were sent."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pyroaring import BitMap

from ingest.columns import Sealed, Span, open_columns
from ingest.fields import FieldType, customer_field, event_field
from ingest.models import CustomerKind, SealQueue
from tests.factories import add_version, make_company, make_event, make_user

pytestmark = pytest.mark.django_db


def test_smoke(now):
    acme = make_company("acme", now - timedelta(days=9), metadata={"plan": "pro"})
    ann = make_user("ann", now - timedelta(days=9), acme, metadata={"plan": "free", "age": 3})
    bob = make_user("bob", now - timedelta(days=9))
    make_event(ann, now - timedelta(hours=3), request={"verb": "GET"}, metadata={"plan": "x"}, tags=["a"])
    make_event(bob, now - timedelta(hours=2), company=acme)
    add_version(ann, now - timedelta(hours=1), metadata={"age": 4})
    assert open_columns().seal(now) == Sealed(events=2, versions=5)
    assert not SealQueue.objects.exists()
    with open_columns().snapshot(now) as snapshot:
        events = snapshot.events(CustomerKind.COMPANY, Span(None, now))
        verb = snapshot.value(events, event_field("request.verb"), FieldType.TEXT)
        plan = snapshot.value(events, event_field("metadata.plan"), FieldType.TEXT)
        assert snapshot.ids(events.filter(verb == "GET", plan == "x")) == BitMap([acme.pk])
        p = snapshot.profiles(CustomerKind.USER)
        age = snapshot.value(p, customer_field(CustomerKind.USER, "metadata.age"), FieldType.NUMBER)
        assert snapshot.ids(p.filter(age == 4)) == BitMap([ann.pk])
        assert snapshot.changed_profiles(CustomerKind.USER, now - timedelta(hours=2)) == BitMap([ann.pk])
        ex = snapshot.exists(p, customer_field(CustomerKind.USER, "metadata.age"))
        assert snapshot.ids(p.filter(ex)) == BitMap([ann.pk])
        k = snapshot.keep(p.filter(ex))
        assert snapshot.ids(p.semi_join(snapshot.among(snapshot.ids(k)), "customer")) == BitMap([ann.pk])
