"""The pages that belong to no single app: home, login, and the style page that shows every component."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cohortsite import first_steps, overview
from cohortsite.styles import EXAMPLES
from ingest.arrivals import record_what_just_came
from ingest.keys import make_key
from ingest.models import Scope
from notifications.alerts.listing import describe_alerts, open_alerts
from notifications.overview import held

ALERTS_SHOWN = 5


class LoginView(auth_views.LoginView):
    """The login page. A page's own htmx request that lands here, its session over, reloads the whole page instead."""

    template_name = "login.html"
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if "HX-Request" in request.headers:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return super().get(request, *args, **kwargs)


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What came in, who moved, what was delivered, and what is not well; on an empty site the way to all that."""
    now, may = timezone.now(), request.user.has_perm
    record_what_just_came()
    steps = first_steps.steps()
    shown: dict[str, Any] = {"now": now, "steps": steps, "arrivals": None, "hours": None}
    if not steps.done and may("ingest.view_event"):
        shown |= {
            "first_event": first_steps.first_event(),
            "sender_key": first_steps.sender_key(),
            **_snippets("", now),
        }
    if steps.event and may("ingest.view_event"):
        arrivals = overview.arrivals(now)
        shown |= {"arrivals": arrivals, "hours": arrivals and _hours(arrivals), "health": overview.health(now)}
    if steps.cohort and may("cohorts.view_cohort"):
        shown["moved"] = overview.moved_today(now)
    if steps.subscription and may("notifications.view_delivery"):
        shown["deliveries"] = overview.deliveries(now)
    if steps.subscription and may("notifications.view_hold"):
        shown["held"] = held()
    if may("alerts.view_alert"):
        shown["alerts"] = describe_alerts(open_alerts(ALERTS_SHOWN + 1), now)
    return render(request, "cohortsite/home.html", shown)


@permission_required("ingest.view_event", raise_exception=True)
@require_GET
def first_event(request: HttpRequest) -> HttpResponse:
    """The light that turns green; the home page of an empty site asks for it until then."""
    record_what_just_came()
    return render(
        request, "cohortsite/first_event.html", {"first_event": first_steps.first_event(), "answers_poll": True}
    )


@permission_required("ingest.add_apikey", raise_exception=True)
@require_POST
@never_cache
def create_sender_key(request: HttpRequest) -> HttpResponse:
    """Make a key for sending and show the snippets with it, this once."""
    now = timezone.now()
    person = request.user if isinstance(request.user, User) else None
    _, text = make_key("First events", [Scope.COLLECTOR], now, person)
    return render(request, "cohortsite/snippets.html", {"now": now, **_snippets(text, now)})


def _snippets(key: str, now: datetime) -> dict[str, Any]:
    return {"key": key, "snippets": first_steps.snippets(settings.SITE_URL, key, now), "address": settings.SITE_URL}


def _hours(arrivals: overview.Arrivals) -> dict[str, Any]:
    """The chart of events per hour."""
    series: list[dict[str, Any]] = [{"label": "Events", "tone": "1", "values": arrivals.events}]
    if arrivals.failed:
        failed = {"label": "of them failed (status 400 and above)", "tone": "removed", "values": arrivals.errors}
        series.append({**failed, "below": True})
    times = [int(hour.timestamp()) for hour in arrivals.hours]
    return {"kind": "bars", "times": times, "step": 3_600, "time_zone": "UTC", "series": series}


def styles(request: HttpRequest) -> HttpResponse:
    """Every component in every state; only where DEBUG is on."""
    return render(request, "cohortsite/styles.html", EXAMPLES | {"now": timezone.now()})


def styles_dialog(request: HttpRequest) -> HttpResponse:
    """A dialog, as htmx fetches it."""
    return render(request, "cohortsite/styles_dialog.html", EXAMPLES)
