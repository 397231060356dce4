"""The judge itself: one test for each rule of the criteria language, with answers worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.factories import NOON
from tests.reference import first_instant, in_window, lower, members
from tests.reference_world import Clock, Received, World

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
KEPT = ("request.body.order.amount", "request.body.when")


def call(at: datetime = NOON - HOUR, received: datetime | None = None, **item: Any) -> Received:
    request = {"time": at.isoformat(), "verb": "GET", "uri": "/items", **item.pop("request", {})}
    return Received("event", {"request": request, **item}, received or at)


def action(name: str = "signup", at: datetime = NOON - HOUR, **item: Any) -> Received:
    return Received("action", {"action_name": name, "request": {"time": at.isoformat()}, **item}, at)


def user(id_: str, at: datetime = NOON - HOUR, company: str | None = None, **metadata: Any) -> Received:
    return Received("user", {"user_id": id_, "company_id": company, "metadata": metadata}, at)


def company(id_: str, at: datetime = NOON - HOUR, **metadata: Any) -> Received:
    return Received("company", {"company_id": id_, "metadata": metadata}, at)


def asked(field: str, op: str, *value: Any) -> dict[str, Any]:
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def performed(
    where: dict[str, Any] | None = None, window: dict[str, Any] | None = None, **bounds: int
) -> dict[str, Any]:
    events = {"where": where} if where else {}
    return {"performed": events, "within": window or {"ever": True}, **(bounds or {"at_least": 1})}


def found(node: dict[str, Any], *received: Received, kind: str = "user", at: datetime = NOON, zone: str = "UTC") -> set:
    return members(node, kind, World(received, Clock(at, ZoneInfo(zone)), KEPT))


EVERYBODY = {"not": asked("metadata.nobody", "exists")}
SEEN = asked("first_seen_time", "exists")


def test_rule_1_a_customer_exists_once_anything_visible_names_it():
    received = [
        user("by profile", company="by user"),
        call(user_id="by event", company_id="by call"),
        user("later", NOON + TICK, company="later too"),
        call(NOON + TICK, NOON - HOUR, user_id="ahead"),
        call(NOON - HOUR, NOON + TICK, user_id="late"),
    ]
    assert found(EVERYBODY, *received) == {"by profile", "by event"}
    assert found(EVERYBODY, *received, kind="company") == {"by user", "by call"}


def test_rule_2_the_company_is_the_one_last_given_in_the_profile():
    in_b = asked("company.company_id", "is", "b")
    assert found(in_b, user("u", NOON - DAY, "a"), user("u", NOON - HOUR, "b"), user("u", plan="x")) == {"u"}
    assert found(in_b, user("u", NOON - HOUR, "a"), call(NOON, user_id="u", company_id="b")) == set()


def test_rule_2_a_profile_without_a_company_leaves_it_to_the_latest_event():
    in_b = asked("company.company_id", "is", "b")
    early, late = (call(NOON - n * HOUR, user_id="u", company_id=id_) for n, id_ in ((2, "a"), (1, "b")))
    assert found(in_b, early, late, user("u")) == {"u"}
    assert found(in_b, early, late, call(NOON, user_id="u")) == {"u"}
    assert found(in_b, call(user_id="u", company_id="b"), call(user_id="u", company_id="a")) == {"u"}


def test_rule_3_an_event_belongs_to_the_company_it_names_else_to_that_of_its_user():
    received = [user("u", NOON, "own"), call(NOON - DAY, user_id="u"), call(user_id="u", company_id="named")]
    assert found(performed(at_least=1), *received, kind="company") == {"own", "named"}
    assert found(performed(at_least=2), *received, kind="company") == set()
    assert found(performed(at_least=2), *received) == {"u"}


def test_rule_4_first_and_last_seen_are_those_of_visible_events():
    received = [
        user("quiet"),
        call(NOON - DAY, user_id="u"),
        call(NOON + DAY, user_id="u"),
        call(NOON, NOON + TICK, user_id="u"),
    ]
    assert found(SEEN, *received) == {"u"}
    assert found(asked("last_seen_time", "before", {"ago": "23h"}), *received) == {"u"}
    assert found(asked("first_seen_time", "not_exists"), *received) == {"quiet"}


def test_rule_4_created_is_the_earliest_receipt_of_anything_that_names_the_customer():
    received = [call(NOON - 9 * DAY, NOON - 2 * HOUR, user_id="u", company_id="c"), user("u", NOON - HOUR, "d")]
    recently = asked("created", "on", {"last": "90m"})
    assert found(recently, *received) == set()
    assert found(recently, *received, kind="company") == {"d"}


def test_rule_4_email_and_name_are_metadata_and_a_campaign_keeps_its_first_values():
    assert found(asked("email", "is", "a@b.test"), user("u", email="a@b.test")) == {"u"}
    first, second = (Received("user", {"user_id": "u", "campaign": {"utm_source": s}}, NOON) for s in ("ads", "mail"))
    assert found(asked("campaign.utm_source", "is", "ads"), first, second) == {"u"}


@pytest.mark.parametrize(
    ("weight", "counted"),
    [(5, 5), ("5", 5), (10**6, 10**6), (10**6 + 1, 1), (0, 1), (-2, 1), (2.5, 1), ("x", 1), (None, 1)],
)
def test_rule_6_a_weight_that_is_no_count_is_one(weight, counted):
    assert found(performed(at_least=counted, at_most=counted), call(user_id="u", weight=weight)) == {"u"}


def test_rule_6_actions_weigh_one():
    assert found(performed(at_least=2), action(user_id="u", weight=5)) == set()


def test_rule_7_the_first_item_with_a_transaction_id_wins():
    first, second = call(user_id="a", transaction_id="t"), action(user_id="b", transaction_id="t")
    assert found(SEEN, first, second) == {"a"}
    assert found(SEEN, second, first) == {"b"}


def test_rule_7_without_an_id_the_item_without_nulls_stands_for_it():
    assert found(performed(at_least=2), call(user_id="u"), call(user_id="u", metadata=None)) == set()
    assert found(performed(at_least=2), call(user_id="u"), call(user_id="u", metadata={})) == {"u"}


def test_rule_7_an_item_with_neither_id_nor_time_is_no_duplicate():
    timeless = Received("action", {"action_name": "x", "user_id": "u"}, NOON)
    assert found(performed(at_least=2), timeless, timeless) == {"u"}


def test_rule_8_times_are_cut_to_microseconds():
    at = {"time": "2026-03-02T12:00:00.0000019Z"}
    window = {"after": "2026-03-02T12:00:00.000001Z"}
    assert found(performed(window=window), call(received=NOON + HOUR, user_id="u", request=at), at=NOON + HOUR) == {"u"}


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ({"last": "1h"}, [NOON, NOON - HOUR + TICK], [NOON - HOUR, NOON + TICK]),
        ({"from": "2d", "to": "1d"}, [NOON - DAY, NOON - 2 * DAY + TICK], [NOON - DAY + TICK, NOON - 2 * DAY]),
        (
            {"after": "2026-03-02T00:00:00Z"},
            [datetime(2026, 3, 2, tzinfo=UTC), NOON],
            [datetime(2026, 3, 1, 23, tzinfo=UTC)],
        ),
        ({"before": "2026-03-02T12:00:00Z"}, [NOON - TICK], [NOON]),
        (
            {"calendar": "today"},
            [datetime(2026, 3, 2, tzinfo=UTC), NOON],
            [datetime(2026, 3, 2, tzinfo=UTC) - TICK, NOON + TICK],
        ),
        ({"ever": True}, [NOON, datetime(1970, 1, 1, tzinfo=UTC)], [NOON + TICK]),
    ],
)
def test_rule_9_windows_have_these_borders(window, inside, outside):
    clock = Clock(NOON, ZoneInfo("UTC"))
    assert all(in_window(instant, window, clock) for instant in inside)
    assert not any(in_window(instant, window, clock) for instant in outside)


def test_rule_9_a_week_starts_on_the_day_that_the_cohort_says():
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    this_week = {"calendar": "this_week"}
    assert in_window(sunday, this_week, Clock(NOON, ZoneInfo("UTC"), 7))
    assert not in_window(sunday, this_week, Clock(NOON, ZoneInfo("UTC"), 1))


def test_rule_9_a_day_begins_at_its_first_instant_where_midnight_is_missing_or_doubled():
    missing = first_instant(datetime(2018, 11, 4).date(), ZoneInfo("America/Sao_Paulo"))
    doubled = first_instant(datetime(2025, 11, 2).date(), ZoneInfo("America/Havana"))
    assert missing == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert doubled == datetime(2025, 11, 2, 4, tzinfo=UTC)


def test_rule_10_before_and_after_are_strict_and_between_is_closed():
    noon = user("u", when=NOON.isoformat())
    for op, value in [("before", {"ago": "0s"}), ("after", {"in": "0s"})]:
        assert found(asked("metadata.when", op, value), noon) == set()
    assert found(asked("metadata.when", "between", [{"ago": "0s"}, NOON.isoformat()]), noon) == {"u"}


def test_rule_10_on_a_calendar_name_takes_the_whole_period_and_last_ends_now():
    tonight = user("u", when="2026-03-02T23:59:59Z")
    assert found(asked("metadata.when", "on", {"calendar": "today"}), tonight) == {"u"}
    assert found(asked("metadata.when", "on", {"last": "7d"}), tonight) == set()


def test_rule_11_text_without_an_offset_is_utc_and_a_number_is_never_a_time():
    after = asked("metadata.when", "after", "2026-03-02T05:00:00+05:45")
    received = [user("text", when="2026-03-02"), user("number", when=1772452800), user("word", when="today")]
    assert found(after, *received) == {"text"}


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [("1", {"text"}), (1, {"number"}), (1.0, {"number"}), (True, {"boolean"}), (["1", True], {"text", "boolean"})],
)
def test_rule_12_nothing_is_coerced(wanted, ids):
    received = [user("text", v="1"), user("number", v=1), user("boolean", v=True)]
    assert found(asked("metadata.v", "is", wanted), *received) == ids


def test_rule_12_a_status_sent_as_digits_is_a_number():
    failed = performed(asked("response.status", "is", 400))
    assert found(failed, call(user_id="u", response={"status": "400", "time": NOON.isoformat()})) == {"u"}


@pytest.mark.parametrize(
    ("negative", "positive", "value"),
    [
        ("is_not", "is", ["pro"]),
        ("not_contains", "contains", ["pro"]),
        ("not_on", "on", [{"calendar": "today"}]),
        ("not_exists", "exists", []),
    ],
)
def test_rule_13_negative_operators_are_exact_complements(negative, positive, value):
    received = [user("a", v="pro"), user("b", v=5), user("c"), user("d", v=[]), user("e", v=NOON.isoformat())]
    positives = found(asked("metadata.v", positive, *value), *received)
    assert positives
    assert found(asked("metadata.v", negative, *value), *received) == set("abcde") - positives


def test_rule_14_objects_lists_and_empty_values_exist_but_null_does_not():
    received = [user("text", v=""), user("list", v=[]), user("object", v={}), user("null", v=None)]
    assert found(asked("metadata.v", "exists"), *received) == {"text", "list", "object"}
    assert found(asked("metadata.v", "is", "pro"), user("u", v=["pro"])) == set()


def test_rule_14_any_of_the_tags_may_match_and_headers_are_text():
    tagged = call(user_id="u", tags=["a", "Pro"], request={"headers": {"X-Size": 5}})
    assert found(performed(asked("tags", "is", "Pro")), tagged) == {"u"}
    assert found(performed(asked("tags", "not_contains", "PRO")), tagged) == set()
    assert found(performed(asked("request.headers.x-SIZE", "is", "5")), tagged) == {"u"}


def test_rule_15_case_is_lowered_character_by_character():
    assert lower("İSTANBUL") == "istanbul"
    assert lower("ΟΔΟΣ")[-1] == "\u03c3"  # also at the end of a word
    assert found(asked("metadata.v", "contains", "%"), user("u", v="a_b"), user("w", v="5%")) == {"w"}


def test_rule_16_a_path_walks_through_objects_only():
    received = [user("object", a={"b": 1}), user("list", a=[{"b": 1}]), user("dotted", **{"a.b": 1})]
    assert found(asked("metadata.a.b", "exists"), *received) == {"object", "dotted"}


def test_rule_16_bodies_have_the_listed_paths_unless_they_are_base64():
    body = {"order": {"amount": 5}, "card": "secret"}
    plain, coded = (call(user_id=id_, request={"body": body, "transfer_encoding": id_}) for id_ in ("json", "base64"))
    assert found(performed(asked("request.body.order.amount", "is", 5)), plain, coded) == {"json"}
    assert found(performed(asked("request.body.card", "exists")), plain) == set()


@pytest.mark.parametrize(
    ("uri", "route"),
    [
        ("https://api.acme.test/items/42?page=2", "/items/:id"),
        ("/items/9f86d081-0000-4000-8000-00000000000f#top", "/items/:id"),
        ("/items/9f86d081", "/items/:id"),
        ("/items/deadbeef", "/items/deadbeef"),
        ("/items/9f86d08", "/items/9f86d08"),
    ],
)
def test_rule_17_segments_that_look_like_ids_become_id(uri, route):
    assert found(performed(asked("request.route", "is", route)), call(user_id="u", request={"uri": uri})) == {"u"}


def test_rule_23_at_most_alone_includes_customers_without_any_event():
    received = [user("none"), call(user_id="one"), call(user_id="two", weight=2)]
    assert found(performed(at_most=1), *received) == {"none", "one"}
    assert found(performed(at_least=1, at_most=1), *received) == {"one"}


def ratio(minimum: int = 1, op: str = ">=", value: float = 0.5) -> dict[str, Any]:
    failed = {"where": asked("response.status", "is", 400)}
    return {"ratio": failed, "to": {}, "op": op, "value": value, "minimum": minimum, "within": {"ever": True}}


def failing(id_: str, failed: int, fine: int) -> list[Received]:
    """Two calls of these weights."""
    weights = {400: failed, 200: fine}
    return [call(user_id=id_, weight=weight, response={"status": status}) for status, weight in weights.items()]


def test_rule_18_ratios_are_of_weights():
    received = [*failing("half", 5, 5), *failing("less", 4, 5)]
    assert found(ratio(), *received) == {"half"}
    assert found(ratio(op="<", value=0.5), *received) == {"less"}


def test_rule_22_a_ratio_below_its_minimum_is_false_whatever_the_operator():
    received = [user("none"), *failing("few", 1, 3), *failing("many", 2, 3)]
    assert found(ratio(5, "<=", 1), *received) == {"many"}
    assert found(ratio(0, "is_not", 7), *received) == {"few", "many"}


def figure(by: str, op: str, value: float) -> dict[str, Any]:
    return {"aggregate": {}, "of": "metadata.n", "by": by, "op": op, "value": value, "within": {"ever": True}}


def sent(id_: str, *values: Any, weight: int = 1) -> list[Received]:
    return [
        call(user_id=id_, transaction_id=f"{id_} {place}", weight=weight, metadata={"n": value})
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("by", "value"), [("sum", 30), ("avg", 3), ("p50", 1), ("p90", 5), ("min", 1), ("max", 5), ("distinct", 2)]
)
def test_rule_18_weights_count_in_sums_averages_and_percentiles_alone(by, value):
    received = [*sent("u", 1, weight=5), *sent("u2", 1)]
    received.append(call(user_id="u", weight=5, metadata={"n": 5}))
    assert found(figure(by, "is", value), *received) == ({"u", "u2"} if by in ("min", "p50") else {"u"})


def test_rule_19_only_sum_and_distinct_are_zero_of_nothing():
    received = [user("quiet"), *sent("texts", "5", "6")]
    assert found(figure("sum", "is", 0), *received) == {"quiet", "texts"}
    assert found(figure("distinct", "is", 0), *received) == {"quiet"}
    assert found(figure("avg", "is_not", 7), *received) == set()


def test_rule_19_distinct_takes_any_scalar_by_its_type():
    assert found(figure("distinct", "is", 3), *sent("u", 1, 1.0, "1", True, [1], {})) == {"u"}


def test_rule_20_a_percentile_is_the_nearest_rank():
    assert found(figure("p50", "is", 2), *sent("u", 4, 1, 3, 2)) == {"u"}
    assert found(figure("p90", "is", 9), *sent("u", *range(1, 11))) == {"u"}
    assert found(figure("p95", "is", 10), *sent("u", *range(1, 11))) == {"u"}


def test_rule_21_sums_are_exact_of_values_rounded_to_six_decimals():
    assert found(figure("sum", "is", 0.3), *sent("u", 0.1, 0.2)) == {"u"}
    assert found(figure("sum", "is", 0.000002), *sent("u", 0.0000005, 0.0000014)) == {"u"}
    assert found(figure("avg", "is", 0.1), *sent("u", 0.1, 0.1, 0.1)) == {"u"}


def trend(minimum: int = 1, op: str = "<=", percent: float = -50, **window: str) -> dict[str, Any]:
    within = window or {"last": "1h"}
    return {"trend": {}, "change": op, "percent": percent, "minimum": minimum, "within": within}


def test_rule_22_a_trend_compares_two_windows_that_meet():
    received = [call(NOON - 2 * HOUR + TICK, user_id="u", weight=3), call(NOON - HOUR, user_id="u", weight=1)]
    received += [call(NOON - HOUR + TICK, user_id="u"), call(NOON, user_id="u"), call(NOON - 2 * HOUR, user_id="u")]
    assert found(trend(percent=-50, op="is"), *received) == {"u"}
    received = [call(NOON - 2 * HOUR, user_id="u"), call(NOON - 4 * HOUR, user_id="u", weight=2), call(user_id="u")]
    assert found(trend(**{"from": "3h", "to": "1h"}), *received, call(NOON - 3 * HOUR + TICK, user_id="u")) == set()


def test_rule_22_a_trend_from_fewer_than_the_minimum_is_false():
    few, many = call(NOON - HOUR, user_id="few", weight=4), call(NOON - HOUR, user_id="many", weight=5)
    assert found(trend(5), user("none"), few, many) == {"many"}
    assert found(trend(0, "is_not", 7), user("none"), few, many) == {"few", "many"}


def sequence(*names: str, **how: Any) -> dict[str, Any]:
    return {"sequence": [{"action_name": [name]} for name in names], "within": {"last": "1d"}, **how}


def test_rule_24_some_chain_is_enough():
    minutes = {"a": [200, 100], "b": [190, 70], "c": [20]}
    done = [
        action(name, NOON - ago * timedelta(minutes=1), user_id="u") for name, times in minutes.items() for ago in times
    ]
    assert found(sequence("a", "b", "c", each_within="1h"), *done) == {"u"}
    assert found(sequence("a", "b", "c", each_within="40m"), *done) == set()


def test_rule_24_steps_are_strictly_later_and_the_limit_belongs_to_them():
    same = [action("a", NOON, user_id="same"), action("b", NOON, user_id="same")]
    limit = [action("a", NOON - HOUR, user_id="limit"), action("b", NOON, user_id="limit")]
    assert found(sequence("a", "b", each_within="1h"), *same, *limit) == {"limit"}


def test_rule_25_begun_and_given_up():
    given_up = sequence("a", "b", each_within="1h", completed=False)
    ends = {"over": NOON - HOUR, "open": NOON - HOUR + TICK}
    begun = [action("a", at, user_id=id_) for id_, at in ends.items()]
    completed = [action("a", NOON - 9 * HOUR, user_id="c"), action("b", NOON - 8 * HOUR, user_id="c")]
    assert found(given_up, user("none"), *begun, *completed) == {"over"}
    assert found({**given_up, "within": {"before": NOON.isoformat()}}, *begun) == {"over", "open"}


def test_rule_26_a_late_older_event_is_the_first():
    first = {"first": {}, "within": {"last": "1h"}}
    recent, late = call(NOON, user_id="u"), call(NOON - DAY, NOON, user_id="u")
    assert found(first, recent) == {"u"}
    assert found(first, recent, late) == set()
    assert found(first, recent, call(NOON - DAY, NOON + TICK, user_id="u")) == {"u"}


BIG = {"company": asked("metadata.size", "is_not", 1)}


def test_rule_28_a_user_without_a_company_has_no_company_that_matches():
    received = [
        user("alone"),
        user("in big", company="big"),
        user("in small", company="small"),
        company("small", size=1),
    ]
    assert found(BIG, *received) == {"in big"}
    assert found({"not": BIG}, *received) == {"alone", "in small"}


@pytest.mark.parametrize(
    ("share", "ids"),
    [
        ({"are": "any"}, {"some", "every"}),
        ({"are": "all"}, {"every"}),
        ({"are": "none"}, {"nobody", "other"}),
        ({"at_least": 2}, {"every"}),
    ],
)
def test_rule_28_all_needs_a_user_and_none_does_not(share, ids):
    received = [company("nobody"), user("a", company="some", plan="pro"), user("b", company="some")]
    received += [
        user("c", company="every", plan="pro"),
        user("d", company="every", plan="pro"),
        user("e", company="other"),
    ]
    on_pro = {"users": asked("metadata.plan", "is", "pro"), **share}
    assert found(on_pro, *received, kind="company") == ids


def test_rule_28_inner_nodes_see_the_whole_history_of_a_user():
    moved = [user("u", company="now"), call(user_id="u", company_id="then")]
    called = {"users": performed(), "are": "any"}
    assert found(called, *moved, kind="company") == {"now"}


def test_groups_are_those_of_logic():
    received = [user("a", x=1), user("b", x=1, y=1), user("c", y=1), user("d")]
    x, y = asked("metadata.x", "exists"), asked("metadata.y", "exists")
    assert found({"all": [x, y]}, *received) == {"b"}
    assert found({"any": [x, y]}, *received) == {"a", "b", "c"}
    assert found({"not": {"any": [x, y]}}, *received) == {"d"}
