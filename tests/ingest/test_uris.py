from __future__ import annotations

import pytest

from ingest.parse import parse_action, parse_event
from ingest.uris import stored_uri
from tests.ingest.items import action, event


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("https://api.acme.test/items/42?a=1&b=", "https://api.acme.test/items/42?a=1&b="),
        ("/items?api_key=canary&page=2", "/items?api_key=(dropped)&page=2"),
        ("/items?page=2&Access-Token=can=ary#top", "/items?page=2&Access-Token=(dropped)#top"),
        ("/items?a=1;password=canary;b=2", "/items?a=1;password=(dropped);b=2"),
        ("/callback#access_token=canary&state=1", "/callback#access_token=(dropped)&state=1"),
        ("https://ada:canary@api.acme.test/a?b=c@d", "https://api.acme.test/a?b=c@d"),
        ("//ada@api.acme.test", "//api.acme.test"),
        ("/users/ada@acme.test", "/users/ada@acme.test"),
        ("/token=1/secret", "/token=1/secret"),
        ("/?secret", "/?secret"),
        ("", ""),
    ],
)
def test_logins_and_secret_parameters_are_dropped(sent, stored):
    assert stored_uri(sent) == stored


def test_neither_calls_nor_actions_keep_them(now):
    uri = "https://ada:canary@api.acme.test/items/42?token=canary"
    for record in (
        parse_event(event(request={"uri": uri}), now),
        parse_action(action(request={"uri": uri}), now),
    ):
        assert record.fields["request"]["uri"] == "https://api.acme.test/items/42?token=(dropped)"
        assert record.fields["request"]["route"] == "/items/:id"
