"""Made-up data for the style page: every component with plain, long and hostile content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from cohorts.paging import Page

_FIRST = datetime(2026, 2, 1, tzinfo=UTC)
_DAYS = [int((_FIRST + timedelta(days=day)).timestamp()) for day in range(30)]
_JOINED = [(day * 7) % 23 + 2 for day in range(30)]
_LEFT = [(day * 5) % 13 for day in range(30)]
_HOSTILE = "<script>alert(1)</script> {{7*7}} \u202egnp.exe" + "x" * 300


class ExampleForm(forms.Form):
    name = forms.CharField(label="Name", help_text="Shown in every notification.")
    kind = forms.ChoiceField(label="Kind", choices=[("webhook", "Webhook"), ("slack", "Slack"), ("email", "Email")])
    address = forms.URLField(label="Address", assume_scheme="https")
    note = forms.CharField(label="Note", required=False, widget=forms.Textarea(attrs={"rows": 3}))
    tell = forms.BooleanField(label="Tell of those who are in it now", required=False, help_text="Once, at the start.")
    when = forms.ChoiceField(
        label="Tell when", widget=forms.RadioSelect, choices=[("added", "added"), ("removed", "removed")]
    )


def _chart(kind: str, **series: dict[str, Any]) -> dict[str, Any]:
    rows = [{"label": label.capitalize(), **values} for label, values in series.items()]
    return {"kind": kind, "times": _DAYS, "step": 86_400, "time_zone": "UTC", "series": rows}


EXAMPLES: dict[str, Any] = {
    "title": "Styles",
    "form": ExampleForm(),
    "dialog_form": ExampleForm(prefix="dialog"),
    "wrong_form": ExampleForm(
        {"wrong-kind": "webhook", "wrong-address": "nowhere", "wrong-when": "added"}, prefix="wrong"
    ),
    "size": _chart(
        "line", members={"tone": "1", "values": [1_000 + sum(_JOINED[:day]) - sum(_LEFT[:day]) for day in range(30)]}
    ),
    "moves": _chart(
        "bars", joined={"tone": "added", "values": _JOINED}, left={"tone": "removed", "values": _LEFT, "below": True}
    ),
    "watched": {
        **_chart("line", errors={"tone": "1", "values": [12 if day == 22 else 2 + day % 5 / 2 for day in range(30)]}),
        "unit": "%",
        "band": {"label": "Expected", "low": [1.5] * 30, "high": [5 - day % 3 / 2 for day in range(30)]},
        "spans": [{"from": _DAYS[22], "to": _DAYS[23], "label": "Alert open", "tone": "off"}],
        "marks": [{"at": _DAYS[22], "value": 12, "label": "Opened", "tone": "off"}],
    },
    "spark": [day * 7 % 23 + 2 for day in range(30)],
    "cohorts": [
        (
            "First call today with 400s",
            "First seen today, and performed API Call where response.status is 400",
            129,
            12,
        ),
        ("Heavy users on the free plan", "Performed API Call at least 1,000 times in the last 7 days", 1_204, -3),
        (_HOSTILE, _HOSTILE, 0, 0),
    ],
    "page": Page(rows=range(50), number=3, size=50, has_next=True),
    "tabs": [
        {"label": "Members", "href": "#members", "current": True, "count": 1_204},
        {"label": "Changes", "href": "#changes"},
        {"label": "Evaluations", "href": "#evaluations"},
        {"label": "Notifications", "href": "#notifications", "count": 3},
    ],
    "menu": [
        {"label": "Edit", "icon": "edit", "href": "#edit"},
        {"label": "Duplicate", "icon": "content_copy", "href": "#duplicate"},
        {"label": "Delete…", "icon": "delete", "tone": "bad", "get": "/styles/dialog/"},
    ],
    "json": {
        "type": "cohort.membership_changed",
        "version": 1,
        "test": False,
        "counts": {"added": 2, "removed": 1, "members": 129},
        "added": [{"user_id": "12345", "email": None, "name": "<script>alert(1)</script>", "score": -1.5e3}],
    },
    "earlier": _FIRST,
    "hostile": _HOSTILE,
}
