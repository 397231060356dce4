"""Requests made from the OpenAPI document of the management API, valid and almost valid: never a fault of ours."""

from __future__ import annotations

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import given
from hypothesis import strategies as st

from ingest.models import Scope
from tests.factories import make_api_key, make_cohort
from tests.ingest.test_fuzz import tried
from tests.notifications.alerts.rows import make_alert, make_maintenance

LISTED = ["/api/cohorts/", "/api/alert-rules/", "/api/alerts/", "/api/maintenance/"]


@pytest.mark.django_db(transaction=True)
def test_what_the_schema_allows_or_almost_allows_is_never_a_fault():
    key = make_api_key(Scope.READ, Scope.WRITE, Scope.ADMIN)
    cohort, alert, window = make_cohort(), make_alert(), make_maintenance()
    rows = {"cohorts": cohort, "alert-rules": alert.rule, "alerts": alert, "maintenance": window}
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    operations = [
        operation.ok() for operation in schema.get_all_operations() if operation.ok().path.startswith(tuple(LISTED))
    ]
    assert len(operations) > 30

    @tried(60)
    @given(st.sampled_from(operations).flatmap(lambda operation: operation.as_strategy()))
    def call(case):
        if "id" in case.path_parameters and case.method != "DELETE":
            case.path_parameters["id"] = str(rows[case.operation.path.split("/")[2]].pk)
        answer = case.call(headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code < 500, (case.method, case.path, answer.text)

    call()
