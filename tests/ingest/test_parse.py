"""From the forms on the wire to records, field by field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode import Rejected
from ingest.parse import (
    PARSERS,
    parse_action,
    parse_company,
    parse_event,
    parse_user,
)
from ingest.records import EventRecord, ProfileRecord
from tests.ingest.items import action, event

ELEVEN = datetime(2026, 3, 2, 11, tzinfo=UTC)


def test_explicit_nulls_mean_not_given(now):
    nulls = dict.fromkeys(
        (
            "session_token",
            "tags",
            "user_id",
            "company_id",
            "metadata",
            "direction",
            "weight",
            "blocked_by",
            "action_name",
        )
    )
    message = dict.fromkeys(("headers", "api_version", "ip_address", "body", "transfer_encoding"))
    record = parse_event(event(**nulls, transaction_id=None, request=message, response=message), now)
    assert (record.user_id, record.company_id, record.weight) == (None, None, 1)
    assert record.fields == {
        "request": {"verb": "GET", "uri": "https://api.acme.test/items/42?a=1", "route": "/items/:id"},
        "response": {"status": 200},
        "duration_ms": 250,
    }


def test_a_call_that_timed_out_has_no_response(now):
    item = event()
    del item["response"]
    assert parse_event(item, now).fields.keys() == {"request"}


@pytest.mark.parametrize(
    ("start", "end", "duration"),
    [
        ("11:00:00Z", "11:00:00Z", 0),
        ("11:00:00Z", "11:00:01.5Z", 1500),
        ("11:00:00Z", "11:00:00.000250Z", 0.25),
        ("11:00:00Z", "11:00:00.123456Z", 123.456),
        ("11:00:00Z", "12:00:00+02:00", None),  # a clock that went back tells nothing
    ],
)
def test_the_duration_is_the_time_between_request_and_response(now, start, end, duration):
    item = event(request={"time": f"2026-03-02T{start}"}, response={"time": f"2026-03-02T{end}"})
    assert parse_event(item, now).fields.get("duration_ms") == duration


def test_a_route_given_by_the_sender_is_kept(now):
    assert parse_event(event(request={"route": "/items/{id}"}), now).fields["request"]["route"] == "/items/{id}"


@pytest.mark.parametrize(
    ("sent", "weight"),
    [(None, 1), (1, 1), (10, 10), ("10", 10), (10.0, 10), (1_000_000, 1_000_000), (1_000_001, 1), (0, 1), (-5, 1),
     (2.5, 1), (True, 1), ("many", 1), ("", 1), ([], 1), (2**60, 1)],
)  # fmt: skip
def test_a_weight_that_is_no_integer_in_range_counts_as_one(now, sent, weight):
    assert parse_event(event(weight=sent), now).weight == weight


def test_actions_weigh_one(now):
    assert parse_action(action(weight=10), now).weight == 1


@pytest.mark.parametrize(("sent", "status"), [(404, 404), ("404", 404), (200.0, 200)])
def test_a_status_sent_as_digits_becomes_a_number(now, sent, status):
    stored = parse_event(event(response={"status": sent}), now).fields["response"]["status"]
    assert stored == status
    assert not isinstance(stored, str)


def test_a_time_far_ahead_is_taken_for_the_time_of_receipt_and_says_so(now):
    ahead = now + timedelta(hours=24, microseconds=1)
    record = parse_event(event(request={"time": ahead.isoformat()}), now)
    assert (record.time, record.fields["clamped_time"]) == (now, ahead.isoformat())
    record = parse_event(event(request={"time": (now + timedelta(hours=24)).isoformat()}), now)
    assert record.time == now + timedelta(hours=24)
    assert "clamped_time" not in record.fields


def test_old_times_are_taken_as_they_are(now):
    record = parse_event(event(request={"time": "1999-12-31T23:59:59.999999999Z"}), now)
    assert record.time == datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC)


def test_an_action_without_time_happened_now(now):
    record = parse_action({"action_name": "Clicked", "user_id": "u1"}, now)
    assert (record.type, record.time, record.received_at) == ("action", now, now)
    assert record.fields == {"action_name": "Clicked"}


def test_an_action_keeps_what_criteria_can_ask_of_its_request(now):
    request = {"uri": "https://acme.test/p/7?q", "verb": "GET", "ip_address": "::1", "user_agent_string": "UA"}
    assert parse_action(action(request=request), now).fields["request"] == {
        "uri": "https://acme.test/p/7?q",
        "verb": "GET",
        "ip_address": "::1",
        "route": "/p/:id",
        "headers": {"user-agent": "UA"},
    }


def test_a_visitor_goes_by_the_anonymous_id_until_both_are_sent(now):
    assert parse_user({"anonymous_id": "a1"}, now).external_id == "a1"
    both = parse_user({"anonymous_id": "a1", "user_id": "u1"}, now)
    assert (both.external_id, both.patch) == ("u1", {"anonymous_id": "a1"})
    assert parse_action(action(anonymous_id="a1"), now).user_id == "a1"
    assert parse_action(action(anonymous_id="a1", user_id="u1"), now).user_id == "u1"


def test_a_profile_keeps_what_was_given(now):
    record = parse_user(
        {
            "user_id": " 12345 ",
            "company_id": 67890,
            "modified_time": "2020-01-01",
            "ip_address": "1.2.3.4",
            "session_token": None,
            "user_agent_string": "UA",
            "metadata": {"email": "a@x.test", "gone": None, "deep": {"gone": None, "list": [1, None]}},
            "campaign": {"utm_source": "google", "utm_term": None, "unknown": "x"},
        },
        now,
    )
    assert (record.kind, record.external_id, record.company_id, record.received_at) == ("user", "12345", "67890", now)
    assert record.patch == {
        "ip_address": "1.2.3.4",
        "user_agent_string": "UA",
        "metadata": {"email": "a@x.test", "deep": {"list": [1, None]}},
        "campaign": {"utm_source": "google"},
    }
    company = parse_company({"company_id": "c", "company_domain": "c.test", "modified_time": None, "campaign": {}}, now)
    assert (company.kind, company.patch) == ("company", {"company_domain": "c.test"})


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("u1", "u1"), ("  u1\n", "u1"), (42, "42"), ("", None), ("   ", None), (None, None), ("x" * 200, "x" * 200),
     ("é", "é"), ("null", "null"), ("a b", "a b")],
)  # fmt: skip
def test_identifiers_are_trimmed_texts(now, sent, stored):
    assert parse_event(event(user_id=sent), now).user_id == stored


@pytest.mark.parametrize("sent", ["x" * 201, "a\x00b", "a\ufffdb", "a\nb", "a\x85b", 1.5, True, [], {}, 2**53 + 1])
@pytest.mark.parametrize("name", ["user_id", "company_id", "transaction_id"])
def test_other_identifiers_are_refused_by_name(now, name, sent):
    with pytest.raises(Rejected, match=f"^{name}: expected"):
        parse_event(event(**{name: sent}), now)


@pytest.mark.parametrize("id_", ["null", "undefined", "None", "nan", "0", "guest", "anonymous"])
def test_the_browser_may_not_send_ids_that_stand_for_nobody(now, id_):
    for parse, item in (
        (parse_user, {"user_id": id_}),
        (parse_event, event(user_id=id_)),
        (parse_action, action(user_id=id_)),
    ):
        with pytest.raises(Rejected, match=r"^user_id: "):
            parse(item, now, from_browser=True)
        assert parse(item, now)


@pytest.mark.parametrize(
    ("sent", "stored"), [("", None), (None, None), ([], []), (["a", ""], ["a", ""]), ("vip", ["vip"])]
)
def test_tags_are_a_list_of_texts(now, sent, stored):
    assert parse_event(event(tags=sent), now).fields.get("tags") == stored


@pytest.mark.parametrize(
    ("item", "path"),
    [
        (17, "expected an object"),
        (None, "expected an object"),
        ([], "expected an object"),
        ({}, "request"),
        ({"request": "x"}, "request"),
        (event(request={"time": None}), "request.time"),
        (event(request={"time": 1_774_958_400}), "request.time"),
        (event(request={"uri": None}), "request.uri"),
        (event(request={"uri": 5}), "request.uri"),
        (event(request={"verb": " "}), "request.verb"),
        (event(request={"headers": [1]}), "request.headers"),
        (event(request={"ip_address": {}}), "request.ip_address"),
        (event() | {"response": "x"}, "response"),
        (event(response={"status": None}), "response.status"),
        (event(response={"status": "ok"}), "response.status"),
        (event(response={"status": True}), "response.status"),
        (event(response={"time": "later"}), "response.time"),
        (event(tags=[1]), "tags"),
        (event(tags={}), "tags"),
        (event(metadata=[1]), "metadata"),
        (event(metadata={"a": [{"b": 2**53 + 1}]}), r"metadata.a\[0\].b"),
        (event(session_token=[]), "session_token"),
        (event(action_name={}), "action_name"),
    ],
)
def test_an_unusable_event_names_the_field(now, item, path):
    with pytest.raises(Rejected, match=f"^{path}"):
        parse_event(item, now)


@pytest.mark.parametrize(
    ("kind", "item", "path"),
    [
        ("action", {}, "action_name"),
        ("action", action(action_name=""), "action_name"),
        ("action", action(request={"time": "x"}), "request.time"),
        ("action", action(request="x"), "request"),
        ("user", {"metadata": {}}, "user_id"),
        ("user", {"user_id": "", "anonymous_id": " "}, "user_id"),
        ("user", {"user_id": "u", "metadata": "x"}, "metadata"),
        ("user", {"user_id": "u", "campaign": []}, "campaign"),
        ("user", {"user_id": "u", "campaign": {"gclid": []}}, "campaign.gclid"),
        ("company", {"company_domain": "x"}, "company_id"),
        ("company", {"company_id": "c", "company_domain": []}, "company_domain"),
    ],
)
def test_an_unusable_item_names_the_field(now, kind, item, path):
    with pytest.raises(Rejected, match=f"^{path}: expected"):
        PARSERS[kind](item, now)


def test_messages_never_repeat_what_was_sent(now):
    with pytest.raises(Rejected) as caught:
        parse_event(event(session_token=["canary"]), now)
    assert "canary" not in str(caught.value)


def test_the_top_level_transaction_id_wins_over_the_header(now):
    headers = {"X-MOESIF-TRANSACTION-ID": "from-header"}
    both = parse_event(event(transaction_id="top", request={"headers": headers}), now)
    header_only = parse_event(event(request={"headers": headers}), now)
    assert both.fields["transaction_id"] == "top"
    assert header_only.fields["transaction_id"] == "from-header"
    assert header_only.key == parse_event(event(transaction_id="from-header", user_id="other"), now).key
    assert both.key != header_only.key


def test_without_an_id_the_item_itself_is_its_key(now):
    item = event(user_id="u1", metadata={"a": 1, "b": {"c": 2}})
    later = now + timedelta(days=1)
    same = event(metadata={"b": {"c": 2, "d": None}, "a": 1}, tags=None, user_id="u1")
    assert parse_event(item, now).key == parse_event(same, later).key
    assert parse_event(item, now).key != parse_event(event(user_id="u2", metadata=item["metadata"]), now).key
    assert parse_action(action(), now).key == parse_action(action(), later).key


def test_an_item_with_neither_id_nor_time_is_like_no_other(now):
    item = {"action_name": "Clicked", "user_id": "u1"}
    assert parse_action(item, now).key != parse_action(item, now).key
    assert parse_action(item, now, line=3).key == parse_action(item, now, line=3).key
    assert parse_action(item, now, line=3).key != parse_action(item, now, line=4).key


def test_bodies_are_dropped(now):
    item = event(request={"body": {"order": {"amount": 5}}}, response={"body": {"ok": True}})
    fields = parse_event(item, now).fields
    assert "body" not in fields["request"]
    assert "body" not in fields["response"]


def test_listed_body_paths_are_kept(now, settings):
    settings.KEPT_BODY_PATHS = [
        "request.body.order.amount",
        "request.body.order.items",
        "response.body.ok",
        "request.body.x.y",
    ]
    body = {"order": {"amount": 5, "card": "canary", "items": [{"sku": None}]}, "x": 1}
    fields = parse_event(event(request={"body": body}, response={"body": {"ok": False}}), now).fields
    assert fields["request"]["body"] == {"order": {"amount": 5, "items": [{}]}}
    assert fields["response"]["body"] == {"ok": False}


def test_listed_body_paths_are_dropped_from_what_is_kept(now, settings):
    settings.KEPT_BODY_PATHS = ["request.body.order", "response.body.order"]
    settings.DROPPED_BODY_PATHS = [
        "request.body.order.card.number",
        "request.body.order.items.note",
        "request.body.gone",
    ]
    order = {
        "amount": 5,
        "card": {"number": "canary", "kind": "debit"},
        "card.number": "canary",
        "items": [{"sku": 1, "note": "canary"}, [{"note": "canary"}], "note"],
    }
    fields = parse_event(event(request={"body": {"order": order}}, response={"body": {"order": order}}), now).fields
    kept = {"amount": 5, "card": {"kind": "debit"}, "items": [{"sku": 1}, [{}], "note"]}
    assert fields["request"]["body"] == {"order": kept}
    assert fields["response"]["body"] == {"order": order}


@pytest.mark.parametrize(
    "message",
    [
        {"body": "eyJvayI6MX0=", "transfer_encoding": "base64"},
        {"body": {"ok": 1}, "transfer_encoding": "base64"},
        {"body": [1]},
        {"body": {"other": 1}},
        {"body": {"ok": None}},
    ],
)
def test_bodies_without_paths_keep_nothing(now, settings, message):
    settings.KEPT_BODY_PATHS = ["response.body.ok"]
    assert "body" not in parse_event(event(response=message), now).fields["response"]


def test_nothing_is_kept_of_a_large_body_and_that_is_said(now, settings):
    settings.KEPT_BODY_PATHS = ["response.body.ok"]
    response = parse_event(event(response={"body": {"ok": 1, "text": "x" * 64_000}}), now).fields["response"]
    assert response == {"status": 200, "body_cut_off": True}


def test_a_number_too_large_for_json_in_a_dropped_body_does_not_cost_the_event(now):
    assert parse_event(event(response={"body": {"id": 2**60}}), now)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["2026-03-02", "u1"]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["time", "uri", "verb", "status"]), inner)
    ),
)
NAMES = st.sampled_from(
    ["request", "response", "action_name", "transaction_id", "user_id", "company_id", "anonymous_id", "weight",
     "metadata", "tags", "session_token", "campaign", "company_domain", "direction"]
)  # fmt: skip


@given(st.dictionaries(NAMES, ANY), st.sampled_from(sorted(PARSERS)), st.booleans())
def test_no_item_makes_parsing_fail(item, kind, complete):
    if complete:
        item = {**event(), "action_name": "a", "user_id": "u", "company_id": "c", **item}
    try:
        outcome = PARSERS[kind](item, ELEVEN)
    except Rejected as rejected:
        outcome = rejected
    assert isinstance(outcome, EventRecord | ProfileRecord) or "expected" in str(outcome)
