"""What the demo's customers do: profiles, actions and API calls as JSON lines, in the order of time.

The same instants give the same items with the same ids, so that importing a stretch twice doubles nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from cohortsite.demo.people import HISTORY, SEED, Person, companies, newcomers, person, settled_people

BASE = "https://api.fernpost.example"
CALLS = (  # verb, path, usual status, how often
    ("GET", "/v1/tracking/{number}", 200, 40),
    ("GET", "/v1/rates?from=DE&to=FR&weight={grams}", 200, 25),
    ("POST", "/v1/shipments", 201, 15),
    ("GET", "/v1/shipments/{number}", 200, 12),
    ("POST", "/v1/labels", 201, 8),
)
HOW_OFTEN = [often for *_, often in CALLS]
BUSY_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 11, 12, 12, 11, 9, 7, 5, 4, 4, 3, 2)
ACTIONS = ("Viewed Docs", "Viewed Dashboard", "Viewed Pricing", "Invited Teammate")
TAGS = {400: "invalid_request", 404: "not_found", 429: "rate_limited", 500: "server_error"}

Item = dict[str, Any]


def traffic(anchor: datetime, after: datetime, until: datetime) -> list[Item]:
    """Everything that happened in `after < t <= until`, each as one line for `import_events`, in the order of time."""
    items = [
        (at, item)
        for customer in [*settled_people(anchor), *newcomers(anchor, until)]
        for at, item in life(customer, max(after, anchor - HISTORY), until)
    ]
    if after < anchor - HISTORY:  # the first run also tells who was there before
        items += [(anchor - HISTORY, {"company": firm.item(anchor - HISTORY)}) for firm in companies()]
        items += [(who.signed_up_at, {"user": who.item()}) for who in settled_people(anchor)]
    return [item for _, item in sorted(items, key=lambda pair: pair[0])]


def life(who: Person, after: datetime, until: datetime) -> Iterator[tuple[datetime, Item]]:
    """What one person did in `after < t <= until`."""
    if who.signed_up_at > after:
        yield from ((at, item) for at, item in first_hour(who) if after < at <= until)
    day = max(after, who.signed_up_at).date()
    while day <= until.date():
        yield from ((at, item) for at, item in one_day(who, day) if after < at <= until)
        day += timedelta(days=1)


def first_hour(who: Person) -> list[tuple[datetime, Item]]:
    """Signing up and the first calls; those who struggle get them wrong, and half of them then give up for the day."""
    rng = Random(f"{SEED} first {who.id}")
    at = who.signed_up_at
    steps = [(at, {"user": who.item()}), (at, action(who, at, "Signed Up"))]
    at += timedelta(seconds=rng.uniform(40, 300))
    steps.append((at, action(who, at, "Created API Key")))
    wrong = rng.randint(2, 8) if who.struggles else 0
    right = 0 if who.struggles and rng.random() < 0.5 else rng.randint(2, 12)
    for number in range(wrong + right):
        at += timedelta(seconds=rng.uniform(8, 240))
        steps.append((at, call(who, at, rng, status=400 if number < wrong else None)))
    return steps


def one_day(who: Person, day: date) -> Iterator[tuple[datetime, Item]]:
    """The ordinary calls and actions of one UTC day, from the hour after signing up."""
    rng = Random(f"{SEED} {who.id} {day}")
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    calls = how_many(rng, who.calls_a_day * (0.4 if day.weekday() >= 5 else 1.0))
    hours = rng.choices(range(24), weights=BUSY_HOURS, k=calls)
    for at in sorted(midnight + timedelta(hours=hour, seconds=rng.uniform(0, 3600)) for hour in hours):
        item = action(who, at, rng.choice(ACTIONS)) if rng.random() < 0.02 else call(who, at, rng)
        if at > who.signed_up_at + timedelta(hours=1) and not (who.quiet and who.quiet[0] <= at <= who.quiet[1]):
            yield at, item


def call(who: Person, at: datetime, rng: Random, status: int | None = None) -> Item:
    """One API call, with the given status or one that the person's luck decides."""
    verb, path, usual, _ = rng.choices(CALLS, weights=HOW_OFTEN)[0]
    if status is None:
        status = chance(rng, who, at, usual)
    duration = timedelta(milliseconds=rng.lognormvariate(4.2, 0.6) * (8 if status >= 500 else 1))
    uri = BASE + path.format(number=rng.randint(10_000, 99_999), grams=rng.randint(1, 40) * 250)
    response: Item = {"time": (at + duration).isoformat(), "status": status}
    if status in TAGS:
        response["headers"] = {"X-Fernpost-Error": TAGS[status]}
    return {
        "event": {
            "transaction_id": f"call-{who.id}-{at:%Y%m%d%H%M%S%f}",
            "request": {
                "time": at.isoformat(),
                "verb": verb,
                "uri": uri,
                "ip_address": who.ip_address,
                "headers": {"User-Agent": who.caller, "Accept": "application/json"},
            },
            "response": response,
            "user_id": who.id,
            "company_id": who.company.id,
            "metadata": {"region": "eu-west" if rng.random() < 0.7 else "us-east"},
        }
    }


def action(who: Person, at: datetime, name: str) -> Item:
    """One action."""
    return {
        "action": {
            "transaction_id": f"action-{who.id}-{at:%Y%m%d%H%M%S%f}",
            "action_name": name,
            "request": {"time": at.isoformat(), "ip_address": who.ip_address},
            "user_id": who.id,
            "company_id": who.company.id,
            "metadata": {"plan": who.company.plan},
        }
    }


def chance(rng: Random, who: Person, at: datetime, usual: int) -> int:
    """The status of an ordinary call: mostly as usual; some customers meet an outage, busy ones the rate limit."""
    luck = rng.random()
    if has_outage(who.company.id, at) and luck < 0.5:
        return 500
    if who.calls_a_day > 60 and luck > 0.985:
        return 429
    if luck < 0.012:
        return 404
    return 400 if luck > 0.994 else usual


def has_outage(company_id: str, at: datetime) -> bool:
    """Four times a day, two of the busier companies meet server errors for an hour and a half."""
    struck, start = outage(at.date(), at.hour // 6)
    return company_id in struck and start <= at.hour % 6 + at.minute / 60 <= start + 1.5


@cache
def outage(day: date, quarter: int) -> tuple[frozenset[str], float]:
    """Whom the outage of this quarter of a day strikes, and when it starts in hours."""
    rng = Random(f"{SEED} outage {day} {quarter}")
    return frozenset(firm.id for firm in rng.sample(companies()[:12], 2)), rng.uniform(0, 4.5)


def how_many(rng: Random, expected: float) -> int:
    """A number of things that happen `expected` times on average (Poisson; its normal limit for many)."""
    if expected > 30:
        return max(0, round(rng.gauss(expected, math.sqrt(expected))))
    count, left = 0, rng.expovariate(1.0)
    while left < expected:
        count, left = count + 1, left + rng.expovariate(1.0)
    return count


def live_newcomer(now: datetime) -> list[Item]:
    """Somebody who signs up now and gets the first calls wrong: what the running demo sends to itself."""
    rng = Random(f"{SEED} live {now.isoformat()}")
    started = now - timedelta(seconds=30)
    who = person(100_000 + int(now.timestamp()) % 900_000_000, started, 1.0, struggles=True)
    calls = [call(who, started + timedelta(seconds=4 * number), rng, status=400) for number in range(1, 4)]
    return [{"user": who.item()}, action(who, started, "Signed Up"), *calls]
