"""What comes of a rule's turn: which alerts open, end or go on, and what is told. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from notifications.alerts.due import is_silent, next_telling
from notifications.alerts.groups import Group
from notifications.alerts.judging import Happening, Judgement
from notifications.alerts.life import State, Turn
from notifications.alerts.models import Alert, AlertChange
from notifications.alerts.standing import Standing
from notifications.message import Happened

REMEMBERED = ("calm", "unknown", "told_at", "reminded_at", "resolved_at", "resolved_sentence", "end")
"""What a rule's turn changes of an alert that was open before."""
ENDS = {Turn.RECOVERED: Alert.End.RECOVERED, Turn.FORGOTTEN: Alert.End.NO_DATA}


@dataclass
class Outcome:
    """What is to be written of a rule, and `told`: per kind of message its alerts, the worst first."""

    standing: Standing
    judgement: Judgement | None
    open: dict[str, Alert]
    "The alerts that are open at the end, by the keys of their groups."
    opened: list[Alert] = field(default_factory=list)
    ended: list[Alert] = field(default_factory=list)
    updated: list[Alert] = field(default_factory=list)
    "Those that were open before and of which anything is to be written."
    changes: list[AlertChange] = field(default_factory=list)
    told: dict[Happened, list[Alert]] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    "Of the rule's own columns."

    @property
    def unwatched(self) -> int:
        """How many groups were too small to be watched when it was last judged."""
        return self.judgement.unwatched if self.judgement else self.standing.rule.unwatched


def decide(standing: Standing, judgement: Judgement | None, now: datetime) -> Outcome:
    """What comes of a rule, with the judgement of its intervals if there were any."""
    before = [(alert, _kept(alert)) for alert in standing.open_alerts.values()]
    outcome = Outcome(standing, judgement, {alert.group_key: alert for alert in standing.open_alerts.values()})
    if judgement is not None:
        for happening in judgement.happenings:
            _happen(outcome, happening, now)
        _count(outcome, judgement)
    _tell(outcome, now)
    outcome.updated = [alert for alert, kept in before if _kept(alert) != kept]
    outcome.values = _values(outcome, now)
    return outcome


def _kept(alert: Alert) -> tuple[object, ...]:
    return tuple(getattr(alert, name) for name in REMEMBERED)


def _happen(outcome: Outcome, happening: Happening, now: datetime) -> None:
    standing = outcome.standing
    end = standing.plan.grid.border(happening.number)
    if happening.turn == Turn.OPENED:
        alert = Alert(
            rule=standing.rule,
            group=dict(happening.group.values),
            group_key=happening.group.key,
            definition_version=standing.rule.definition_version,
            opened_at=end,
            interval_start=standing.plan.grid.start(happening.number),
            interval_end=end,
            value=happening.value,
            low=happening.low,
            high=happening.high,
            sentence=happening.sentence,
        )
        outcome.opened.append(alert)
        outcome.open[alert.group_key] = alert
        _note(outcome, alert, AlertChange.Kind.OPENED, now, happening.sentence)
        return
    alert = outcome.open.pop(happening.group.key)
    alert.resolved_at, alert.resolved_sentence, alert.end = end, happening.sentence, ENDS[happening.turn]
    outcome.ended.append(alert)
    _note(outcome, alert, AlertChange.Kind.RESOLVED, now, happening.sentence)


def _count(outcome: Outcome, judgement: Judgement) -> None:
    """Remember what the next interval has to know."""
    for alert in outcome.open.values():
        state = judgement.states.get(Group(alert.group), State())
        alert.calm, alert.unknown = state.calm, state.unknown


def _tell(outcome: Outcome, now: datetime) -> None:
    """Say of each alert what is told of it now, and that it is."""
    rule = outcome.standing.rule
    first: list[Alert] = []
    again: list[Alert] = []
    for alert in dict.fromkeys((*outcome.opened, *outcome.open.values())):
        due = next_telling(alert, rule)
        if due is not None and due <= now:
            (first if alert.told_at is None else again).append(alert)
    for alert in first:
        alert.told_at = now
        _note(outcome, alert, AlertChange.Kind.TOLD, now)
    for alert in again:
        alert.reminded_at = now
        _note(outcome, alert, AlertChange.Kind.REMINDED, now)
    over = [alert for alert in outcome.ended if alert.told_at is not None and not is_silent(alert, rule, now)]
    told = {Happened.OPENED: first, Happened.REMINDER: again, Happened.RESOLVED: over if rule.tells_resolved else []}
    outcome.told = {happened: sorted(alerts, key=_by_size) for happened, alerts in told.items() if alerts}


def _by_size(alert: Alert) -> tuple[float, datetime]:
    """The worst first: by how far the value is from what was expected, against that."""
    if alert.value is None:
        return 0.0, alert.opened_at
    beyond = [abs(alert.value - bound) / (abs(bound) or 1.0) for bound in (alert.low, alert.high) if bound is not None]
    return -max(beyond, default=0.0), alert.opened_at


def _note(outcome: Outcome, alert: Alert, kind: AlertChange.Kind, now: datetime, note: str = "") -> None:
    outcome.changes.append(AlertChange(alert=alert, kind=kind, at=now, note=note))


def _values(outcome: Outcome, now: datetime) -> dict[str, object]:
    standing = outcome.standing
    rule, plan, numbers = standing.rule, standing.plan, standing.numbers
    values: dict[str, object] = {"turn": rule.turn + 1, "attempted_at": now, "error": ""}
    if numbers:
        judged_until = plan.grid.border(numbers[-1])
        values |= {"judged_until": judged_until, "unwatched": outcome.unwatched, "skipped": standing.skipped}
    due = [plan.due_at(numbers.stop), *_tellings(outcome)]
    return values | {"due_at": min(due)}


def _tellings(outcome: Outcome) -> Iterable[datetime]:
    for alert in outcome.open.values():
        due = next_telling(alert, outcome.standing.rule)
        if due is not None:
            yield due
