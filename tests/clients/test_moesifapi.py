"""The published `moesifapi`, with only its base address changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from django.utils import timezone
from moesifapi.exceptions.api_exception import APIException

from ingest.arrivals import record_arrivals
from ingest.keys import find_key, revoke_key
from ingest.models import Customer, Event, Scope
from tests.clients.senders import Call, moesifapi_client, send_with_moesifapi
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db(transaction=True)
MOMENT = datetime(2026, 3, 2, 11, 30, 0, 250_000, UTC)


@pytest.fixture
def key(transactional_db) -> str:
    return make_api_key(Scope.COLLECTOR)


def test_events_users_and_companies_are_stored(live_server, key):
    calls = [
        Call(MOMENT, status=400, user_id="12345", company_id="67890", metadata={"n": 1}, headers={"Cookie": "canary"}),
        Call(MOMENT + timedelta(seconds=1), verb="POST", uri="/purchases/17?x=1", user_id="12345"),
    ]
    user = {
        "user_id": "12345",
        "company_id": "67890",
        "metadata": {"email": "a@acme.test"},
        "campaign": {"utm_source": "x"},
    }
    company = {"company_id": "67890", "company_domain": "acme.test", "metadata": {"plan": "pro"}}
    send_with_moesifapi(live_server.url, key, calls=calls, users=[user], companies=[company])
    first, second = Event.objects.order_by("time")
    assert (first.time, first.user.external_id, first.company.external_id) == (MOMENT, "12345", "67890")
    assert (first.fields["response"], first.fields["metadata"]) == ({"status": 400}, {"n": 1})
    assert first.fields["request"].get("headers", {}) == {}
    assert (second.fields["request"]["route"], second.company) == ("/purchases/:id", None)
    stored = Customer.objects.get(kind="user")
    assert stored.profile == {"metadata": {"email": "a@acme.test"}, "campaign": {"utm_source": "x"}}
    assert stored.company.profile == {"company_domain": "acme.test", "metadata": {"plan": "pro"}}


def test_one_event_and_batches_of_profiles_are_stored(live_server, key):
    users = [{"user_id": f"u{n}"} for n in range(3)]
    companies = [{"company_id": f"c{n}"} for n in range(3)]
    send_with_moesifapi(live_server.url, key, calls=[Call(MOMENT)], users=users, companies=companies)
    assert Event.objects.count() == 1
    assert Customer.objects.count() == 6


def test_an_event_sent_again_is_stored_once(live_server, key):
    model = Call(MOMENT, user_id="u1").model()
    with moesifapi_client(live_server.url, key) as api:
        api.create_event(model)
        api.create_events_batch([model, Call(MOMENT, user_id="u1").model()])
    record_arrivals()
    assert Event.objects.count() == 2


def test_the_answer_carries_the_tags_that_the_client_reads(live_server, key):
    with moesifapi_client(live_server.url, key) as api:
        headers = api.create_event(Call(MOMENT).model())
        config = api.get_app_config()
        rules = api.get_governance_rules()
    assert headers["X-Moesif-Config-ETag"] == config.headers["X-Moesif-Config-ETag"]
    assert config.raw_body.startswith('{"sample_rate":100')
    assert rules.raw_body == "[]"


def test_a_revoked_key_is_refused_and_config_still_answers(live_server, key):
    revoke_key(find_key(key, timezone.now()), timezone.now())
    with moesifapi_client(live_server.url, key) as api:
        with pytest.raises(APIException) as refused:
            api.create_event(Call(MOMENT).model())
        assert refused.value.response_code == 401
        assert api.get_app_config().raw_body.startswith('{"sample_rate":100')
    assert not Event.objects.exists()


def test_the_probe_answers(live_server):
    assert requests.get(f"{live_server.url}/health/probe", timeout=10).json()["status"] is True
