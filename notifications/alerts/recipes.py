"""Rules to start from: what engineers ask first of their API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

Json = dict[str, Any]

API_CALL = {"type": "api_call"}


@dataclass(frozen=True)
class Recipe:
    """The definition of a rule with a title, which is its name until somebody chooses another, and a sentence."""

    key: str
    title: str
    about: str
    icon: str
    rule: Json

    @property
    def document(self) -> Json:
        """The definition."""
        return {"version": 1, **self.rule}


RECIPES = (
    Recipe(
        "error-rate",
        "Error rate over 5 %",
        "More than one in twenty calls failed with a 5xx, out of at least 20 in 5 minutes.",
        "error",
        {
            "metric": {
                "ratio": {**API_CALL, "where": {"field": "response.status", "op": ">=", "value": 500}},
                "to": API_CALL,
            },
            "every": "5m",
            "minimum": 20,
            "condition": {"static": {"op": ">", "value": 0.05}},
            "recovers": 2,
        },
    ),
    Recipe(
        "volume-halved",
        "Volume down by half",
        "An hour has half the calls of the same hour a week ago, or fewer.",
        "trending_down",
        {
            "metric": {"of": API_CALL, "figure": "count"},
            "every": "hour",
            "minimum": 100,
            "condition": {"change": {"direction": "down", "percent": 50, "against": "week"}},
        },
    ),
    Recipe(
        "latency-doubled",
        "p95 latency doubled",
        "The slowest twentieth of the calls takes twice as long as at this time yesterday.",
        "speed",
        {
            "metric": {"of": API_CALL, "figure": "p95", "field": "duration_ms"},
            "every": "hour",
            "minimum": 20,
            "condition": {"change": {"direction": "up", "percent": 100, "against": "day"}},
        },
    ),
    Recipe(
        "company-silent",
        "A company gone silent",
        "Nothing for three days from a company that used to be here on most days.",
        "notifications_off",
        {
            "metric": {"of": {"type": "any"}, "figure": "count"},
            "every": "day",
            "group_by": ["company_id"],
            "most_groups": 200,
            "condition": {"silence": {"after": 3, "before": 14}},
        },
    ),
    Recipe(
        "unusual-traffic",
        "Unusual traffic",
        "Far more or fewer calls than the hour, the day and the week lead one to expect.",
        "query_stats",
        {
            "metric": {"of": API_CALL, "figure": "count"},
            "every": "hour",
            "condition": {"anomaly": {"direction": "both", "sensitivity": "medium"}},
        },
    ),
)


@dataclass(frozen=True)
class Offer:
    """A recipe with the address of the editor that it opens."""

    recipe: Recipe
    address: str


def offers() -> list[Offer]:
    """What `templates/cohorts/recipes.html` shows of the recipes."""
    return [Offer(recipe, _address(recipe)) for recipe in RECIPES]


def _address(recipe: Recipe) -> str:
    criteria = json.dumps(recipe.document, separators=(",", ":"))
    return f"{reverse('new_alert_rule')}?{urlencode({'criteria': criteria, 'name': recipe.title})}"
