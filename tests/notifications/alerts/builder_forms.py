"""The rule editor's form as a browser reads it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.template.loader import render_to_string

from notifications.alerts.builder import RuleDraft, rule_draft_from, rule_draft_of
from tests.cohorts.builder.forms import inputs_in


def html_of(draft: RuleDraft) -> str:
    """The whole editor as a page includes it."""
    return render_to_string("alerts/builder/builder.html", {"builder": draft})


def inputs_of(draft: RuleDraft) -> list[tuple[str, str]]:
    """What the form sends as it stands."""
    return inputs_in(html_of(draft))


def change(draft: RuleDraft, **values: str) -> RuleDraft:
    """After somebody changed inputs: `change(draft, **{"metric:measure": "ratio"})`."""
    inputs = inputs_of(draft)
    missing = values.keys() - dict(inputs).keys()
    assert not missing, f"no input {missing} among {[name for name, _ in inputs]}"
    changed = [(name, values.get(name, value)) for name, value in inputs]
    return rule_draft_from(QueryDict(urlencode(changed)))


def of(**rule: Any) -> RuleDraft:
    """The draft of a rule that counts API calls per hour, but for what is given."""
    usual = {"metric": {"of": {"type": "api_call"}, "figure": "count"}, "every": "hour", "condition": {"anomaly": {}}}
    return rule_draft_of({"version": 1, **usual, **rule})
