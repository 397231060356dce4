"""People of every role, looking at pages."""

from tests.cohorts.views.conftest import client_as

__all__ = ["client_as"]
