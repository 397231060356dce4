"""Eleven cohorts, each as criteria and as the SQL that a good engineer would write for the opponents' typed tables.

They follow the list of reference criteria of the project: first day with errors, silent, heavy, many routes, ...

One SQL text serves both opponents. Placeholders: `{now}`, `{today}` and `{ago_<hours>h}` are instants in the dialect
of the engine; `{users}` and `{companies}` hold the latest profile of each; `{first_seen}` holds (user_id, first_seen).
`events.company_id` is the company an event counts for (resolved at insertion, which the product does when it reads).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class BenchCohort:
    """`sql` returns the ids of the members in one column."""

    name: str
    about: str
    match: Json
    sql: str
    kind: str = "user"

    @property
    def criteria(self) -> Json:
        """The criteria document."""
        return {"version": 1, "match": self.match}


def performed(last: str | Json, where: Json | None = None, **bounds: int) -> Json:
    """A `performed` leaf over API calls that pass the filter; `last` is a duration or a whole window."""
    events: Json = {"type": "api_call"} if where else {"type": "any"}
    if where:
        events["where"] = where
    return {"performed": events, "within": {"last": last} if isinstance(last, str) else last, **bounds}


def condition(name: str, op: str, value: Any) -> Json:
    """A comparison of a field."""
    return {"field": name, "op": op, "value": value}


COHORTS = [
    BenchCohort(
        "c01",
        "first seen today, and a 400 today",
        {
            "all": [
                condition("first_seen_time", "on", {"calendar": "today"}),
                performed({"calendar": "today"}, condition("response.status", "is", 400), at_least=1),
            ]
        },
        """
        SELECT DISTINCT user_id FROM events
        WHERE time >= {today} AND time <= {now} AND status = 400
          AND user_id IN (SELECT user_id FROM {first_seen} WHERE first_seen >= {today})
        """,
    ),
    BenchCohort(
        "c02",
        "silent for 7 days, at least 10 in the 30 days before",
        {"all": [performed("7d", at_most=0), performed({"from": "37d", "to": "7d"}, at_least=10)]},
        """
        SELECT user_id FROM events WHERE time > {ago_888h} AND time <= {now}
        GROUP BY user_id
        HAVING sum(weight) FILTER (WHERE time <= {ago_168h}) >= 10 AND count(*) FILTER (WHERE time > {ago_168h}) = 0
        """,
    ),
    BenchCohort(
        "c03",
        "at least 5 answers of 500 and above in 24 hours",
        performed("24h", condition("response.status", ">=", 500), at_least=5),
        """
        SELECT user_id FROM events WHERE time > {ago_24h} AND time <= {now} AND status >= 500
        GROUP BY user_id HAVING sum(weight) >= 5
        """,
    ),
    BenchCohort(
        "c04",
        "companies on plan pro with at least 1,000 events in 30 days",
        {"all": [condition("metadata.plan", "is", "pro"), performed("30d", at_least=1000)]},
        """
        SELECT company_id FROM events WHERE time > {ago_720h} AND time <= {now}
          AND company_id IN (SELECT id FROM {companies} WHERE plan = 'pro')
        GROUP BY company_id HAVING sum(weight) >= 1000
        """,
        kind="company",
    ),
    BenchCohort(
        "c05",
        "developers on plan pro or enterprise with an address in .io (profile only)",
        {
            "all": [
                condition("metadata.plan", "is", ["pro", "enterprise"]),
                condition("metadata.role", "is", "developer"),
                condition("email", "ends_with", ".io"),
            ]
        },
        """
        SELECT id FROM {users}
        WHERE plan IN ('pro', 'enterprise') AND role = 'developer' AND lower(email) LIKE '%.io'
        """,
    ),
    BenchCohort(
        "c06",
        "signed up in the last 14 days, never POSTed payments in them",
        {
            "all": [
                condition("metadata.signed_up", "after", {"ago": "14d"}),
                performed(
                    "14d",
                    {
                        "all": [
                            condition("request.verb", "is", "POST"),
                            condition("request.route", "is", "/v1/payments"),
                        ]
                    },
                    at_most=0,
                ),
            ]
        },
        """
        SELECT id FROM {users} WHERE signed_up > {ago_336h} AND id NOT IN (
            SELECT user_id FROM events
            WHERE time > {ago_336h} AND time <= {now} AND verb = 'POST' AND route = '/v1/payments')
        """,
    ),
    BenchCohort(
        "c07",
        "at least 8 distinct routes in 7 days",
        {
            "aggregate": {"type": "api_call"},
            "of": "request.route",
            "by": "distinct",
            "op": ">=",
            "value": 8,
            "within": {"last": "7d"},
        },
        """
        SELECT user_id FROM events WHERE time > {ago_168h} AND time <= {now} AND type = 'api_call'
        GROUP BY user_id HAVING count(DISTINCT route) >= 8
        """,
    ),
    BenchCohort(
        "c08",
        "metadata.amount adds up to more than 5,000 in 30 days",
        {
            "aggregate": {"type": "api_call"},
            "of": "metadata.amount",
            "by": "sum",
            "op": ">",
            "value": 5000.0005,  # finer than any amount: no sum lies on it, whatever sums of doubles lose
            "within": {"last": "30d"},
        },
        """
        SELECT user_id FROM events
        WHERE time > {ago_720h} AND time <= {now} AND type = 'api_call'
        GROUP BY user_id HAVING sum(amount * weight) > 5000.0005
        """,
    ),
    BenchCohort(
        "c09",
        "a POST of keys and later a 401, in 7 days",
        {
            "sequence": [
                {
                    "type": "api_call",
                    "where": {
                        "all": [condition("request.verb", "is", "POST"), condition("request.route", "is", "/v1/keys")]
                    },
                },
                {"type": "api_call", "where": condition("response.status", "is", 401)},
            ],
            "within": {"last": "7d"},
        },
        """
        SELECT user_id FROM events WHERE time > {ago_168h} AND time <= {now}
          AND ((verb = 'POST' AND route = '/v1/keys') OR status = 401)
        GROUP BY user_id
        HAVING count(*) FILTER (WHERE status = 401) > 0
           AND count(*) FILTER (WHERE verb = 'POST' AND route = '/v1/keys') > 0
           AND min(time) FILTER (WHERE verb = 'POST' AND route = '/v1/keys') < max(time) FILTER (WHERE status = 401)
        """,
    ),
    BenchCohort(
        "c10",
        "more than a fifth of at least 10 calls failed in 24 hours",
        {
            "ratio": {"type": "api_call", "where": condition("response.status", ">=", 400)},
            "to": {"type": "api_call"},
            "op": ">",
            "value": 0.2,
            "minimum": 10,
            "within": {"last": "24h"},
        },
        """
        SELECT user_id FROM events WHERE time > {ago_24h} AND time <= {now} AND type = 'api_call'
        GROUP BY user_id HAVING sum(weight) >= 10 AND 5 * sum(weight) FILTER (WHERE status >= 400) > sum(weight)
        """,
    ),
    BenchCohort(
        "c11",
        "at least 3 calls with metadata.region ap-south in 24 hours",
        performed("24h", condition("metadata.region", "is", "ap-south"), at_least=3),
        """
        SELECT user_id FROM events
        WHERE time > {ago_24h} AND time <= {now} AND type = 'api_call' AND region = 'ap-south'
        GROUP BY user_id HAVING sum(weight) >= 3
        """,
    ),
]
