"""What the demo sets up: an administrator, a key, cohorts, alert rules and whom they tell; and where it continues."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from cohorts.models import Cohort
from ingest.keys import make_key
from ingest.models import CustomerKind, Scope
from notifications.alerts.edit import create_rule
from notifications.alerts.models import AlertRule
from notifications.alerts.recipes import RECIPES
from notifications.batching import subscribe
from notifications.channels.webhook import new_secret
from notifications.models import Channel

ADMINISTRATOR = "admin"
PERIOD = timedelta(minutes=1)
"""The shortest: whoever watches the demo should not have to wait a quarter of an hour."""
RECIPIENT = "success@fernpost.example"

API_CALLS = {"type": "api_call"}
COHORTS: dict[str, tuple[str, CustomerKind, list[dict[str, Any]]]] = {
    "new-and-stuck": (
        "New today and hit a 400",
        CustomerKind.USER,
        [
            {"field": "first_seen_time", "op": "on", "value": {"calendar": "today"}},
            {
                "performed": API_CALLS | {"where": {"field": "response.status", "op": "is", "value": 400}},
                "at_least": 1,
                "within": {"calendar": "today"},
            },
        ],
    ),
    "gone-quiet": (
        "Active before, quiet for a week",
        CustomerKind.USER,
        [
            {"performed": API_CALLS, "at_least": 20, "within": {"from": "37d", "to": "7d"}},
            {"performed": API_CALLS, "at_most": 0, "within": {"last": "7d"}},
        ],
    ),
    "heavy-users": (
        "Heavy users of the last 24 hours",
        CustomerKind.USER,
        [{"performed": API_CALLS, "at_least": 30, "within": {"last": "24h"}}],
    ),
    "outgrowing-the-plan": (
        "Outgrowing a small plan",
        CustomerKind.USER,
        [
            {"field": "metadata.plan", "op": "is", "value": ["free", "starter"]},
            {"performed": API_CALLS, "at_least": 15, "within": {"last": "24h"}},
        ],
    ),
    "server-errors": (
        "Companies that met server errors",
        CustomerKind.COMPANY,
        [
            {
                "performed": API_CALLS | {"where": {"field": "response.status", "op": ">=", "value": 500}},
                "at_least": 3,
                "within": {"last": "6h"},
            }
        ],
    ),
}
"""Key -> name, kind and criteria, all of which must hold."""
RULES: dict[str, tuple[str, dict[str, Any]]] = {recipe.key: (recipe.title, recipe.document) for recipe in RECIPES} | {
    "company-failing": (
        "A company runs into server errors",
        {
            "version": 1,
            "metric": {
                "of": API_CALLS | {"where": {"field": "response.status", "op": ">=", "value": 500}},
                "figure": "count",
            },
            "every": "hour",
            "group_by": ["company_id"],
            "condition": {"static": {"op": ">=", "value": 3}},
        },
    ),
}
"""Key -> name and definition: the ready-made rules, and one that watches each company."""
MAILED = ("new-and-stuck", "gone-quiet")
"""The cohorts that are told by email too."""
FIELDS = {
    CustomerKind.USER: ["email", "name", "metadata.plan"],
    CustomerKind.COMPANY: ["company_domain", "name", "metadata.plan"],
}


@dataclass
class State:
    """What a later run must know; it stands in `demo.json` in the data directory."""

    anchor: str
    "The hour of the first run, around which the traffic is made."
    until: str
    "Up to here the traffic is in the database."
    password: str
    api_key: str

    @classmethod
    def read(cls, file: Path) -> State | None:
        """The state of earlier runs, or none."""
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def write(self, file: Path) -> None:
        """Keep it; the file holds a password and a key of the demo."""
        new = file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(self), indent=2))
        new.replace(file)


def first_state(anchor: datetime, until: datetime, now: datetime) -> State:
    """Make the administrator and the key."""
    password = secrets.token_urlsafe(9)
    administrator, _ = User.objects.update_or_create(
        username=ADMINISTRATOR, defaults={"is_staff": True, "is_superuser": True, "email": RECIPIENT}
    )
    administrator.set_password(password)
    administrator.save()
    _, api_key = make_key("demo", list(Scope), now, created_by=administrator)
    return State(anchor.isoformat(), until.isoformat(), password, api_key)


def make_cohorts(at: datetime) -> None:
    """Save the five cohorts as if at `at`; those that are there stay as they are."""
    for key, (name, kind, criteria) in COHORTS.items():
        values = {"name": name, "kind": kind, "criteria": {"version": 1, "match": {"all": criteria}}}
        Cohort.objects.get_or_create(key=key, defaults={**values, "period": PERIOD, "created_at": at})


def make_channels(url: str, at: datetime) -> tuple[Channel, Channel]:
    """The webhook channel, pointed at `url`, and the email channel."""
    hook, _ = Channel.objects.get_or_create(
        name="Demo webhook",
        defaults={"kind": "webhook", "created_at": at, "config": {"url": url, "secret": new_secret()}},
    )
    hook.config = {**hook.config, "url": url}
    hook.save(update_fields=["config"])
    mail, _ = Channel.objects.get_or_create(
        name="Customer success",
        defaults={"kind": "email", "created_at": at, "config": {"recipients": [RECIPIENT]}},
    )
    return hook, mail


def make_rules(hook: Channel, mail: Channel, at: datetime) -> None:
    """Save the alert rules as if at `at`; those that are there stay as they are."""
    known = set(AlertRule.objects.filter(key__in=RULES).values_list("key", flat=True))
    for key, (name, definition) in RULES.items():
        if key not in known:
            values = {"key": key, "name": name, "definition": definition, "time_zone": "UTC"}
            create_rule(values, now=at, channels=[hook, mail] if key == "error-rate" else [hook])


def subscribe_all(hook: Channel, mail: Channel, at: datetime) -> None:
    """Tell the webhook of every cohort and the mail of some, from the members at `at` on."""
    for cohort in Cohort.objects.filter(key__in=COHORTS):
        for channel in [hook, mail] if cohort.key in MAILED else [hook]:
            if not cohort.subscriptions.filter(channel=channel).exists():
                subscribe(cohort, channel, now=at, period=PERIOD, fields=FIELDS[CustomerKind(cohort.kind)])
