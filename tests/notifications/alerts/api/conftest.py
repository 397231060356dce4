from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from tests.notifications.alerts.api.asking import client_with


@pytest.fixture
def api() -> APIClient:
    """A client whose key reads and writes."""
    return client_with(Scope.READ, Scope.WRITE)
