"""Every operator with every kind of value, on profiles and on events that hold every kind of value."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.factories import NOON
from tests.properties.budget import ENGINES_HERE
from tests.properties.comparing import Question, assert_same_members, recorded
from tests.properties.definitions import condition
from tests.reference_world import Clock, Received

pytestmark = pytest.mark.django_db
CLOCK = Clock(NOON, ZoneInfo("Asia/Kathmandu"), 7)
HOUR = timedelta(hours=1)

TEXTS = [
    "pro",
    "Pro",
    "PROfessional",
    "pr",
    "100%",
    "1000",
    "a_b",
    "axb",
    "a\\b",
    "400",
    "true",
    "null",
    " ",
    "",
    "x\ny",
]
TEXTS += [
    "İSTANBUL",
    "istanbul",
    "i\u0307stanbul",
    "ΣΑΣ",
    "σας",
    "\u03c3\u03b1\u03c3",
    "Straße",
    "STRASSE",
    "ﬁ",
    "\U0001f600",
    "é",
    "e\u0301",
]
LIKE_SQL = ['"source"', '"source" WHERE 1=1) --', "' OR 1=1 --", "'; DROP TABLE events; --", "{0}", "%s", "$1", "?"]
TEXTS += LIKE_SQL
TIMES = [NOON.isoformat(), "2026-03-02", "2026-03-02T12:00:00", "2026-03-02T17:45+05:45", "20260302T115959Z"]
TIMES += ["2026-03-02T12:00:00.0000009Z", "2026-03-02T11:00:00.000001Z", "2026-13-02T00:00:00Z", "2027-01-01T00:00:00Z"]
NUMBERS = [0, -0.0, 1, 1.0, 0.1, 400, -3, 2.5, 1e18, 2**53, 5e-324, 1772452800]
OTHERS = [True, False, None, [], ["pro"], [400], {}, {"pro": 1}, {"b": "pro"}, {"b": {"c": "pro"}}]
VALUES: list[Any] = [*TEXTS, *TIMES, *NUMBERS, *OTHERS]

ASKED: list[tuple[Any, ...]] = [
    *(("is", text) for text in ["pro", "400", "true", "100%", "İSTANBUL", "é", "2026-03-02", " "]),
    *(("is", text) for text in LIKE_SQL),
    *(("contains", text) for text in LIKE_SQL),
    *(("is", number) for number in [0, -0.0, 1, 400.0, 0.1, 2**53, 5e-324]),
    *(("is", other) for other in [True, False, ["pro", 400, False], [0, 1, 2.5], ["Pro", "pr"], [True, 1]]),
    *(("is_not", value) for value in ["pro", 400, True, ["pro", 400, False]]),
    *(("contains", part) for part in ["PRO", "%", "_", "\\", "İ", "Σ", "ß", "ss", "FI", "\n", "É", "0"]),
    *(("starts_with", part) for part in ["PRO", "1000", "100%", "a_", "İ", "Σ", "2026"]),
    *(("ends_with", part) for part in ["RO", "_B", "Σ", "Z", "\\b", "0"]),
    *(("not_contains", part) for part in ["PRO", "_"]),
    *((op, number) for op in (">", ">=", "<", "<=") for number in (0, 1, 400, 1e18)),
    *(("between", pair) for pair in ([0, 1], [-3, 0], [400, 400])),
    *((op, text) for op in ("before", "after") for text in ("2026-03-02T12:00:00Z", "2026-03-02T17:45:00+05:45")),
    *((op, {"ago": "1h"}) for op in ("before", "after")),
    ("between", ["2026-03-02T11:00:00.000001Z", "2026-03-02T12:00:00Z"]),
    ("on", {"calendar": "today"}),
    ("on", {"last": "1h"}),
    ("not_on", {"calendar": "today"}),
    ("exists",),
    ("not_exists",),
]
TEXT_OPERATORS = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "exists", "not_exists")


def for_text(op: str, *value: Any) -> bool:
    """Whether the question can be put to a text field."""
    return op in TEXT_OPERATORS and all(
        isinstance(each, str) for one in value for each in (one if isinstance(one, list) else [one])
    )


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_profiles_hold_what_the_reference_says(engine):
    metadata = [{"v": value, "email": value, "a": value, "a.b": "pro"} for value in VALUES] + [{}]
    received = [
        Received(
            what, {f"{what}_id": f"{what} {place}", "company_id": f"company {place}", "metadata": given}, NOON - HOUR
        )
        for place, given in enumerate(metadata)
        for what in ("user", "company")
    ]
    questions: list[Question] = [("user", condition("metadata.v", *asked)) for asked in ASKED]
    for field in ("metadata.a.b", "metadata.a.b.c", "company.metadata.v", "metadata.v.b"):
        questions += [("user", condition(field, *asked)) for asked in ASKED[::5] + ASKED[-2:]]
    for kind, field in [("user", "email"), ("company", "name"), ("company", "email"), ("user", "company.email")]:
        questions += [(kind, condition(field, *asked)) for asked in ASKED[::3] + ASKED[-2:] if for_text(*asked)]
    with recorded(received, on=engine):
        assert_same_members(received, CLOCK, questions)


@pytest.mark.parametrize("engine", ENGINES_HERE)
def test_events_hold_what_the_reference_says(engine):
    received = [
        Received("event", call | {"user_id": f"user {place}"}, NOON)
        for place, call in enumerate([calling(metadata={"v": value}) for value in VALUES] + odd_calls())
    ]
    asked = [("metadata.v", *each) for each in ASKED]
    asked += [("tags", *each) for each in ASKED if for_text(*each)]
    asked += [("request.headers.X-PLAN", *each) for each in ASKED if for_text(*each)]
    asked += [("request.body.order.amount", *each) for each in ASKED[::4] + ASKED[-2:]]
    for field, values in KNOWN_FIELDS.items():
        asked += [(field, op, value) for op in ("is", "is_not") for value in values]
        asked += [(field, "exists"), (field, "not_exists")]
    asked += [("duration_ms", op, 1500) for op in (">", ">=", "<", "<=")]
    wheres = [condition(*each) for each in asked]
    pairs = list(zip(wheres, wheres[7:], strict=False))[::9]
    wheres += [{"all": [one, {"not": other}]} for one, other in pairs] + [{"any": list(pair)} for pair in pairs]
    with recorded(received, on=engine):
        assert_same_members(
            received,
            CLOCK,
            [("user", {"performed": {"where": where}, "at_least": 1, "within": {"ever": True}}) for where in wheres],
        )


KNOWN_FIELDS: dict[str, list[Any]] = {
    "type": ["api_call", "action"],
    "action_name": ["signup"],
    "request.verb": ["GET", "get"],
    "request.uri": ["https://api.acme.test/items/42?x=1"],
    "request.route": ["/items/:id", "/:id/:id/deadbeef", "/given", "/"],
    "request.ip_address": ["10.0.0.1"],
    "request.api_version": ["v1"],
    "request.body.card": [1],
    "response.status": [400, [200, 500]],
    "response.headers.x-plan": ["pro"],
    "duration_ms": [1500, 0.001, 0],
    "session_token": ["s1"],
    "transaction_id": ["t1"],
    "direction": ["Incoming"],
    "subscription_id": ["sub1"],
}


def calling(
    metadata: dict[str, Any] | None = None, response: dict[str, Any] | None = None, **request: Any
) -> dict[str, Any]:
    call: dict[str, Any] = {"metadata": metadata}
    call["request"] = {"time": NOON.isoformat(), "verb": "GET", "uri": "/items", **request}
    return call | ({"response": response} if response else {})


def odd_calls() -> list[dict[str, Any]]:
    """Calls that differ in the fields that every call can have."""
    later = (NOON + 1.5 * timedelta(seconds=1)).isoformat()
    answers = [{"time": later, "status": status} for status in (200, 400, "400", 400.0, 500)]
    answers += [{"time": (NOON + timedelta(microseconds=tick)).isoformat(), "status": 200} for tick in (1, 0, -1)]
    uris = [
        "https://api.acme.test/items/42?x=1",
        "/9f86d081/9f86d081-0000-4000-8000-00000000000f/deadbeef",
        "/a/42#top",
    ]
    bodies = [{"order": {"amount": value}, "card": 1} for value in (5, "pro", True, None, NOON.isoformat(), {"b": 1})]
    return [
        *(calling(response=answer) for answer in answers),
        calling(response={"time": later, "status": 200, "headers": {"X-Plan": "pro"}}),
        *(calling(uri=uri) for uri in uris),
        calling(route="/given", api_version="v1", ip_address="10.0.0.1", verb="get"),
        *(calling(headers={"x-Plan": value}) for value in ["pro", "Pro", 400, "", NOON.isoformat()]),
        *(calling(body=body) for body in bodies),
        calling(body=bodies[0], transfer_encoding="base64"),
        *(
            calling() | {"tags": tags}
            for tags in [None, "", [], ["pro"], ["Pro", "x"], "pro", ["100%", "a_b"], ["400"]]
        ),
        calling() | {"transaction_id": "t1", "action_name": "signup", "session_token": "s1"},
        calling() | {"direction": "Incoming", "subscription_id": "sub1"},
    ]
