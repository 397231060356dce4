"""Messages for tests of what channels make of them, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cohorts.enums import ChangeKind
from cohorts.models import Cohort
from ingest.models import CustomerKind
from notifications.compose import EXAMPLE_FIELDS, Period, draft, with_words
from notifications.compose_alert import make_example_alert
from notifications.entries import Facts, Moved, write_entry
from notifications.message import AlertText, Counts, Entry, Happened, Message, RuleInfo

NOW = datetime(2026, 3, 2, 12, 15, tzinfo=UTC)
BATCH = "11111111-2222-4333-8444-555555555555"

HOSTILE = [
    "<!channel> you won",
    "<https://evil.example|click here>",
    "&lt;!here&gt;",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "Ann\r\nBcc: everybody@example.com",
    "Ann\u2028Bob\u0000\u0007",
    "\u202egnp.exe\u202c \u2066right to left\u2069",
    "*bold* _under_ ~gone~ `code` :smile: @here",
    "x" * 5_000,
    "{{ settings.SECRET_KEY }} {% debug %}",
    "   ",
]
STORABLE = [text.replace("\0", "") for text in HOSTILE]
"""Without NUL, which PostgreSQL does not store."""


def entry(
    name: str = "Ann", number: int = 1, change: ChangeKind = ChangeKind.ADDED, because: str = "Went quiet"
) -> Entry:
    """A user of this name."""
    metadata = {"name": name, "email": f"user{number}@example.com"}
    facts = Facts(f"user-{number}", {"metadata": metadata}, "acme", {"first_seen_time": NOW, "last_seen_time": NOW})
    return write_entry(
        CustomerKind.USER, EXAMPLE_FIELDS[CustomerKind.USER], facts, Moved(change, NOW, "behavior", [because])
    )


def alerts(*names: str, happened: Happened = Happened.OPENED, **values) -> AlertText:
    """What happened to alerts of companies with these ids, or of everything together."""
    rule = RuleInfo("33333333-2222-4333-8444-555555555555", "Error rate over 5 %", "https://cohorts.example.com/rule/")
    groups = [{"company_id": name} for name in names]
    made = make_example_alert(NOW, rule=rule, groups=groups, happened=happened, zone="Europe/Berlin")
    return replace(made, **values)


def message(*entries: Entry, cohort: str = "Big spenders", added: int = 0, removed: int = 0) -> Message:
    """A message that shows these, of a batch with so many more."""
    shown = [one.change for one in entries]
    counts = Counts(shown.count("added") + added, shown.count("removed") + removed, 129)
    about = Cohort(name=cohort, kind=CustomerKind.USER, time_zone="Europe/Berlin")
    return with_words(draft(about, BATCH, 42, Period(NOW - timedelta(minutes=15), NOW), counts), about, entries)
