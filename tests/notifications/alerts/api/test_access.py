"""Who may use the API of alerts."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from notifications.alerts.models import AlertRule
from tests.factories import make_person
from tests.notifications.alerts.api.asking import ALERTS, MAINTENANCE, RULE, RULES, client_with
from tests.notifications.alerts.rows import make_alert

pytestmark = pytest.mark.django_db


def test_reading_needs_the_scope_to_read_and_changing_that_to_write():
    reads, writes = client_with(Scope.READ), client_with(Scope.WRITE)
    alert = make_alert()
    for address in (RULES, ALERTS, MAINTENANCE, f"{RULES}{alert.rule_id}/changes/", f"{ALERTS}{alert.pk}/"):
        assert (reads.get(address).status_code, writes.get(address).status_code) == (200, 403), address
    for address in (RULES, MAINTENANCE, f"{RULES}{alert.rule_id}/snooze/", f"{ALERTS}{alert.pk}/acknowledge/"):
        assert reads.post(address).status_code == 403, address
    assert reads.put(f"{RULES}by-key/x/", RULE).status_code == 403
    assert APIClient().get(RULES).status_code == 401


def test_a_person_needs_the_same_permissions_as_on_the_pages():
    client, alert = APIClient(), make_alert()
    client.force_login(make_person(superuser=False))
    addresses = (RULES, ALERTS, MAINTENANCE)
    assert [client.get(address).status_code for address in addresses] == [403] * 3
    person = make_person()
    client.force_login(person)
    assert client.post(f"{ALERTS}{alert.pk}/acknowledge/").json()["acknowledged_by"] == person.username
    assert client.post(RULES, RULE).status_code == 201
    assert AlertRule.objects.get(name=RULE["name"]).created_by == person
