"""Customers as a notification carries them: the id, the fields that a subscription asks for, and why they moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import Max
from pyroaring import BitMap

from cohorts.criteria import EventSeen, Evidence
from cohorts.customer_rows import customer_path
from cohorts.enums import ChangeKind, Reason
from cohorts.models import Baseline, Cohort, MembershipChange
from ingest.columns import open_columns
from ingest.columns.interface import Snapshot
from ingest.fields import CUSTOMER_ACTIVITY, UnknownField, customer_field
from ingest.models import Customer, CustomerKind
from ingest.paths import find
from notifications.message import Entry, encode, instant

CHUNK = 10_000
"""Customers read at once."""
LARGEST_ENTRY = 64_000
"""Bytes of one customer; of a larger one only the id is sent."""
MOST_SENTENCES, LONGEST_SENTENCE = 20, 500

ALREADY_IN = "Already in the cohort when the subscription began"

KEYS = (
    "company_id",
    "email",
    "company_domain",
    "name",
    "created",
    "first_seen_time",
    "last_seen_time",
    "campaign",
    "metadata",
    "url",
)
"""What may be asked for, in the order in which it is sent."""
WHOLE = ("campaign", "metadata")
"""Objects of a profile that may be sent whole or by their paths (`metadata.plan`)."""


@dataclass(frozen=True)
class Told:
    """The customers a batch tells of. Their reasons are those of their last change up to `version`.

    `at` is the instant of that version: what is said of the customers was known then.
    """

    cohort: Cohort
    fields: tuple[str, ...]
    added: BitMap
    removed: BitMap
    version: int
    at: datetime
    zone: str = ""
    "Of the times that people read; empty for the cohort's."


EXAMPLE_JOINED = (
    "API Call where response.status is 400: 3 times today (at least 1)",
    3,
    timedelta(minutes=4),
    "POST /payments -> 400",
)
EXAMPLE_LEFT = (
    "API Call: 0 times in the last 7 days (at least 1)",
    0,
    timedelta(days=7, minutes=4),
    "GET /payments/:id -> 200",
)
"""For examples: the sentence, how many times, and an event: how long ago it was, and what."""


@dataclass(frozen=True)
class Moved:
    """How one customer moved."""

    change: str
    changed_at: datetime
    reason: str
    because: Sequence[str]
    evidence: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def made_up(cls, change: ChangeKind, now: datetime) -> Moved:
        """For an example."""
        if change == ChangeKind.ADDED:
            return cls._made_up(change, now, Reason.BEHAVIOR, *EXAMPLE_JOINED)
        return cls._made_up(change, now, Reason.TIME, *EXAMPLE_LEFT)

    @classmethod
    def _made_up(
        cls, change: ChangeKind, now: datetime, reason: Reason, sentence: str, times: int, ago: timedelta, what: str
    ) -> Moved:
        event = EventSeen("5f0c6f4e-8f0f-4c5e-9a53-0c8f2f2f7a11", now - ago, what)
        evidence = Evidence(sentence, reason, times, "at least 1", events=(event,))
        return cls(change, now, reason, [sentence], [evidence.as_json("match")])


@dataclass(frozen=True)
class Facts:
    """What is known of a customer. `activity` has the fields of CUSTOMER_ACTIVITY, none where there were no events."""

    external_id: str
    profile: Mapping[str, Any] = field(default_factory=dict)
    company_id: str | None = None
    activity: Mapping[str, datetime | None] = field(default_factory=dict)


def check_fields(kind: CustomerKind, names: Sequence[str]) -> list[str]:
    """The fields without repetitions. Raises ValueError with a sentence that names the first that is not one."""
    for name in names:
        if name in (*WHOLE, "url") or (name == "company_id" and kind == CustomerKind.USER):
            continue
        try:
            customer_field(kind, name)
        except UnknownField as error:
            raise ValueError(str(error)) from None
    return list(dict.fromkeys(names))


def entries(told: Told) -> Iterator[Entry]:
    """The customers added, then those removed, each group by id; read in chunks."""
    kind = CustomerKind(told.cohort.kind)
    with ExitStack() as stack:
        known = {*CUSTOMER_ACTIVITY, "company_id"} & {*told.fields} - {f"{kind}_id"}
        snapshot = stack.enter_context(open_columns().snapshot(told.at)) if known else None
        for change, customers in ((ChangeKind.ADDED, told.added), (ChangeKind.REMOVED, told.removed)):
            for start in range(0, len(customers), CHUNK):
                chunk = customers[start : start + CHUNK]
                moved = _moves(told, change, chunk)
                facts = _facts(kind, chunk, snapshot, known)
                for customer in chunk:
                    yield write_entry(kind, told.fields, facts[customer], moved[customer])


def write_entry(kind: CustomerKind, fields: Sequence[str], facts: Facts, moved: Moved) -> Entry:
    """One customer with these fields, those that are not known as null, in the documented order of keys."""
    url = f"{settings.SITE_URL}{customer_path(kind, facts.external_id)}"
    why = {
        "changed_at": instant(moved.changed_at),
        "reason": str(moved.reason),
        "because": [sentence[:LONGEST_SENTENCE] for sentence in moved.because[:MOST_SENTENCES]]
        or [Reason(moved.reason).label],
        "evidence": [
            {**each, "sentence": each["sentence"][:LONGEST_SENTENCE]} for each in moved.evidence[:MOST_SENTENCES]
        ],
    }
    known = {f"{kind}_id": facts.external_id}
    chosen = {key: _value(key, fields, facts, url) for key in _keys(kind, tuple(fields))}
    body = encode({**known, **chosen, **why})
    if len(body.encode()) > LARGEST_ENTRY:
        body = encode({**known, "too_large": True, **why, "evidence": []})
    return Entry(change=str(moved.change), url=url, body=body)


@cache
def _keys(kind: CustomerKind, fields: tuple[str, ...]) -> list[str]:
    """The keys of an entry that the fields ask for, in their order."""
    asked = {name.partition(".")[0] for name in fields} - {f"{kind}_id"}
    return [key for key in KEYS if key in asked]


def _value(key: str, fields: Sequence[str], facts: Facts, url: str) -> Any:
    if key == "url":
        return url
    if key == "company_id":
        return facts.company_id
    if key in CUSTOMER_ACTIVITY:
        return _instant(facts.activity.get(key))
    if key in WHOLE:
        return _part(facts.profile.get(key) or {}, key, fields)
    return _text(facts.profile.get(key) if key == "company_domain" else (facts.profile.get("metadata") or {}).get(key))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _part(whole: Mapping[str, Any], name: str, fields: Sequence[str]) -> dict[str, Any]:
    """Of an object in the profile what was asked for: all of it, or its paths, nested as they are."""
    if name in fields:
        return dict(whole)
    part: dict[str, Any] = {}
    for path in sorted(one.removeprefix(f"{name}.") for one in fields if one.startswith(f"{name}.")):
        found = find(whole, path.split("."))
        if found:
            keys, value = found
            inner = part
            for key in keys[:-1]:
                inner = inner.setdefault(key, {})
            inner[keys[-1]] = value
    return part


def _moves(told: Told, change: ChangeKind, customers: BitMap) -> dict[int, Moved]:
    """Per customer its last change, if that is the one to tell; the others came in with a baseline, silently."""
    changes = MembershipChange.objects.filter(cohort=told.cohort, version__lte=told.version)
    last = changes.filter(customer__in=list(customers)).values("customer").annotate(last=Max("id")).values("last")
    rows = MembershipChange.objects.filter(pk__in=last, change=change)
    moves = {
        customer: Moved(change, *how)
        for customer, *how in rows.values_list("customer", "changed_at", "reason", "because", "evidence")
    }
    if len(moves) < len(customers):
        baselines = Baseline.objects.filter(cohort=told.cohort, version__lte=told.version)
        began = baselines.order_by("-version").values_list("as_of", flat=True).first() or told.at
        silent = Moved(change, began, Reason.DEFINITION, [ALREADY_IN])
        moves.update({customer: silent for customer in customers if customer not in moves})
    return moves


def _facts(kind: CustomerKind, customers: BitMap, snapshot: Snapshot | None, known: set[str]) -> dict[int, Facts]:
    """Per customer what is known of it; of an erased one its id alone."""
    activity = _activity(snapshot, kind, customers) if snapshot and known - {"company_id"} else {}
    companies = _companies(snapshot, customers) if snapshot and "company_id" in known else {}
    rows = Customer.objects.filter(pk__in=list(customers)).values_list("pk", "external_id", "profile", "erased_at")
    return {
        pk: Facts(external_id) if erased_at else Facts(external_id, profile, companies.get(pk), activity.get(pk) or {})
        for pk, external_id, profile, erased_at in rows
    }


def _activity(snapshot: Snapshot, kind: CustomerKind, customers: BitMap) -> dict[int, Mapping[str, datetime | None]]:
    table = snapshot.activity(kind).semi_join(snapshot.among(customers), "customer")
    return {row.pop("customer"): row for row in snapshot.rows(table).to_pylist()}


def _companies(snapshot: Snapshot, users: BitMap) -> dict[int, str]:
    belongs = snapshot.companies()
    among = snapshot.among(users)
    rows = snapshot.rows(belongs.semi_join(among, belongs.user == among.customer)).to_pylist()
    names = dict(Customer.objects.filter(pk__in={row["company"] for row in rows}).values_list("pk", "external_id"))
    return {row["user"]: names[row["company"]] for row in rows if row["company"] in names}


def _made_up(now: datetime, external_id: str, email: str, name: str, plan: str, days: int) -> Facts:
    seen = {"created": now - timedelta(days=days), "first_seen_time": now - timedelta(days=days)}
    return Facts(
        external_id=external_id,
        profile={
            "metadata": {"email": email, "name": name, "plan": plan},
            "company_domain": email.partition("@")[2],
            "campaign": {"utm_source": "docs"},
        },
        company_id="67890",
        activity={**seen, "last_seen_time": now - timedelta(minutes=4)},
    )


MADE_UP: dict[CustomerKind, list[tuple[ChangeKind, Callable[[datetime], Facts]]]] = {
    CustomerKind.USER: [
        (ChangeKind.ADDED, lambda now: _made_up(now, "12345", "ada@example.com", "Ada Lovelace", "pro", 0)),
        (ChangeKind.ADDED, lambda now: _made_up(now, "12346", "alan@example.com", "Alan Turing", "free", 0)),
        (ChangeKind.REMOVED, lambda now: _made_up(now, "12344", "grace@example.com", "Grace Hopper", "pro", 30)),
    ],
    CustomerKind.COMPANY: [
        (ChangeKind.ADDED, lambda now: _made_up(now, "67890", "info@example.com", "Example Inc.", "pro", 0)),
        (ChangeKind.REMOVED, lambda now: _made_up(now, "67891", "info@example.org", "Example Ltd.", "free", 30)),
    ],
}
"""Customers for an example where a cohort has none yet."""
