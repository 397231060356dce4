"""The published clients, sending to an address: `moesifapi` in this process, `moesifdjango` in a small Django app."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from moesifapi.configuration import Configuration
from moesifapi.models import CampaignModel, CompanyModel, EventModel, EventRequestModel, EventResponseModel, UserModel
from moesifapi.moesif_api_client import MoesifAPIClient

from ingest.arrivals import record_arrivals

SMALL_APP = Path(__file__).with_name("small_app.py")


@dataclass(frozen=True)
class Call:
    """An API call to send: `time` is when the request came in."""

    time: datetime
    uri: str = "https://api.acme.test/items/42"
    verb: str = "GET"
    status: int = 200
    user_id: str | None = None
    company_id: str | None = None
    metadata: dict[str, Any] | None = None
    headers: dict[str, str] | None = None

    def model(self) -> EventModel:
        """As moesifapi wants it; it took no time."""
        moment = self.time.isoformat()
        return EventModel(
            request=EventRequestModel(time=moment, uri=self.uri, verb=self.verb, headers=self.headers),
            response=EventResponseModel(time=moment, status=self.status),
            user_id=self.user_id,
            company_id=self.company_id,
            metadata=self.metadata,
        )


def send_with_moesifapi(
    address: str,
    key: str,
    *,
    calls: Sequence[Call] = (),
    users: Sequence[dict[str, Any]] = (),
    companies: Sequence[dict[str, Any]] = (),
) -> None:
    """Send all with the published Python client, and record it: one thing alone, several as a batch. Raises what the
    client raises.

    Users and companies are the arguments of its models, e.g. `{"user_id": "12345", "metadata": {...}}`.
    """
    with moesifapi_client(address, key) as api:
        _send(api.create_event, api.create_events_batch, [call.model() for call in calls])
        _send(api.update_user, api.update_users_batch, [UserModel(**_with_campaign(user)) for user in users])
        companies_ = [CompanyModel(**_with_campaign(company)) for company in companies]
        _send(api.update_company, api.update_companies_batch, companies_)
    record_arrivals()


@contextmanager
def moesifapi_client(address: str, key: str) -> Iterator[Any]:
    """The controller of moesifapi, whose base address is all that is changed."""
    before, Configuration.BASE_URI = Configuration.BASE_URI, address
    api = MoesifAPIClient(key).api
    try:
        with closing(api.http_client.session):
            yield api
    finally:
        Configuration.BASE_URI = before


@contextmanager
def moesifdjango_app(address: str, key: str) -> Iterator[str]:
    """A small Django app with the moesifdjango middleware, in a process of its own; gives the app's address.

    `GET /items/<id>` answers 200, `/bad` 400, `/broken` 500 (a view that raises). The headers `X-User` and
    `X-Company` say who calls. The middleware sends what it saw every two seconds.
    """
    process = subprocess.Popen(
        [sys.executable, str(SMALL_APP), address, key], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert port, "the small app did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def call_app(app: str, path: str, *, user_id: str | None = None, company_id: str | None = None, **headers: str) -> int:
    """Call the small app as a customer of it does; the status of its answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if user_id:
        named["X-User"] = user_id
    if company_id:
        named["X-Company"] = company_id
    return requests.get(app + path, headers=named, timeout=10).status_code


def wait_until(condition: Any, seconds: float = 30) -> None:
    """Record what arrives until the condition holds; fails when it does not in time."""
    end = time.monotonic() + seconds
    while record_arrivals() or not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def _send(one: Any, many: Any, models: list[Any]) -> None:
    if len(models) == 1:
        one(models[0])
    elif models:
        many(models)


def _with_campaign(values: dict[str, Any]) -> dict[str, Any]:
    campaign = values.get("campaign")
    return {**values, "campaign": CampaignModel(**campaign)} if campaign else values
