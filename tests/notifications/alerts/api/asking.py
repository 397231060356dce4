"""How tests ask the management API of alerts."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from ingest.models import Scope
from tests.factories import make_api_key
from tests.notifications.alerts.rows import OVER_100

RULES, ALERTS, MAINTENANCE = "/api/alert-rules/", "/api/alerts/", "/api/maintenance/"
UNUSUAL = {"anomaly": {"direction": "up", "sensitivity": "low"}}
RULE = {"name": "Many calls", "definition": OVER_100}


def client_with(*scopes: Scope) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*scopes)}")
    return client


def paths(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [error["path"] for error in answer.json()["errors"]]


def ids(answer: Any) -> set[str]:
    return {each["id"] for each in answer.json()["results"]}
