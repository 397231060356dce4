from __future__ import annotations

import pytest

from ingest.headers import stored_headers


def test_names_are_lower_case_and_values_text():
    sent = {
        "User-Agent": "curl/8",
        "X-N": 1,
        "X-Ratio": 0.5,
        "X-On": True,
        "Accept": ["a", "b"],
        "X-None": None,
        "X-O": {},
    }
    assert stored_headers(sent) == {
        "user-agent": "curl/8",
        "x-n": "1",
        "x-ratio": "0.5",
        "x-on": "true",
        "accept": "a, b",
    }


SENSITIVE = (
    "Authorization AUTHORIZATION Proxy-Authorization Cookie Set-Cookie X-Api-Key apikey X-Auth-Token X-CSRFToken "
    "X-Amz-Security-Token X-Moesif-Application-Id X-Hub-Signature Client-Secret X-Auth-User X_Api_Key"
)


@pytest.mark.parametrize("name", SENSITIVE.split())
def test_what_may_carry_a_secret_is_left_out(name):
    assert stored_headers({name: "canary", "Accept": "*/*"}) == {"accept": "*/*"}
