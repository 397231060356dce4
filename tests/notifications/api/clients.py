"""Clients of the management API."""

from __future__ import annotations

from rest_framework.test import APIClient

from tests.factories import make_api_key


def client_with(*scopes):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {make_api_key(*scopes)}")
    return client
