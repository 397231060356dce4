"""Fifty alert rules such as a company would have: a tenth of them for each company, of every kind and length."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

Json = dict[str, Any]
CALLS: Json = {"type": "api_call"}


def where(field: str, op: str, value: Any) -> Json:
    """API calls that pass a condition."""
    return {**CALLS, "where": {"field": field, "op": op, "value": value}}


FAILED, REFUSED = where("response.status", ">=", 500), where("response.status", "is", [401, 403])
PAYMENTS, POSTS = where("request.route", "is", "/v1/payments"), where("request.verb", "is", "POST")
COUNT, ERRORS = {"of": CALLS, "figure": "count"}, {"ratio": FAILED, "to": CALLS}
SLOW = {"of": CALLS, "figure": "p95", "field": "duration_ms"}
METRICS = (
    *(COUNT, ERRORS, SLOW, {"of": PAYMENTS, "figure": "count"}, {"ratio": REFUSED, "to": CALLS}),
    *(
        {"of": POSTS, "figure": "sum", "field": "metadata.amount"},
        {"of": CALLS, "figure": "avg", "field": "duration_ms"},
    ),
    *({"of": CALLS, "figure": "distinct", "field": "request.route"}, {"of": FAILED, "figure": "count"}),
    {"of": PAYMENTS, "figure": "p99", "field": "duration_ms"},
)
CONDITIONS = (
    {"static": {"op": ">", "value": 100_000}},
    {"change": {"direction": "down", "percent": 90, "against": "week"}},
    {"anomaly": {"direction": "both", "sensitivity": "medium"}},
    {"static": {"op": ">", "value": 100_000}, "of_last": {"k": 2, "n": 3}},
    {"change": {"direction": "up", "percent": 400, "against": "before"}},
    {"silence": {"after": 12}},
)
INTERVALS = (("5m", "calendar"), ("hour", "calendar"), ("1m", "calendar"), ("15m", "rolling"), ("day", "calendar"))
OF_COMPANIES = (
    ("Errors of a company", ERRORS, "hour", {"static": {"op": ">", "value": 0.5}}),
    ("A company falls silent", COUNT, "hour", {"silence": {"after": 6}}),
    ("Half of last week", COUNT, "day", {"change": {"direction": "down", "percent": 50, "against": "week"}}),
    ("Slow for a company", SLOW, "hour", {"static": {"op": ">", "value": 60_000}}),
    ("Unusual for a company", COUNT, "hour", {"anomaly": {"direction": "both", "sensitivity": "low"}}),
)


def rules() -> list[tuple[str, Json]]:
    """Names and definitions."""
    of_companies = [
        (name, {**_definition(metric, every, "calendar", condition), "group_by": ["company_id"], "minimum": 20})
        for name, metric, every, condition in OF_COMPANIES
    ]
    others = islice(zip(cycle(METRICS), cycle(CONDITIONS), cycle(INTERVALS), strict=False), 45)
    of_all = [
        (f"Rule {number}", _definition(metric, every, mode, condition))
        for number, (metric, condition, (every, mode)) in enumerate(others, start=1)
    ]
    return of_companies + of_all


def _definition(metric: Json, every: str, mode: str, condition: Json) -> Json:
    return {"version": 1, "metric": metric, "every": every, "mode": mode, "condition": condition}
