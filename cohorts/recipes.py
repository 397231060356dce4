"""Definitions to start from: what people ask first of their users and companies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from ingest.models import CustomerKind

Json = dict[str, Any]

USERS, COMPANIES = CustomerKind.USER, CustomerKind.COMPANY
TODAY = {"calendar": "today"}
API_CALL = {"type": "api_call"}


@dataclass(frozen=True)
class Recipe:
    """A definition with a title and a sentence, for customers of these kinds."""

    key: str
    title: str
    about: str
    icon: str
    match: Json
    kinds: tuple[CustomerKind, ...] = (USERS, COMPANIES)

    @property
    def document(self) -> Json:
        """The criteria."""
        return {"version": 1, "match": self.match}


def _calls(where: Json | None = None) -> Json:
    return {**API_CALL, "where": where} if where else API_CALL


def _condition(field: str, op: str, value: Any) -> Json:
    return {"field": field, "op": op, "value": value}


_FIRST_CALL_TODAY = {"first": API_CALL, "within": TODAY}
_FAILED = _condition("response.status", ">=", 400)

RECIPES = (
    Recipe(
        "first-call-today",
        "First API call today",
        "Newcomers who are trying it out right now.",
        "waving_hand",
        _FIRST_CALL_TODAY,
    ),
    Recipe(
        "first-call-today-400",
        "First call today, with 400s",
        "They started today and ran into bad requests.",
        "sos",
        {
            "all": [
                _FIRST_CALL_TODAY,
                {"performed": _calls(_condition("response.status", "is", 400)), "at_least": 1, "within": TODAY},
            ]
        },
    ),
    Recipe(
        "never-called",
        "Never called since sign-up",
        "Signed up 7 to 28 days ago, and no API call yet.",
        "hourglass_empty",
        {
            "all": [
                _condition("created", "between", [{"ago": "28d"}, {"ago": "7d"}]),
                {"performed": API_CALL, "at_most": 0, "within": {"ever": True}},
            ]
        },
    ),
    Recipe(
        "went-quiet",
        "Went quiet for 7 days",
        "Active in the month before, nothing for a week.",
        "bedtime",
        {
            "all": [
                {"performed": {"type": "any"}, "at_least": 10, "within": {"from": "37d", "to": "7d"}},
                {"performed": {"type": "any"}, "at_most": 0, "within": {"last": "7d"}},
            ]
        },
    ),
    Recipe(
        "error-rate",
        "Error rate over 20 %",
        "Of at least 20 calls in 24 hours, more than a fifth failed.",
        "trending_up",
        {
            "ratio": _calls(_FAILED),
            "to": API_CALL,
            "op": ">",
            "value": 0.2,
            "minimum": 20,
            "within": {"last": "24h"},
        },
    ),
    Recipe(
        "heavy-on-free",
        "Heavy users on the free plan",
        "Plan is free, and over 1,000 calls in a week: ready to buy.",
        "rocket_launch",
        {
            "all": [
                _condition("metadata.plan", "is", "free"),
                {"performed": API_CALL, "at_least": 1000, "within": {"last": "7d"}},
            ]
        },
    ),
)


@dataclass(frozen=True)
class Offer:
    """A recipe with the address of the look-up that it opens."""

    recipe: Recipe
    address: str


def recipes_for(kind: CustomerKind) -> list[Offer]:
    """What `templates/cohorts/recipes.html` shows of the recipes for customers of the kind."""
    return [Offer(recipe, _address(recipe, kind)) for recipe in RECIPES if kind in recipe.kinds]


def _address(recipe: Recipe, kind: CustomerKind) -> str:
    criteria = json.dumps(recipe.document, separators=(",", ":"))
    return f"{reverse(f'{kind.value}_lookup')}?{urlencode({'criteria': criteria})}"
