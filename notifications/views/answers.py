"""What views answer to htmx."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def done(text: str, *events: str, tone: str = "good", close: bool = False) -> HttpResponse:
    """Nothing to show but a toast; `events` tell parts of the page to renew themselves, `close` closes the dialog."""
    triggers: dict[str, Any] = dict.fromkeys(events, True)
    if close:
        triggers["close-dialog"] = True
    return HttpResponse(
        status=204, headers={"HX-Trigger": json.dumps({**triggers, "toast": {"text": text, "tone": tone}})}
    )


def form_again(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The form with its faults."""
    return render(request, template, context, status=422)


def subscriptions_changed(cohort: object) -> str:
    """The event by which the parts of pages that show a cohort's subscriptions renew themselves."""
    return f"subscriptions-{cohort}"
