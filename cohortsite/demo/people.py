"""The customers of the demo: a made-up shipping API, the companies that pay for it and the people who call it.

Everything follows from the seed and the anchor (the hour of the first run), so that a later run continues the story.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

SEED = "fernpost 1"
HISTORY = timedelta(days=21)
"""How much traffic lies before the anchor."""
SETTLED = 220
"""People who had signed up before the history starts."""
SIGN_UP_EVERY = timedelta(minutes=100)
BUSIEST = 220.0
"""Calls a day of the busiest person; the others follow Zipf's law."""

NAMES = json.loads(Path(__file__).with_name("names.json").read_text())

TRADES = ("Books", "Coffee", "Cycles", "Foods", "Gardens", "Logistics", "Market", "Outfitters", "Pharmacy", "Toys")
PLANS = ("free", "free", "starter", "starter", "pro", "enterprise")
CALLERS = ("fernpost-python/3.1", "fernpost-node/5.0", "fernpost-php/2.4", "curl/8.9", "okhttp/4.12")


@dataclass(frozen=True)
class Company:
    """A customer company of the demo."""

    id: str
    name: str
    domain: str
    plan: str
    trade: str
    employees: int

    def item(self, at: datetime) -> dict[str, Any]:
        """What is said of it, in the collector's form."""
        metadata = {"name": self.name, "plan": self.plan, "industry": self.trade.lower(), "employees": self.employees}
        return {
            "company_id": self.id,
            "company_domain": self.domain,
            "modified_time": at.isoformat(),
            "metadata": metadata,
        }


@dataclass(frozen=True)
class Person:
    """A user of the demo: who they are and how they behave."""

    id: str
    name: str
    company: Company
    signed_up_at: datetime
    calls_a_day: float
    caller: str
    ip_address: str
    struggles: bool
    "Gets their first calls wrong."
    quiet: tuple[datetime, datetime] | None
    "Sends nothing between these."

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@{self.company.domain}"

    def item(self) -> dict[str, Any]:
        """What is said of them, in the collector's form."""
        rng = Random(f"{SEED} profile {self.id}")
        source = rng.choice(["google", "github", "newsletter", "partner"])
        return {
            "user_id": self.id,
            "company_id": self.company.id,
            "modified_time": self.signed_up_at.isoformat(),
            "campaign": {"utm_source": source, "utm_medium": rng.choice(["cpc", "organic", "email"])},
            "metadata": {
                "name": self.name,
                "email": self.email,
                "plan": self.company.plan,
                "role": rng.choice(["developer", "developer", "developer", "founder", "operations"]),
                "signed_up_at": self.signed_up_at.isoformat(),
            },
        }


@cache
def companies() -> tuple[Company, ...]:
    """All companies, the busiest first."""
    return tuple(company(number, firm) for number, firm in enumerate(NAMES["firms"], start=1))


def company(number: int, firm: str) -> Company:
    """The company with this number."""
    rng = Random(f"{SEED} company {number}")
    trade = rng.choice(TRADES)
    domain = f"{firm}{trade}.example".lower()
    employees = int(4 * 1.1 ** rng.randint(0, 60))
    return Company(f"acct_{number:03}", f"{firm} {trade}", domain, rng.choice(PLANS), trade, employees)


def settled_people(anchor: datetime) -> Iterator[Person]:
    """Those who were there before the history starts."""
    for number in range(1, SETTLED + 1):
        rng = Random(f"{SEED} settled {number}")
        signed_up_at = anchor - HISTORY - timedelta(days=rng.uniform(1, 300))
        quiet = None
        if number > 12 and rng.random() < 0.1:
            # Their last call was about a week before the anchor, so that the week is full during the last day.
            start = anchor - timedelta(days=rng.uniform(6.9, 8.2))
            quiet = (start, start + timedelta(days=rng.uniform(7.6, 10)))
        yield person(number, signed_up_at, BUSIEST / number**0.9, struggles=False, quiet=quiet)


def newcomers(anchor: datetime, until: datetime) -> Iterator[Person]:
    """Those who sign up from the start of the history on, up to `until`, in that order."""
    number = 0
    while True:
        rng = Random(f"{SEED} newcomer {number}")
        signed_up_at = anchor - HISTORY + SIGN_UP_EVERY * (number + rng.random())
        if signed_up_at > until:
            return
        rank = rng.randint(25, 400)
        yield person(5000 + number, signed_up_at, BUSIEST / rank**0.9, struggles=rng.random() < 0.45)
        number += 1


def person(
    number: int,
    signed_up_at: datetime,
    calls_a_day: float,
    *,
    struggles: bool,
    quiet: tuple[datetime, datetime] | None = None,
) -> Person:
    """The person with this number; small companies have few people, the first ones many."""
    rng = Random(f"{SEED} person {number}")
    firm = companies()[min(int(rng.expovariate(1 / 14)), len(companies()) - 1)]
    return Person(
        id=f"usr_{number:05}",
        name=f"{rng.choice(NAMES['first'])} {rng.choice(NAMES['last'])}",
        company=firm,
        signed_up_at=signed_up_at,
        calls_a_day=calls_a_day,
        caller=rng.choice(CALLERS),
        ip_address=f"203.0.113.{rng.randint(1, 254)}",
        struggles=struggles,
        quiet=quiet,
    )
