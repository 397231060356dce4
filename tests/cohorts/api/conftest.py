"""Who asks the API of cohorts."""

import pytest
from rest_framework.test import APIClient

from ingest.models import Scope
from tests.factories import make_api_key


@pytest.fixture
def api():
    """A client whose key may read and write."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(Scope.READ, Scope.WRITE)}")
    return client
