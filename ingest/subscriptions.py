"""The subscriptions of a company: kept all, of which the current one is what criteria ask as `subscription.*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SUBSCRIPTION_TEXTS = ("subscription_id", "status", "plan_id", "price_id")
SUBSCRIPTION_TIMES = (
    "current_period_start",
    "current_period_end",
    "trial_start",
    "trial_end",
    "cancel_time",
    "created",
)

_ORDER = ("active", "trialing", "paused", "pending", "future", "draft", "cancelled")
"""Which status comes before which; one that is not here comes last."""


def current_subscription(subscriptions: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Of several the one with the first status of `_ORDER`; of those the one that started last, then the greatest id.

    Plan and price are those of its first item.
    """
    id_ = max(subscriptions, key=lambda each: (*_standing(subscriptions[each]), each))
    found = {**subscriptions[id_], "subscription_id": id_}
    items = found.get("items")
    first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
    return found | {name: first[name] for name in ("plan_id", "price_id") if isinstance(first.get(name), str)}


def _standing(subscription: Mapping[str, Any]) -> tuple[int, str]:
    """Greater for the one that leads. Times are kept in UTC, so that their texts compare as they do."""
    status = subscription.get("status")
    place = _ORDER.index(status) if status in _ORDER else len(_ORDER)
    return -place, str(subscription.get("current_period_start") or "")
