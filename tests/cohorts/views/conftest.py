"""People of every role, looking at pages."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from tests.factories import make_person


@pytest.fixture
def client_as(client):
    """`client_as("Analyst")`: the test client with a person of that role logged in."""

    def log_in(role):
        person = make_person(staff=False, superuser=False)
        person.groups.add(Group.objects.get(name=role))
        client.force_login(person)
        return client

    return log_in
