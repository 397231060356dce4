"""What every test of the API has."""

from __future__ import annotations

import pytest

from ingest.models import Scope
from tests.notifications.api.clients import client_with


@pytest.fixture
def api():
    """A client whose key may do everything here."""
    return client_with(Scope.READ, Scope.WRITE, Scope.ADMIN)
