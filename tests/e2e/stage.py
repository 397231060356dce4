"""What the demo does not have by itself, so that the pages of it can be seen: a list whose last edit is held back,
backtests of a cohort, and an address to which nothing is sent. It runs inside the demo's site: `manage.py shell`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from cohorts.backtest.run import advance, start_backtest
from cohorts.lists import Wish
from cohorts.models import Backtest, Cohort
from cohorts.refresh import take_effect
from cohortsite.pipeline import run_cycle
from ingest.models import Customer, CustomerKind
from notifications.batching import subscribe
from notifications.models import Channel, Suppression
from notifications.suppression import suppress

PILOT = "Customers of the pilot"
MINUTE = timedelta(minutes=1)


def stage() -> None:
    """Set it up as of now; a second time only what is missing."""
    now = timezone.now()
    if not Cohort.objects.filter(name=PILOT).exists():
        hold_back(now)
        try_out(now)
        suppress("left@fernpost.example", Suppression.Reason.UNSUBSCRIBED, now)
        suppress("gone@fernpost.example", Suppression.Reason.BOUNCED, now, "550 5.1.1 no such user here")


def hold_back(now: datetime) -> None:
    """A list of which more customers would be told of at once than is allowed."""
    pilot = Cohort.objects.create(
        name=PILOT, kind=CustomerKind.USER, is_list=True, criteria={}, created_at=now, description="Asked us in May."
    )
    names = list(Customer.objects.filter(kind=CustomerKind.USER).order_by("pk").values_list("external_id", flat=True))
    put(pilot, names[:8], now)
    channel = Channel.objects.filter(kind="webhook").order_by("created_at").first()
    assert channel is not None
    subscribe(cohort=pilot, channel=channel, now=now, period=MINUTE, hold_above=10)
    put(pilot, names[8:30], now + MINUTE)
    run_cycle(now + 2 * MINUTE)


def put(cohort: Cohort, names: list[str], now: datetime) -> None:
    Wish(add=names).fulfil(cohort, now, note="pilot.csv")
    take_effect(cohort, now)


def try_out(now: datetime) -> None:
    """One backtest that has ended and one that is under way."""
    cohort = Cohort.objects.get(key="heavy-users")
    definition = {
        name: getattr(cohort, name) for name in ("kind", "criteria", "time_zone", "week_starts_on", "period")
    } | {"period": timedelta(minutes=30)}
    ended = start_backtest(definition, now=now, days=7, cohort=cohort)
    while Backtest.objects.filter(pk=ended.pk, finished_at=None).exists():
        advance(ended.pk, timezone.now(), seconds=60)
    under_way = start_backtest(definition, now=now + MINUTE, days=30, cohort=cohort)
    advance(under_way.pk, timezone.now(), seconds=2)
