from __future__ import annotations

import pytest

from ingest.models import Scope
from tests.factories import make_api_key


@pytest.fixture
def collector_key(db) -> str:
    """The text of a key that may send."""
    return make_api_key(Scope.COLLECTOR)
