"""Random criteria: every operator, field and window, with values that the histories hold."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.properties.histories import COMMON, COMPANIES, DURATIONS, TEXTS, USERS, near
from tests.reference import LEAVES

Node = dict[str, Any]
GIVEN_TEXTS = [*(text for text in TEXTS if text), "2026-03-01", "acme.test", "ads", *USERS, *COMPANIES]
NUMBERS = [0, -0.0, 1, 1.0, 2, 2.5, -3, 400, 1e18, 200, 1000, 0.001]
SCALARS = st.one_of(st.sampled_from(COMMON), st.sampled_from([*GIVEN_TEXTS, *NUMBERS, True, False]))
NAMES = ["signup", "invite"]
CALENDARS = ["today", "yesterday", "this_week", "last_week", "this_month", "last_month"]
TEXT_FIELDS = ["request.verb", "request.uri", "request.route", "request.headers.ACCEPT", "response.headers.x-plan"]
TEXT_FIELDS += ["action_name", "transaction_id", "tags", "type"]
NUMBER_FIELDS = ["response.status", "duration_ms"]
ANY_FIELDS = ["metadata.plan", "metadata.n", "metadata.when", "metadata.a", "metadata.a.b", "metadata.a.b.tier"]
BODY_FIELDS = ["request.body.order.amount", "request.body.card", "response.body.error"]
OWN_TEXTS = ["email", "name", "campaign.utm_source", "campaign.utm_term"]
ACTIVITY = ["first_seen_time", "last_seen_time", "created"]


def condition(field: str, op: str, *value: Any) -> Node:
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def one_or_more(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(scalars, st.lists(scalars, min_size=1, max_size=3))


def existence(fields: list[str]) -> st.SearchStrategy[Node]:
    return st.builds(condition, st.sampled_from(fields), st.sampled_from(["exists", "not_exists"]))


def text_conditions(fields: list[str]) -> st.SearchStrategy[Node]:
    field = st.sampled_from(fields)
    text = st.one_of(st.sampled_from(["pro", "free", "GET", "signup", "u1", "c1"]), st.sampled_from(GIVEN_TEXTS))
    parts = st.sampled_from([*GIVEN_TEXTS, *("P", "ro", "%", "_", "\\", "İ", "I", "\u03c3", "ss", "00")])
    return st.one_of(
        st.builds(condition, field, st.sampled_from(["is", "is_not"]), one_or_more(text)),
        st.builds(condition, field, st.sampled_from(["contains", "not_contains", "starts_with", "ends_with"]), parts),
        existence(fields),
    )


def number_conditions(fields: list[str]) -> st.SearchStrategy[Node]:
    field, number = st.sampled_from(fields), st.sampled_from(NUMBERS)
    return st.one_of(
        st.builds(condition, field, st.sampled_from(["is", "is_not"]), one_or_more(number)),
        st.builds(condition, field, st.sampled_from([">", ">=", "<", "<="]), number),
        st.builds(condition, field, st.just("between"), st.lists(number, min_size=2, max_size=2).map(sorted)),
        existence(fields),
    )


def fixed(anchor: datetime) -> st.SearchStrategy[str]:
    return near(anchor).map(lambda instant: instant.isoformat())


def time_conditions(fields: list[str], anchor: datetime) -> st.SearchStrategy[Node]:
    field, duration = st.sampled_from(fields), st.sampled_from([*DURATIONS, "0s"])
    age = st.one_of(st.builds(lambda way, d: {way: d}, st.sampled_from(["ago", "ago", "in"]), duration))
    pair = st.lists(near(anchor), min_size=2, max_size=2).map(lambda two: [each.isoformat() for each in sorted(two)])
    period = st.one_of(
        st.builds(lambda name: {"calendar": name}, st.sampled_from(CALENDARS)),
        st.builds(lambda d: {"last": d}, st.sampled_from(DURATIONS)),
    )
    return st.one_of(
        st.builds(condition, field, st.sampled_from(["before", "after"]), st.one_of(fixed(anchor), age)),
        st.builds(condition, field, st.just("between"), st.one_of(pair, st.tuples(fixed(anchor), age).map(list))),
        st.builds(
            condition,
            field,
            st.just("between"),
            st.builds(lambda back, ahead: [{"ago": back}, {"in": ahead}], duration, duration),
        ),
        st.builds(condition, field, st.sampled_from(["on", "on", "not_on"]), period),
        existence(fields),
    )


def any_conditions(fields: list[str], anchor: datetime) -> st.SearchStrategy[Node]:
    field = st.sampled_from(fields)
    return st.one_of(
        st.builds(condition, field, st.sampled_from(["is", "is_not"]), one_or_more(SCALARS)),
        text_conditions(fields),
        number_conditions(fields),
        time_conditions(fields, anchor),
    )


def trees(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def group(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(children, min_size=1, max_size=3)
        return st.one_of(
            several.map(lambda items: {"all": items}),
            several.map(lambda items: {"any": items}),
            children.map(lambda item: {"not": item}),
        )

    return st.one_of(leaves, leaves, group(leaves), group(st.one_of(leaves, group(leaves))))


@cache
def windows(anchor: datetime) -> st.SearchStrategy[Node]:
    pair = st.lists(near(anchor), min_size=2, max_size=2, unique=True).map(sorted)
    return st.one_of(
        st.builds(lambda d: {"last": d}, st.sampled_from(DURATIONS)),
        st.sampled_from(
            [{"from": older, "to": younger} for older, younger in [("1h", "0s"), ("7d", "1d"), ("30d", "1h")]]
        ),
        st.builds(lambda name: {"calendar": name}, st.sampled_from(CALENDARS)),
        st.builds(lambda text: {"after": text}, fixed(anchor)),
        st.builds(lambda text: {"before": text}, fixed(anchor)),
        pair.map(lambda two: {"after": two[0].isoformat(), "before": two[1].isoformat()}),
        st.just({"ever": True}),
        st.just({"last": "30d"}),
    )


@cache
def filters(anchor: datetime) -> st.SearchStrategy[Node]:
    return trees(
        st.one_of(
            text_conditions(TEXT_FIELDS),
            number_conditions(NUMBER_FIELDS),
            any_conditions(ANY_FIELDS + BODY_FIELDS, anchor),
        )
    )


@cache
def some_events(anchor: datetime) -> st.SearchStrategy[Node]:
    """What a leaf looks at."""
    events = st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["api_call", "any", "any", "action"]),
            "where": filters(anchor),
        },
    )
    return events.flatmap(
        lambda given: st.sampled_from(
            [given, given, {**given, "action_name": ["signup"]}, {**given, "action_name": NAMES}]
        )
    )


def thresholds(*figures: float) -> st.SearchStrategy[Node]:
    """An operator with the value or values that it compares with."""
    figure = st.sampled_from(figures)
    pair = st.lists(figure, min_size=2, max_size=2).map(sorted)
    return st.one_of(
        st.builds(lambda op, value: {"op": op, "value": value}, st.sampled_from([">", ">=", "<", "<="]), figure),
        st.builds(lambda op, value: {"op": op, "value": value}, st.sampled_from(["is", "is_not"]), one_or_more(figure)),
        pair.map(lambda two: {"op": "between", "value": two}),
    )


MINIMUMS = st.sampled_from([{}, {}, {"minimum": 0}, {"minimum": 2}, {"minimum": 5}])


@cache
def ratio(anchor: datetime) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda part, whole, asked, minimum, window: {"ratio": part, "to": whole, **asked, **minimum, "within": window},
        some_events(anchor),
        st.one_of(st.just({}), some_events(anchor)),
        thresholds(0, 0.2, 1 / 3, 0.5, 1, 2, 1.5),
        MINIMUMS,
        windows(anchor),
    )


@cache
def performed(anchor: datetime) -> st.SearchStrategy[Node]:
    bounds = st.one_of(
        st.sampled_from([1, 2, 3, 7, 10**6]).map(lambda n: {"at_least": n}),
        st.sampled_from([0, 1, 2, 5]).map(lambda n: {"at_most": n}),
        st.sampled_from([(0, 0), (1, 1), (1, 4), (2, 10**7)]).map(lambda two: {"at_least": two[0], "at_most": two[1]}),
    )
    return st.builds(
        lambda events, bounds, window: {"performed": events, **bounds, "within": window},
        some_events(anchor),
        bounds,
        windows(anchor),
    )


FIGURES = ["sum", "avg", "min", "max", "p50", "p90", "p95", "p99"]
FIGURES_ASKED = [0, -0.0, 1, 1.5, 2, 2.5, 5, 200, 400, -3, 1000.0, 0.001, 1 / 3, 1e18, -1e18, 1e300, 5e-324, 12.000001]


@cache
def aggregate(anchor: datetime) -> st.SearchStrategy[Node]:
    numbers = st.tuples(
        st.sampled_from([*NUMBER_FIELDS, "metadata.n", "metadata.n", "metadata.plan", "request.body.order.amount"]),
        st.sampled_from(FIGURES),
    )
    scalars = st.tuples(st.sampled_from([*TEXT_FIELDS, *NUMBER_FIELDS, *ANY_FIELDS]), st.just("distinct"))
    return st.builds(
        lambda events, figure, asked, window: {
            "aggregate": events,
            "of": figure[0],
            "by": figure[1],
            **asked,
            "within": window,
        },
        st.one_of(st.just({}), some_events(anchor)),
        st.one_of(numbers, numbers, scalars),
        thresholds(*FIGURES_ASKED),
        windows(anchor),
    )


@cache
def trend(anchor: datetime) -> st.SearchStrategy[Node]:
    rolling = [{"last": duration} for duration in DURATIONS] + [{"from": "7d", "to": "1d"}, {"from": "2h", "to": "0s"}]
    return st.builds(
        lambda events, asked, minimum, window: {
            "trend": events,
            "change": asked["op"],
            "percent": asked["value"],
            **minimum,
            "within": window,
        },
        st.one_of(st.just({}), some_events(anchor)),
        thresholds(-100, -50, 0, 25, 50, 100, 200),
        MINIMUMS,
        st.sampled_from(rolling),
    )


@cache
def first(anchor: datetime) -> st.SearchStrategy[Node]:
    return st.builds(
        lambda events, window: {"first": events, "within": window},
        st.one_of(st.just({}), some_events(anchor)),
        windows(anchor),
    )


@cache
def sequence(anchor: datetime) -> st.SearchStrategy[Node]:
    plain = st.sampled_from([{}, {"type": "action"}, {"type": "api_call"}, {"action_name": ["signup"]}])
    steps = st.lists(st.one_of(plain, plain, some_events(anchor)), min_size=2, max_size=4)
    limits = st.sampled_from([*DURATIONS, "8d"]).map(lambda duration: {"each_within": duration})
    completed = st.one_of(st.just({}), limits, limits.map(lambda limit: {**limit, "completed": True}))
    given_up = limits.map(lambda limit: {**limit, "completed": False})
    return st.builds(
        lambda steps, how, window: {"sequence": steps, **how, "within": window},
        steps,
        st.one_of(completed, given_up),
        windows(anchor),
    )


OF_EVENTS = [performed, aggregate, ratio, trend, sequence, first]


@cache
def profile(kind: str, anchor: datetime) -> st.SearchStrategy[Node]:
    prefixes = ["", "company."] if kind == "user" else [""]

    def own(prefix: str) -> st.SearchStrategy[Node]:
        owner = "company" if prefix else kind
        of_companies = ["company_domain", "subscription.status", "subscription.subscription_id"]
        texts = [*OWN_TEXTS, f"{owner}_id", *(of_companies if owner == "company" else [])]
        times = [*ACTIVITY, *(["subscription.current_period_end"] if owner == "company" else [])]
        others = [*ANY_FIELDS, *(["subscription.metadata.plan"] if owner == "company" else [])]
        return st.one_of(
            text_conditions([prefix + name for name in texts]),
            time_conditions([prefix + name for name in times], anchor),
            any_conditions([prefix + name for name in others], anchor),
        )

    return st.sampled_from(prefixes).flatmap(own)


def plain(kind: str, anchor: datetime) -> st.SearchStrategy[Node]:
    """Trees without leaves about other customers."""
    return trees(st.one_of(profile(kind, anchor), *(leaf(anchor) for leaf in OF_EVENTS)))


@cache
def related(kind: str, anchor: datetime, inside: int = 2) -> st.SearchStrategy[Node]:
    """Leaves about a user's company or about a company's users; `inside` one another so many times."""
    other = "company" if kind == "user" else "user"
    node = plain(other, anchor)
    if inside > 1:
        node = st.one_of(node, node, related(other, anchor, inside - 1))
    if kind == "user":
        return node.map(lambda inner: {"company": inner}).map(shallow)
    shares = st.one_of(
        st.sampled_from(["any", "all", "none"]).map(lambda share: {"are": share}),
        st.sampled_from([1, 2, 3]).map(lambda count: {"at_least": count}),
    )
    return st.builds(lambda inner, share: {"users": inner, **share}, node, shares).map(shallow)


@cache
def nodes(kind: str, anchor: datetime) -> st.SearchStrategy[Node]:
    """Criteria for customers of the kind."""
    leaf = st.one_of(profile(kind, anchor), *(leaf(anchor) for leaf in OF_EVENTS), related(kind, anchor))
    return trees(leaf).map(shallow)


def shallow(node: Node) -> Node:
    """The node, or a simple one where it is too deep for the language."""
    return node if levels(node) <= 8 else {"first": {}, "within": {"ever": True}}


def levels(node: Any) -> int:
    """How many nodes stand inside one another, filters included."""
    if isinstance(node, list):
        return max((levels(item) for item in node), default=0)
    if not isinstance(node, dict):
        return 0
    is_node = node.keys() & {"all", "any", "not", "field"} or node.keys() & LEAVES.keys()
    return (1 if is_node else 0) + max((levels(inner) for inner in node.values()), default=0)
