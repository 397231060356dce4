"""The customers behind an alert: who made what was measured, or, where too little came, who is missing.

They are found by criteria of cohorts with fixed windows, so that the look-up shows the same customers and a cohort that
is saved there has them as members. A list of ids would be no truer: events that came too late to be judged belong to
the interval all the same, and criteria can be read, widened and explained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from cohorts.criteria import parse as parse_criteria
from cohorts.criteria.events import parse_events
from cohorts.criteria.place import Place
from cohorts.evaluation import clock_at, evaluate
from ingest.columns import open_columns
from ingest.columns.interface import Span
from ingest.models import Customer, CustomerKind
from notifications.alerts.conditions.change import SEASONS, Change
from notifications.alerts.conditions.silence import Silence
from notifications.alerts.definition import Definition
from notifications.alerts.models import Alert

Json = dict[str, Any]
DAY, WEEK = SEASONS["day"], SEASONS["week"]
SHOWN = 10


@dataclass(frozen=True)
class Asked:
    """Which customers are meant: those with matching events in `made`; with `gone` only those with none in that."""

    made: Span
    gone: Span | None

    @property
    def is_missing(self) -> bool:
        return self.gone is not None


@dataclass(frozen=True)
class Behind:
    """The customers of one kind: how many, and the most active with the weight of their matching events."""

    kind: CustomerKind
    asked: Asked
    count: int
    most_active: list[tuple[Customer, int]]
    look_up: str
    "The address of the look-up that finds them."


def find_behind(alert: Alert, definition: Definition, now: datetime) -> list[Behind]:
    """The users, and the companies, behind an alert, as known at `now`. Raises ColumnsDamaged."""
    kinds = [kind for kind in CustomerKind if all(_is_of(name, kind) for name in alert.group)]
    return [_find(alert, definition, kind, now) for kind in kinds]


def _find(alert: Alert, definition: Definition, kind: CustomerKind, now: datetime) -> Behind:
    zone = alert.rule.time_zone
    asked = what_is_asked(alert, definition)
    events = _events(alert, definition)
    document = _criteria(alert, kind, events, asked)
    clock = clock_at(now, zone, definition.week_starts_on)
    chosen = parse_events(events, Place("", kind))
    with open_columns().snapshot(now) as snapshot:
        members = evaluate(parse_criteria(document, kind), snapshot, clock).members
        weighing = snapshot.weigh(partial(chosen.among, snapshot=snapshot, clock=clock), chosen.key)
        weights = weighing.within(kind, asked.made).of(members)
    most = sorted(weights, key=lambda pk: (-weights[pk], pk))[:SHOWN]
    customers = Customer.objects.select_related("company").in_bulk(most)
    shown = [(customers[pk], weights[pk]) for pk in most if pk in customers]
    return Behind(kind, asked, len(members), shown, _address(kind, document, zone))


def what_is_asked(alert: Alert, definition: Definition) -> Asked:
    """Too high a number is of those who made it; too low a one, of those who made it before and are gone."""
    interval = Span(alert.interval_start, alert.interval_end)
    condition = definition.condition
    if isinstance(condition, Silence):
        step = definition.every.step if definition.rolling else definition.every.length
        gone = Span(interval.end - definition.every.length - (condition.after - 1) * step, interval.end)
        assert gone.start is not None
        return Asked(Span(gone.start - condition.before * step, gone.start), gone)
    if alert.low is None or (alert.value is not None and alert.value >= alert.low):
        return Asked(interval, None)
    return Asked(_before(alert, definition), interval)


def _before(alert: Alert, definition: Definition) -> Span:
    """The interval to compare with: that of the rule, else one a day, a week or its own length ago."""
    length, condition = definition.every.length, definition.condition
    if isinstance(condition, Change):
        ago = SEASONS.get(condition.against)
    else:
        ago = DAY if length < DAY else WEEK if length < WEEK else None
    start, end = alert.interval_start, alert.interval_end
    if ago is None:
        return Span(start - (end - start), start)
    zone = ZoneInfo(alert.rule.time_zone)
    return Span(_earlier(start, ago, zone), _earlier(end, ago, zone))


def _earlier(at: datetime, ago: timedelta, zone: ZoneInfo) -> datetime:
    """The same time of the clock so many days ago."""
    return at.astimezone(zone) - ago


def _criteria(alert: Alert, kind: CustomerKind, events: Json, asked: Asked) -> Json:
    made = [{"performed": events, "at_least": 1, "within": _window(asked.made)}]
    gone = [{"performed": events, "at_most": 0, "within": _window(asked.gone)}] if asked.gone else []
    of_group = [_owned(name, kind, value) for name, value in alert.group.items() if _owner(name)]
    return {"version": 1, "match": {"all": [*of_group, *made, *gone]}}


def _events(alert: Alert, definition: Definition) -> Json:
    """The events that were measured (of a share the part), of the alert's group as far as events themselves tell it."""
    metric: Mapping[str, Any] = definition.document["metric"]
    events: Json = dict(metric["ratio"] if "ratio" in metric else metric["of"])
    own = [{"field": name, "op": "is", "value": value} for name, value in alert.group.items() if not _owner(name)]
    where = [*([events["where"]] if "where" in events else []), *own]
    return {**events, "where": {"all": where} if len(where) > 1 else where[0]} if where else events


def _window(span: Span) -> Json:
    assert span.start is not None
    return {"after": span.start.isoformat(), "before": span.end.isoformat()}


# --- Fields of groups: of customers (`company_id`, `company.metadata.plan`) or of the events themselves


def _owner(name: str) -> CustomerKind | None:
    """Whose field it is; none for one of events."""
    return next((kind for kind in CustomerKind if name == f"{kind}_id" or name.startswith(f"{kind}.")), None)


def _is_of(name: str, kind: CustomerKind) -> bool:
    """Whether customers of the kind can be told by it: companies not by a user of theirs."""
    return _owner(name) in (None, kind) or kind == CustomerKind.USER


def _owned(name: str, kind: CustomerKind, value: Any) -> Json:
    """The condition on a customer of the kind that it is of the group."""
    owner = _owner(name)
    field = name.removeprefix(f"{owner}.")
    return {"field": field if owner == kind else f"{owner}.{field}", "op": "is", "value": value}


def _address(kind: CustomerKind, document: Json, zone: str) -> str:
    criteria = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return f"{reverse(f'{kind}_lookup')}?{urlencode({'criteria': criteria, 'time_zone': zone})}"
