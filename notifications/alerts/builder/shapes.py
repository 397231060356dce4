"""The forms that objects of a rule take, by what was chosen, and rules whose parts fit each other again."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from cohorts.builder.edit import CONDITION
from cohorts.builder.fit import fit
from cohorts.builder.form import Forms, Values
from ingest.models import CustomerKind
from notifications.alerts.builder.labels import seasons_of
from notifications.alerts.conditions import CONDITIONS
from notifications.alerts.metric import COUNT

CALLS = {"type": "api_call"}
EVENTS = ("of", "ratio", "to")


def as_metric(wanted: str, given: Values) -> Values:
    """A metric that measures what was chosen, of the same events as far as that goes."""
    if wanted == "ratio":
        if "ratio" in given:
            return {"ratio": given["ratio"], "to": given.get("to", CALLS)}
        whole = given.get("of", CALLS)
        events = whole if isinstance(whole, dict) else CALLS
        return {
            "ratio": {**events, "where": events.get("where", deepcopy(CONDITION))},
            "to": {key: value for key, value in events.items() if key != "where"},
        }
    figure = {"of": given.get("of", given.get("to", CALLS)), "figure": wanted}
    return figure if wanted == COUNT else {**figure, "field": given.get("field", "")}


def as_condition(wanted: str, given: Values) -> Values:
    """A condition of the kind that was chosen: a blank one unless it was of that kind already."""
    if wanted not in given:
        return deepcopy(dict(CONDITIONS[wanted].blank)) if wanted in CONDITIONS else given
    return {key: value for key, value in given.items() if value != {} and (key == wanted or key == "of_last")}


def as_comparison(wanted: str, given: Values) -> Values:
    """A threshold or a range, with what it recovers at if that is said."""
    if wanted == "outside":
        bounds = given.get("outside", ["", given.get("value", "")])
        made: Values = {"outside": bounds}
    else:
        outside = given.get("outside")
        made = {"op": wanted, "value": given.get("value", outside[-1] if isinstance(outside, list) and outside else "")}
    recover = given.get("recover_at")
    is_pair = isinstance(recover, list)
    if recover in (None, "", ["", ""]) or is_pair != (wanted == "outside"):
        return made
    return {**made, "recover_at": recover}


def as_wait(wanted: str, given: Values) -> str:
    """A length of time; empty where none is written."""
    return f"{wanted.strip()}{given.get('unit', 'm')}" if wanted.strip() else ""


FORMS: Forms = {"measure": as_metric, "when": as_condition, "compare": as_comparison, "wait": as_wait}
"""Hint on an object -> what makes it take the form that was chosen."""


def fit_rule(document: Values) -> Values:
    """The rule without what no longer fits the rest of it; whatever is valid stays as it is."""
    fitted = {key: value for key, value in document.items() if value not in ("", [])}
    metric = fitted.get("metric")
    if isinstance(metric, dict):
        fitted["metric"] = {key: _fit_events(value) if key in EVENTS else value for key, value in metric.items()}
    if "group_by" not in fitted:
        fitted.pop("most_groups", None)
    for usual in ({"mode": "calendar"}, {"week_starts_on": 1}):
        if usual.items() <= fitted.items():
            del fitted[next(iter(usual))]
    _fit_season(fitted)
    return fitted


def _fit_events(events: Any) -> Any:
    return fit(events, CustomerKind.USER)


def _fit_season(fitted: Values) -> None:
    """Intervals of a week cannot be compared with the day before."""
    match fitted.get("condition"):
        case {"change": {"against": against} as change}:
            possible = [name for name, _ in seasons_of(str(fitted.get("every", "")))]
            if against not in possible:
                fitted["condition"] = {"change": {**change, "against": possible[0]}}
