"""The site's pages under measurement: every page of the address list, through Django's test client."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.utils import timezone

from benchmarks.cohorts import COHORTS
from benchmarks.store import Store
from cohorts.enums import ChangeKind, Reason
from cohorts.models import Cohort, Evaluation, MembershipChange
from cohorts.urls import pages as cohorts_pages
from cohortsite import pipeline
from cohortsite.urls import urlpatterns
from ingest.columns import Span, open_columns
from ingest.models import Customer, CustomerKind, Event
from notifications.batching import subscribe
from notifications.models import Channel, Delivery, Subscription
from notifications.urls import pages as notifications_pages

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
HISTORY_DAYS = 30
CHANGES = 14_400
"""Membership changes per cohort in that time, five per evaluation."""
ELSEWHERE = ("login", "logout")
Results = dict[str, Any]


class Site:
    """The site with its data, at an instant. Runs in a process where Django is set up."""

    def __init__(self, data: Path, start: datetime, quarters: int) -> None:
        settings.ALLOWED_HOSTS.append("testserver")
        logging.getLogger("django.request").setLevel(logging.ERROR)  # it warns of every page that only takes posts
        for cohort in Cohort.objects.all():
            _write_history(cohort, start)
        channel = Channel.objects.create(
            kind="email", name="Success", config={"recipients": ["a@example.com"]}, created_at=start
        )
        for cohort in Cohort.objects.all():
            subscribe(cohort, channel, now=start)
        store = Store()
        for number in range(1, quarters + 1):
            store.receive(data / "deltas" / str(number))
            pipeline.run_cycle(start + number * QUARTER)
        # The pages read the clock, which has to stand where the history ends.
        now = start + quarters * QUARTER
        timezone.now = lambda: now
        self._busiest = _busiest()
        self.client = Client()
        self.client.force_login(User.objects.create_superuser("benchmark"))

    def about(self) -> Results:
        """How much there is."""
        return {
            "users": Customer.objects.filter(kind=CustomerKind.USER).count(),
            "companies": Customer.objects.filter(kind=CustomerKind.COMPANY).count(),
            "evaluations": Evaluation.objects.count(),
            "changes": MembershipChange.objects.count(),
            "deliveries": Delivery.objects.count(),
        }

    def look_ups(self, times: int) -> dict[str, Results]:
        """Per definition: the whole answer of the look-up, number and first page."""
        found = {"everybody": self._measure(reverse("user_lookup_results"), times)}
        for cohort in COHORTS:
            query = urlencode({"criteria": json.dumps(cohort.criteria)})
            address = f"{reverse(f'{cohort.kind}_lookup_results')}?{query}"
            found[f"{cohort.name}: {cohort.about}"] = self._measure(address, times)
        return found

    def pages(self, times: int) -> dict[str, Results]:
        """Per page: its times, how many queries it makes, how large it is. What changes something is left out."""
        return {name: self._measure(address, times, posted) for name, address, posted in self._addresses()}

    def _measure(self, address: str, times: int, posted: Results | None = None) -> Results:
        with CaptureQueriesContext(connection) as queries:
            status, size = self._ask(address, posted)
            asked = len(queries)
        took = []
        for _ in range(times):
            started = time.perf_counter()
            self._ask(address, posted)
            took.append((time.perf_counter() - started) * 1000)
        took.sort()
        return {
            "median": round(took[len(took) // 2]),
            "p95": round(took[math.ceil(0.95 * len(took)) - 1]),
            "max": round(took[-1]),
            "queries": asked,
            "bytes": size,
            "status": status,
        }

    def _ask(self, address: str, posted: Results | None) -> tuple[int, int]:
        answer = self.client.get(address) if posted is None else self.client.post(address, posted)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        return answer.status_code, len(content)

    def _addresses(self) -> Iterator[tuple[str, str, Results | None]]:
        own = [pattern for pattern in urlpatterns if isinstance(pattern, URLPattern)]
        for pattern in [*own, *cohorts_pages, *notifications_pages]:
            name = pattern.name or ""
            arguments = {part: self._argument(part, str(pattern.pattern)) for part in _parts(pattern)}
            address = reverse(name, kwargs=arguments)
            if name in POSTED:
                yield name, address, POSTED[name]
            elif name not in ELSEWHERE and self.client.get(address).status_code not in (302, 405):
                yield name, address, None
                yield from ((f"{name}, {words}", f"{address}?{query}", None) for words, query in VARIANTS.get(name, ()))

    def _argument(self, part: str, route: str) -> Any:
        if part == "kind":
            return CustomerKind.USER.value
        if part == "external_id":
            return self._busiest.external_id
        examples: dict[str, Callable[[], Any]] = {
            "customers": lambda: self._busiest.pk,
            "events": lambda: Event.objects.latest("pk").pk,
            "subscriptions": lambda: Subscription.objects.latest("created_at").pk,
            "channels": lambda: Channel.objects.latest("created_at").pk,
            "deliveries": lambda: Delivery.objects.latest("created_at").pk,
        }
        return examples.get(route.partition("/")[0], lambda: Cohort.objects.get(name="c02").pk)()


_ON_FREE = json.dumps({"version": 1, "match": {"field": "metadata.plan", "op": "is", "value": "free"}})
_SORTED = [(f"by {field}", urlencode({"sort": field})) for field in ("user_id", "email", "company_id", "created")]
VARIANTS: dict[str, list[tuple[str, str]]] = {
    "user_lookup_results": [
        *_SORTED,
        ("by metadata.plan", urlencode({"columns": "metadata.plan", "sort": "-metadata.plan"})),
        ("page 1000", "page=1000"),
        ("on free, by email, page 100", urlencode({"criteria": _ON_FREE, "sort": "email", "page": "100"})),
    ],
    "user_lookup": [("with criteria", urlencode({"criteria": _ON_FREE}))],
    "user_lookup_export": [("on free", urlencode({"criteria": _ON_FREE}))],
    "user_cohort_new": [("with criteria", urlencode({"criteria": _ON_FREE}))],
    "builder_fields": [("of events", "of=event")],
    "builder_values": [
        ("of a customer's field", urlencode({"of": "customer", "field": "metadata.plan"})),
        ("of an event's field", urlencode({"of": "event", "field": "request.route"})),
    ],
}
"""Queries that make a page work harder, or at all."""

POSTED: dict[str, Results] = {
    "builder": {"criteria": _ON_FREE},
    "cohort_impact": {"criteria": _ON_FREE},
    "notification_preview": {"send_on_addition": "on", "send_on_removal": "on", "fields": ["email", "name"]},
}
"""Pages that only read but take posts, and what is posted to them."""


def _parts(pattern: URLPattern) -> list[str]:
    """The names of the arguments in an address that the view does not get anyway."""
    return [part for part in pattern.pattern.regex.groupindex if part not in pattern.default_args]


def _busiest() -> Customer:
    """A user with many events among those that came in last."""
    with open_columns().snapshot(timezone.now()) as snapshot:
        table = snapshot.events(CustomerKind.USER, Span(None, timezone.now()))
        counts = table.group_by("customer").aggregate(events=table.count())
        [row] = snapshot.rows(counts.order_by(counts.events.desc()).limit(1)).to_pylist()
    return Customer.objects.get(pk=row["customer"])


def _write_history(cohort: Cohort, end: datetime) -> None:
    """Evaluations and changes of the last days, as they would have been before the baseline that is there."""
    instants = [end - number * QUARTER for number in range(1, HISTORY_DAYS * DAY // QUARTER)]
    Evaluation.objects.bulk_create(
        [
            Evaluation(
                cohort=cohort,
                definition_version=1,
                criteria=cohort.criteria,
                as_of=at,
                duration=timedelta(milliseconds=120),
                members=5_000 + number % 700,
                added=3,
                removed=2,
            )
            for number, at in enumerate(instants)
        ],
        batch_size=1_000,
    )
    customers = Customer.objects.filter(kind=cohort.kind).order_by("pk").values_list("pk", flat=True)[:CHANGES]
    MembershipChange.objects.bulk_create(
        [
            MembershipChange(
                cohort=cohort,
                version=0,
                customer_id=customer,
                change=ChangeKind.ADDED if number % 5 < 3 else ChangeKind.REMOVED,
                changed_at=end - HISTORY_DAYS * DAY * number / CHANGES,
                reason=Reason.BEHAVIOR,
                because=["API Call: 3 times in the last 7 days (at least 1)"],
            )
            for number, customer in enumerate(customers)
        ],
        batch_size=5_000,
    )
