"""What a rule that is being edited would have done: its chart, and its alerts of the last days. It only reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from ingest.columns import ColumnsDamaged
from notifications.alerts.builder import rule_draft_in
from notifications.alerts.busiest import TooManyGroups
from notifications.alerts.charts import Span, chart_of, maintenance_spans, points_shown, say_group
from notifications.alerts.definition import Definition
from notifications.alerts.plan import Plan
from notifications.alerts.plans import plan_of_draft
from notifications.alerts.replay import Part, Replayed, WouldBe, parts_of, replay
from notifications.alerts.views.access import may_see

DAYS = {"day": 90, "week": 365, "month": 730}
"""How far back by the length of an interval; shorter ones than a day 30 days."""
USUAL_DAYS = 30
SHOWN = 5


@dataclass(frozen=True)
class Told:
    """An alert that would have been, as the list shows it."""

    opened_at: datetime
    group: str
    sentence: str


@dataclass(frozen=True)
class Sum:
    """What the parts of a trial that are done have found: how many alerts, and the newest of them."""

    count: int = 0
    newest: tuple[Told, ...] = ()

    def plus(self, alerts: Sequence[WouldBe]) -> Sum:
        """With those of one more part."""
        told = [Told(alert.opened_at, say_group(alert.group.values), alert.sentence) for alert in alerts]
        newest = sorted([*self.newest, *told], key=lambda each: each.opened_at, reverse=True)
        return Sum(self.count + len(alerts), tuple(newest[:SHOWN]))

    @property
    def json(self) -> str:
        """For the request of the next part."""
        newest = [[each.opened_at.isoformat(), each.group, each.sentence] for each in self.newest]
        return json.dumps([self.count, newest])


@require_POST
@may_see
def trial(request: HttpRequest) -> HttpResponse:
    """The chart and what its first groups would have done. Where all of them take long, the page asks for the rest
    part by part, `?part=`, and shows how far it came."""
    draft, now = rule_draft_in(request.POST), timezone.now()
    if not isinstance(draft.parsed, Definition):
        return render(request, "alerts/editor/trial_result.html", {"unfinished": True})
    plan = plan_of_draft(draft.parsed, draft.time_zone)
    days = DAYS.get(plan.definition.every.name, USUAL_DAYS)
    parts = parts_of(plan, now, days)
    number = min(_number(request.GET.get("part", "")), parts - 1)
    points = points_shown(plan) if number == 0 else 0
    try:
        replayed = replay(plan, now, days, points=points, charts=1, part=Part(number, parts))
    except (ColumnsDamaged, TooManyGroups) as error:
        return render(request, "alerts/editor/trial_result.html", {"problem": str(error)})
    found = (_sum(request.POST.get("found", "")) if number else Sum()).plus(replayed.alerts)
    context: dict[str, Any] = {
        "found": found,
        "days": days,
        "zone": draft.time_zone,
        "unwatched": replayed.unwatched,
        "next": number + 1 if number + 1 < parts else 0,
        "parts": parts,
        "percent": (number + 1) * 100 // parts,
        "later": number > 0,
    }
    if number:
        return render(request, "alerts/editor/trial_sum.html", context)
    return render(request, "alerts/editor/trial_result.html", {**context, **_chart(plan, replayed)})


def _chart(plan: Plan, replayed: Replayed) -> dict[str, Any]:
    if not replayed.drawn or not replayed.drawn[0].points:
        return {"empty": True}
    drawn = replayed.drawn[0]
    end = drawn.points[-1].end
    spans = [
        Span(alert.start, alert.resolved_at or end, "Would have alerted")
        for alert in replayed.alerts
        if alert.group == drawn.group
    ]
    subject = say_group(drawn.group.values)
    label = subject or plan.definition.metric.words()
    chart = chart_of(plan, drawn.points, label[:120], [*spans, *maintenance_spans(plan)])
    return {"chart": chart, "subject": subject, "empty": all(point.value is None for point in drawn.points)}


def _sum(text: str) -> Sum:
    """What earlier parts found; whoever makes it up sees what was made up."""
    try:
        count, newest = json.loads(text)
        told = [Told(datetime.fromisoformat(at).astimezone(UTC), str(group), str(said)) for at, group, said in newest]
        return Sum(int(count), tuple(told))
    except (ValueError, TypeError, OverflowError):
        return Sum()


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
