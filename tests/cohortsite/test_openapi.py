"""The OpenAPI document and the page to try it."""

import re

import pytest
import yaml
from django.core.management import call_command


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    file = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(file))
    return yaml.safe_load(file.read_text())


def test_the_document_is_valid_and_made_without_warnings(document):
    assert document["openapi"].startswith("3.1")


def test_it_names_every_address_of_the_management_api(document):
    assert {path for path in document["paths"] if path.startswith("/api/")} == {
        "/api/alert-rules/",
        "/api/alert-rules/by-key/{key}/",
        "/api/alert-rules/example/",
        "/api/alert-rules/preview/",
        "/api/alert-rules/{id}/",
        "/api/alert-rules/{id}/changes/",
        "/api/alert-rules/{id}/snooze/",
        "/api/alert-rules/{id}/wake/",
        "/api/alert-rules/{id}/watch/",
        "/api/alerts/",
        "/api/alerts/{id}/",
        "/api/alerts/{id}/acknowledge/",
        "/api/alerts/{id}/snooze/",
        "/api/alerts/{id}/wake/",
        "/api/backtests/",
        "/api/backtests/{id}/",
        "/api/backtests/{id}/cancel/",
        "/api/backtests/{id}/moves/",
        "/api/channels/",
        "/api/channels/by-key/{key}/",
        "/api/channels/{id}/",
        "/api/channels/{id}/rotate/",
        "/api/channels/{id}/test/",
        "/api/cohorts/",
        "/api/cohorts/by-key/{key}/",
        "/api/cohorts/preview/",
        "/api/cohorts/{id}/",
        "/api/cohorts/{id}/changes/",
        "/api/cohorts/{id}/changes/csv/",
        "/api/cohorts/{id}/members/csv/",
        "/api/cohorts/{id}/evaluate/",
        "/api/cohorts/{id}/evaluations/",
        "/api/cohorts/{id}/members/",
        "/api/customers/",
        "/api/customers/{id}/",
        "/api/deliveries/",
        "/api/deliveries/replay/",
        "/api/deliveries/{id}/",
        "/api/deliveries/{id}/replay/",
        "/api/holds/",
        "/api/holds/{id}/",
        "/api/holds/{id}/drop/",
        "/api/holds/{id}/send/",
        "/api/maintenance/",
        "/api/maintenance/{id}/",
        "/api/subscriptions/",
        "/api/subscriptions/by-key/{cohort}/{channel}/",
        "/api/subscriptions/{id}/",
    }


def test_every_operation_of_the_management_api_says_how_it_refuses(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.startswith("/api/"):
                assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_no_secret_of_a_channel_is_in_the_form_that_is_read(document):
    assert "secret" not in document["components"]["schemas"]["Channel"]["properties"]
    assert "secret" in document["components"]["schemas"]["CreatedChannel"]["properties"]


@pytest.mark.django_db
def test_the_page_to_try_it_loads_nothing_from_outside(client):
    page = client.get("/api/docs/")
    script = client.get("/api/docs/?script=")

    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.content.decode())
    assert page.status_code == 200
    assert loaded
    assert all(address.startswith(("/", "?")) for address in loaded if not address.startswith("/api/docs/"))
    assert not re.search(r"<script>", page.content.decode())
    assert b"SwaggerUIBundle" in script.content
