"""Processes that work are killed at random, while events come in, people edit, and receivers fail; then all is counted.

Import it once Django is set up.
"""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from django.db import connection

from tests.faults.killed import Clock, kill_at_random

CALM = timedelta(minutes=20)
"""After this without calls every alert is over."""


class Storm:
    """One run: a site, its receivers, what happens to them, and whether the promises held."""

    def __init__(self, home: Path, seconds: float) -> None:
        self.home, self.seconds = home, seconds
        self.clock = Clock(time.time())
        self.edits = 0

    def run(self) -> dict[str, Any]:
        """Rage, let everything come to rest, and count."""
        from tests.faults.alerts import BY_SHOP, make_alerting, what_is_wrong  # noqa: PLC0415 - Django is set up only now
        from tests.faults.world import World  # noqa: PLC0415
        from tests.receivers import Answer, http_receiver  # noqa: PLC0415

        with http_receiver() as receiver:
            world = World(receiver, self.clock.now(), mail=False)
            self.rule = make_alerting(receiver, self.clock.now(), **BY_SHOP)
            since = self.rule.judged_until
            receiver.always = misbehave
            kills = self.rage(world)
            receiver.always = Answer()
            rested = world.settle_down(self.clock.now())
            broken = self.violations(world, rested)
            world.settle_down(rested + CALM)
            broken += what_is_wrong(self.rule, since, receiver.requests)
            figures = {"seconds": round(self.seconds), "kills": kills, "edits": self.edits, **self.count(world)}
            return {**figures, "violations": broken}

    def rage(self, world: Any) -> int:
        """Kill and edit; returns the number of kills."""
        connection.close()
        context = get_context("spawn")
        ready, stop, kills = context.Event(), context.Event(), context.Queue()
        arguments = (self.clock.started, str(self.home), ready, stop, kills)
        killer = context.Process(target=kill_at_random, args=arguments)
        killer.start()
        ready.wait(120)
        ends_at = time.monotonic() + self.seconds
        try:
            while time.monotonic() < ends_at:
                time.sleep(random.uniform(0.5, 2))
                random.choice((self.edit, self.pause, self.replay, self.acknowledge))(world)
        finally:
            stop.set()
            count = kills.get(timeout=60)
            killer.join()
        self.wake(world)
        return int(count)

    def edit(self, world: Any) -> None:
        """Somebody changes the criteria and asks that whoever moves by it is told of."""
        from cohorts.edit import edit_definition  # noqa: PLC0415 - Django is set up only now

        performed = {"performed": {"type": "api_call"}, "within": {"last": f"{random.randint(2, 20)}m"}}
        match = {**performed, "at_least": random.randint(1, 4)}
        edit_definition(world.cohort, {"criteria": {"version": 1, "match": match}}, tell=True)
        self.edits += 1

    def pause(self, world: Any) -> None:
        """Somebody pauses a subscription or a channel, or goes on with it."""
        from notifications.models import Channel, Subscription  # noqa: PLC0415 - Django is set up only now

        row = random.choice([*Subscription.objects.all(), *Channel.objects.all()])
        type(row).objects.filter(pk=row.pk).update(paused_at=None if row.paused_at else self.clock.now())

    def replay(self, world: Any) -> None:
        """Somebody sends something again."""
        from notifications.delivery import replay  # noqa: PLC0415 - Django is set up only now
        from notifications.models import Delivery  # noqa: PLC0415

        some = Delivery.objects.order_by("?").values_list("pk", flat=True)[:3]
        replay(list(some), self.clock.now())

    def acknowledge(self, world: Any) -> None:
        """Somebody looks after an alert."""
        from notifications.alerts.attend import acknowledge  # noqa: PLC0415 - Django is set up only now
        from notifications.alerts.models import Alert  # noqa: PLC0415

        for alert in Alert.objects.filter(resolved_at=None).order_by("?")[:1]:
            acknowledge(alert, None, now=self.clock.now())

    def wake(self, world: Any) -> None:
        """Nothing is paused any more."""
        from notifications.models import Channel, Subscription  # noqa: PLC0415 - Django is set up only now

        Subscription.objects.update(paused_at=None)
        Channel.objects.update(paused_at=None)

    def count(self, world: Any) -> dict[str, Any]:
        """The figures."""
        from cohorts.models import Evaluation, MembershipChange  # noqa: PLC0415 - Django is set up only now
        from ingest.models import Event, Segment  # noqa: PLC0415
        from notifications.alerts.models import Alert  # noqa: PLC0415
        from notifications.models import Attempt, Batch, Delivery, Settlement  # noqa: PLC0415
        from tests.faults.world import duplicates  # noqa: PLC0415

        requests = world.receiver.requests
        faults = self.home / "faults"
        return {
            "events": Event.objects.count(),
            "segments": Segment.objects.count(),
            "evaluations": Evaluation.objects.count(),
            "changes": MembershipChange.objects.count(),
            "settlements": Settlement.objects.count(),
            "batches": Batch.objects.count(),
            "alerts": Alert.objects.count(),
            "alerts_told": Alert.objects.exclude(told_at=None).count(),
            "deliveries": Delivery.objects.count(),
            "given_up": Delivery.objects.filter(state="dead").count(),
            "attempts": Attempt.objects.count(),
            "cut_off": Attempt.objects.filter(succeeded=None).count(),
            "requests": len(requests),
            "requests_again_with_the_same_id": duplicates(requests),
            "faults_of_units": faults.read_text().splitlines()[:20] if faults.exists() else [],
        }

    def violations(self, world: Any, rested: datetime) -> list[str]:
        """What the doctor finds, what was answered and is not stored, who is in wrongly, what receivers do not know."""
        from cohorts.models import Cohort  # noqa: PLC0415 - Django is set up only now
        from ingest.models import Event  # noqa: PLC0415
        from tests.doctor import broken_promises  # noqa: PLC0415
        from tests.faults.world import told  # noqa: PLC0415

        broken = [f"{name}: {what}" for name, found in broken_promises(rested).items() for what in found]
        stored = set(Event.objects.values_list("fields__metadata__name", flat=True))
        lost = set((self.home / "answered").read_text().split()) - stored
        broken += [f"event {name} was answered and is lost" for name in sorted(lost)[:5]]
        cohort = Cohort.objects.get(pk=world.cohort.pk)
        members = world.members()
        if members != active(cohort):
            broken.append(f"members differ from the events: {sorted(members ^ active(cohort))[:5]}")
        for path in ("/everything", "/joined"):
            try:
                known = told(requests=world.receiver.requests, path=path)
            except AssertionError as fault:
                broken.append(str(fault))
            else:
                if path == "/everything" and known != members:
                    broken.append(f"the receiver knows other members: {sorted(known ^ members)[:5]}")
        return broken


def active(cohort: Any) -> set[str]:
    """Who ought to be in the cohort, from the rows of events alone."""
    from ingest.models import Event  # noqa: PLC0415 - Django is set up only now

    match = cohort.criteria["match"]
    since = cohort.evaluated_at - timedelta(minutes=int(match["within"]["last"].rstrip("m")))
    calls = Event.objects.filter(time__gt=since, time__lte=cohort.evaluated_at, received_at__lte=cohort.evaluated_at)
    users = list(calls.values_list("user__external_id", flat=True))
    return {user for user in users if users.count(user) >= match["at_least"]}


def misbehave(handler: BaseHTTPRequestHandler) -> None:
    """Answer as bad receivers do: mostly well, now and then late, wrongly or not at all."""
    chance = random.random()
    if chance < 0.1:
        _answer(handler, 500)
    elif chance < 0.15:
        _answer(handler, 429, ("Retry-After", "7"))
    elif chance < 0.2:
        handler.connection.close()
    elif chance < 0.25:
        time.sleep(random.uniform(0.2, 1.5))
        _answer(handler, 200)
    else:
        _answer(handler, 200)


def _answer(handler: BaseHTTPRequestHandler, status: int, *headers: tuple[str, str]) -> None:
    handler.send_response(status)
    for header in (("Content-Length", "0"), *headers):
        handler.send_header(*header)
    handler.end_headers()
