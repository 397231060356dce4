"""What a subscription will do, in sentences for whoever sets it up."""

from __future__ import annotations

from notifications.models import Subscription
from notifications.schedule import length


def words_of(subscription: Subscription) -> list[str]:
    """`Every weekday at 09:00 (Europe/Berlin), the net change since the last one.`, and what else was chosen."""
    when = subscription.schedule.words
    sent = f"{when[0].upper()}{when[1:]}, the net change since the last one."
    return [sent, *_flapping(subscription), *filter(None, [_brake(subscription)])]


def _flapping(subscription: Subscription) -> list[str]:
    said = []
    if subscription.minimum_stay is not None:
        stay = length(subscription.minimum_stay)
        said.append(f"A change is told once it has lasted {stay}; who turns back before is not mentioned.")
    if subscription.once_per_customer:
        said.append("Of each customer one change is told, ever.")
    elif subscription.cool_down is not None:
        wait = length(subscription.cool_down)
        said.append(f"Of the same customer nothing more is told for {wait}; then what came of it meanwhile.")
    return said


def _brake(subscription: Subscription) -> str:
    limits = []
    if subscription.hold_above is not None:
        limits.append(f"more than {subscription.hold_above:,} customers would be told of at once")
    if subscription.hold_above_percent is not None:
        limits.append(f"more than {subscription.hold_above_percent} % of the cohort would be told of at once")
    if subscription.hold_when_silent:
        limits.append("events have stopped coming in")
    return f"Held until somebody decides, when {' or when '.join(limits)}." if limits else ""
