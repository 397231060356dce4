"""What every test has: a columnar copy of its own, and instants that do not depend on the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.receivers import http_receiver, slack_server, smtp_server


@pytest.fixture
def now() -> datetime:
    """A Monday noon."""
    return datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_columns(settings, tmp_path):
    """Each test seals into its own directory."""
    settings.EVENTS_URL = f"duckdb://{tmp_path}/columns"


@pytest.fixture
def open_loopback(settings):
    """The receivers of tests are where a real site sends nothing: http, loopback, any port."""
    settings.ALLOW_HTTP_WEBHOOKS = True
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.WEBHOOK_ALLOW_PORTS = ["1-65535"]


@pytest.fixture
def receiver(open_loopback):
    with http_receiver() as running:
        yield running


@pytest.fixture
def slack(settings, open_loopback):
    with slack_server() as running:
        settings.SLACK_WEBHOOK_PREFIXES = [f"{running.address}/services/"]
        settings.SLACK_API_URL = running.api_url
        yield running


@pytest.fixture
def mailbox(settings):
    with smtp_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", running.port, 2
        yield running
