"""Seeded histories of an API company, as Parquet files that every contestant reads.

A history ends at an instant `end`. It is made slice by slice (a day each, counted back from the end, each with its
own random stream), so the last 60 days of S10 are those of S. Events stand in order of receipt; what is received
after the end arrives in deltas of 15 minutes.

    <directory>/events/0000.parquet ...    the history, one file for each day of receipt
    <directory>/{users,companies}.parquet  who existed at the end
    <directory>/deltas/<n>/{events,users}.parquet   what came in the n-th quarter of an hour after the end
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA = Path(__file__).parent / "data"
SEED = 20260601
FORMAT = 4
"Raise it when the generator changes: older files are made again."
END = datetime(2026, 6, 1, 12, tzinfo=UTC)

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DELTA = 15 * MINUTE
DELTAS = 16
BUSY = 2.6
"The deltas fall into the busy hours: so many times the average rate."
RECENT = 60 * DAY
"Half of the users signed up in this time before the end, in every size."

RESOURCES = [
    *("payments", "keys", "customers", "invoices", "webhooks"),
    *("reports", "files", "members", "orders", "exports"),
]
ROUTES = [
    (verb, f"/v1/{resource}{suffix}")
    for resource in RESOURCES
    for verb, suffix in (("GET", ""), ("GET", "/:id"), ("POST", ""), ("PATCH", "/:id"))
]
STATUSES = np.array([200, 201, 204, 400, 401, 403, 404, 429, 500, 502, 503], dtype=np.int32)
GOOD = np.array([0.72, 0.15, 0.08, 0.015, 0.008, 0.004, 0.015, 0.004, 0.002, 0.001, 0.001])
BAD = np.array([0.40, 0.10, 0.05, 0.12, 0.06, 0.02, 0.05, 0.02, 0.10, 0.05, 0.03])
ACTIONS = ["Signed In", "Created Project", "Invited Member", "Viewed Billing", "Exported Report"]
REGIONS = ["us-east", "us-west", "eu-central", "eu-west", "ap-south", "sa-east"]
PLANS = ["free", "starter", "pro", "enterprise"]
ROLES = ["developer", "manager", "marketing", "support", "analyst"]
AGENTS = [
    f"example-{language}/2.{minor}" for language in ("python", "node", "go", "ruby", "java") for minor in range(8)
]
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Size:
    """How much: `rate` is events a day on average, `days` the length of the history."""

    name: str
    users: int
    companies: int
    days: int
    rate: int


SIZES = {
    size.name: size
    for size in (
        Size("T", users=5_000, companies=500, days=60, rate=1_667),
        Size("S", users=100_000, companies=10_000, days=60, rate=33_333),
        Size("P", users=200_000, companies=10_000, days=60, rate=33_333),
        Size("M", users=1_000_000, companies=50_000, days=60, rate=333_333),
        Size("S10", users=100_000, companies=10_000, days=600, rate=33_333),
    )
}


@dataclass(frozen=True)
class People:
    """Who sends events, an entry per user; times in microseconds. Users have ids above those of the companies."""

    first_id: int
    signed_up: np.ndarray
    left: np.ndarray
    rate: np.ndarray
    "Share of the traffic, by Zipf's law."
    bad: np.ndarray
    company: np.ndarray
    "Company id, 0 for none."
    region: np.ndarray
    plan: np.ndarray
    role: np.ndarray


def ensure(size: Size, end: datetime = END) -> Path:
    """The directory of the history, made if it is not there (or older than this generator)."""
    directory = DATA / f"{size.name}-{end:%Y%m%dT%H%M}"
    about: dict[str, Any] = {"format": FORMAT, "seed": SEED, "end": end.isoformat(), **asdict(size)}
    note = directory / "about.json"
    if note.exists() and about.items() <= json.loads(note.read_text()).items():
        return directory
    unfinished = directory.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    counts = generate(size, end, unfinished)
    (unfinished / "about.json").write_text(json.dumps({**about, **counts}, indent=1))
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.rename(directory)
    return directory


def generate(size: Size, end: datetime, directory: Path) -> dict[str, int]:
    """Write the whole history and its deltas; answers how many events each has."""
    end_us = int(end.timestamp()) * SECOND
    people = make_people(size, end_us)
    (directory / "events").mkdir(parents=True)
    pq.write_table(companies(size, end_us), directory / "companies.parquet")
    pq.write_table(users(people, 0, end_us), directory / "users.parquet")
    arrivals = by_receipt(slices(size, people, end_us), end_us - size.days * DAY, end_us)
    history, last_id = 0, 0
    for number, table in enumerate(arrivals):
        table = numbered(table, last_id)
        last_id += table.num_rows
        if number < size.days:
            history += table.num_rows
            pq.write_table(table, directory / "events" / f"{number:04}.parquet", compression="zstd")
            continue
        delta = number - size.days
        start = end_us + delta * DELTA
        folder = directory / "deltas" / str(delta + 1)
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "events.parquet")
        profiles = pa.concat_tables([users(people, start, start + DELTA), edits(people, start)])
        pq.write_table(profiles, folder / "users.parquet")
    return {"events": history, "delta_events": last_id - history}


def make_people(size: Size, end: int) -> People:
    """Users in order of sign-up: half of them in the last 60 days, a quarter leaving in that time."""
    rng = np.random.default_rng([SEED, 0])
    count = size.users
    old = count // 2
    last = end + DELTAS * DELTA
    signed_up = np.sort(
        np.concatenate(
            [rng.integers(end - 900 * DAY, end - RECENT, old), rng.integers(end - RECENT, last, count - old)]
        )
    )
    churned = rng.random(count) < 0.25
    leaving = np.maximum(signed_up + HOUR, rng.integers(end - RECENT, last, count))
    members = zipf(size.companies, rng)
    company = 1 + rng.choice(size.companies, count, p=members / members.sum())
    return People(
        first_id=size.companies + 1,
        signed_up=signed_up,
        left=np.where(churned, leaving, last + 1),
        rate=zipf(count, rng),
        bad=rng.random(count) < 0.02,
        company=np.where(rng.random(count) < 0.1, 0, company),
        region=rng.integers(0, len(REGIONS), count),
        plan=rng.choice(len(PLANS), count, p=[0.6, 0.25, 0.1, 0.05]),
        role=rng.integers(0, len(ROLES), count),
    )


def zipf(count: int, rng: np.random.Generator) -> np.ndarray:
    """Weights by rank ** -0.7, in random order."""
    return rng.permutation(np.arange(1, count + 1) ** -0.7)


def slices(size: Size, people: People, end: int) -> Iterator[pa.Table]:
    """Events by day of their time, oldest first, then the quarters of an hour after the end."""
    for ago in range(size.days, 0, -1):
        start = end - ago * DAY
        yield events(people, start, start + DAY, size.rate, np.random.default_rng([SEED, 1, ago]))
    busy = round(size.rate * DELTA / DAY * BUSY)
    for number in range(DELTAS):
        start = end + number * DELTA
        yield events(people, start, start + DELTA, busy, np.random.default_rng([SEED, 2, number]))


def events(people: People, start: int, end: int, count: int, rng: np.random.Generator) -> pa.Table:
    """`count` events with times in [start, end), each of a user who was there then."""
    there = np.flatnonzero((people.signed_up < end) & (people.left > start))
    shares = np.cumsum(people.rate[there])
    who = there[np.searchsorted(shares, rng.random(count) * shares[-1])]
    since = np.maximum(people.signed_up[who], start)
    time = since + (rng.random(count) * (np.minimum(people.left[who], end) - since)).astype(np.int64)
    action = rng.random(count) < 0.05
    route = rng.choice(len(ROUTES), count, p=ROUTE_SHARES)
    region = np.where(rng.random(count) < 0.9, people.region[who], rng.integers(0, len(REGIONS), count))
    routes = take([route for _, route in ROUTES], route, action)
    return pa.table(
        {
            "time": pa.array(time, TIME),
            "received_at": pa.array(time + lateness(count, rng), TIME),
            "user_id": pa.array((who + people.first_id).astype(np.int32)),
            "company_id": pa.array(people.company[who].astype(np.int32), mask=people.company[who] == 0),
            "names_company": pa.array(rng.random(count) < 0.9),
            "weight": pa.array(np.where((rng.random(count) < 0.01) & ~action, 5, 1).astype(np.int32)),
            "type": take(["api_call", "action"], action.astype(int)),
            "action_name": take(ACTIONS, rng.integers(0, len(ACTIONS), count), ~action),
            "verb": take([verb for verb, _ in ROUTES], route, action),
            "route": routes,
            "uri": uris(routes, rng),
            "status": pa.array(statuses(people.bad[who], rng), mask=action),
            "duration_ms": pa.array(np.round(rng.lognormal(3.5, 1.0, count)), mask=action),
            "ip_address": addresses(who),
            "agent": take(AGENTS, who % len(AGENTS), action),
            "amount": pa.array(np.round(rng.exponential(80, count), 2), mask=rng.random(count) >= 0.3),
            "region": take(REGIONS, region),
            "cached": pa.array(rng.random(count) < 0.5, mask=rng.random(count) >= 0.2),
        }
    )


def lateness(count: int, rng: np.random.Generator) -> np.ndarray:
    """Microseconds until receipt: about a second; 1 % exponential of 6 hours, 0.1 % up to 7 days."""
    luck = rng.random(count)
    usual = rng.integers(50_000, 2 * SECOND, count)
    late = (rng.exponential(6 * HOUR, count)).astype(np.int64)
    return np.where(luck < 0.001, rng.integers(0, 7 * DAY, count), np.where(luck < 0.011, late, usual))


def statuses(bad: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A status for each event; the few users with a bad profile see many errors."""
    luck = rng.random(len(bad))
    good = np.searchsorted(np.cumsum(GOOD / GOOD.sum()), luck)
    return STATUSES[np.where(bad, np.searchsorted(np.cumsum(BAD / BAD.sum()), luck), good)]


def uris(routes: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Full addresses; `:id` becomes a number."""
    numbers = pa.array(rng.integers(1, 10_000_000, len(routes))).cast(pa.string())
    item = pc.ends_with(routes, ":id")
    stem = pc.if_else(item, pc.utf8_slice_codeunits(routes, 0, stop=-3), routes)
    tail = pc.if_else(item, numbers, "")
    return pc.binary_join_element_wise("https://api.example.com", stem, tail, "")


def addresses(who: np.ndarray) -> pa.Array:
    """One IP address for each user."""
    part = [pa.array((who >> shift) & 255).cast(pa.string()) for shift in (16, 8, 0)]
    return pc.binary_join_element_wise("10", *part, ".")


def take(words: list[str], which: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """The words at these places, null where missing."""
    return pa.array(words).take(pa.array(which, mask=missing))


def by_receipt(tables: Iterator[pa.Table], start: int, end: int) -> Iterator[pa.Table]:
    """The same events in tables by day, then quarter, of receipt; each sorted. Those after the last are left out."""
    waiting: list[pa.Table] = []
    limit = start
    for table in tables:
        limit += DAY if limit < end else DELTA
        pool = pa.concat_tables([*waiting, table])
        arrived = pc.less_equal(pool["received_at"], pa.scalar(limit, TIME))
        waiting = [pool.filter(pc.invert(arrived))]
        yield pool.filter(arrived).sort_by("received_at")


def numbered(table: pa.Table, last_id: int) -> pa.Table:
    """The table with event ids that go on after the last one."""
    return table.add_column(0, "id", pa.array(np.arange(last_id + 1, last_id + 1 + table.num_rows)))


def users(people: People, after: int, until: int) -> pa.Table:
    """Profiles of those who signed up in (after, until], as given at sign-up."""
    who = np.flatnonzero((people.signed_up > after) & (people.signed_up <= until))
    return _profiles(people, who, people.plan[who], people.signed_up[who])


def edits(people: People, start: int) -> pa.Table:
    """New plans of a few users in the quarter of an hour that starts here."""
    rng = np.random.default_rng([SEED, 3, start])
    known = int(np.searchsorted(people.signed_up, start))
    who = np.sort(rng.choice(known, max(1, known // 5_000), replace=False))
    plan = rng.integers(0, len(PLANS), len(who))
    return _profiles(people, who, plan, np.sort(rng.integers(start + 1, start + DELTA, len(who))))


def _profiles(people: People, who: np.ndarray, plan: np.ndarray, received_at: np.ndarray) -> pa.Table:
    number = pa.array(who + people.first_id).cast(pa.string())
    domain = pa.array(people.company[who]).cast(pa.string())
    host = pc.if_else(pa.array(who % 3 == 0), ".io", ".example.com")
    return pa.table(
        {
            "id": pa.array((who + people.first_id).astype(np.int32)),
            "external_id": pc.binary_join_element_wise("user", number, "-"),
            "company_id": pa.array(people.company[who].astype(np.int32), mask=people.company[who] == 0),
            "received_at": pa.array(received_at, TIME),
            "signed_up": pa.array(people.signed_up[who], TIME),
            "plan": take(PLANS, plan),
            "role": take(ROLES, people.role[who]),
            "region": take(REGIONS, people.region[who]),
            "name": pc.binary_join_element_wise("User", number, " "),
            "email": pc.binary_join_element_wise("user", number, "@corp", domain, host, ""),
        }
    )


def companies(size: Size, end: int) -> pa.Table:
    """All companies, known since before the history."""
    rng = np.random.default_rng([SEED, 4])
    ids = np.arange(1, size.companies + 1, dtype=np.int32)
    number = pa.array(ids).cast(pa.string())
    return pa.table(
        {
            "id": pa.array(ids),
            "external_id": pc.binary_join_element_wise("company", number, "-"),
            "received_at": pa.array(np.full(size.companies, end - 900 * DAY), TIME),
            "plan": take(PLANS, rng.choice(len(PLANS), size.companies, p=[0.5, 0.25, 0.15, 0.1])),
            "domain": pc.binary_join_element_wise("corp", number, ".example.com", ""),
        }
    )


def _route_shares() -> np.ndarray:
    weights = np.random.default_rng([SEED, 5]).permutation(np.arange(1, len(ROUTES) + 1) ** -0.8)
    return weights / weights.sum()


ROUTE_SHARES = _route_shares()
